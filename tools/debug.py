"""Tells which layer of an integer model errs most, and why.

  python -m tools.debug --model=M.tflite --run_dir=out/run [--report=R.json]

Each layer is computed unrounded, fake-quantized and as an integer op on the integer model's own
input of that op, so that it answers for itself alone. The first suspect is the layer with the worst
signal-to-noise ratio; its error is split into folding, rounding of weights and bias, clipping,
rounding of activations, and the kernel's arithmetic. With --node_data, the figures are also written
as node data of Model Explorer, which shows them on the graph of --model.

Exit code 0: told; 2: the request cannot be served.
"""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich.box
from absl import flags
from rich.table import Table

from pipeline import files, flatbuffer, report
from pipeline.graph import Subgraph
from pipeline.run_dir import RunDir
from tools import cli, held_out

if TYPE_CHECKING:
    from pipeline.debug import LayerErrors

_MODEL = flags.DEFINE_string("model", None, "The .tflite model.", required=True)
_RUN_DIR = flags.DEFINE_string(
    "run_dir", None, "The run that the model was converted from.", required=True
)
_DATASET = flags.DEFINE_string("dataset", None, "Pictures to run on; default: the run's data set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 32, "Pictures to run on.", 1)
_NODE_DATA = flags.DEFINE_string("node_data", None, "Where to write Model Explorer's node data.")
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")


def main() -> None:
    """Measures, prints the layers and names the first suspect."""
    path = pathlib.Path(_MODEL.value)
    model = path.read_bytes()
    graph = flatbuffer.read(model).main
    run_dir = RunDir.open(_RUN_DIR.value)
    from pipeline import debug, qat  # here: tfmot takes seconds to import

    codes = held_out.codes(model, run_dir, _DATASET.value, _DATA_DIR.value, _NUM_INPUTS.value)
    errors = debug.measure(model, qat.load(run_dir.qat_model), codes[:, 0])
    suspects = debug.suspects(errors)
    _print(errors)
    for suspect in suspects[:1]:
        channels = ", ".join(f"{it} ({100 * share:.0f} %)" for it, share in suspect.worst_channels)
        print(
            f"first suspect: layer {suspect.layer}, op {suspect.op_index} {suspect.op}, "
            f"{suspect.integer_db:.1f} dB, most of it {suspect.cause} "
            f"({100 * suspect.parts[suspect.cause]:.0f} %); worst channels: {channels}"
        )
    if _NODE_DATA.value:
        files.write_text(_NODE_DATA.value, json.dumps(_node_data(graph, errors)))
    if _REPORT.value:
        results = {
            "layers": [{**dataclasses.asdict(it), "cause": it.cause} for it in errors],
            "suspects": [it.layer for it in suspects],
            "num_inputs": len(codes),
        }
        report.write(_REPORT.value, "debug", results, inputs=[path])


def _print(errors: "Sequence[LayerErrors]") -> None:
    table = Table(
        *("op", "layer", "integer, dB", "fake-quant, dB", "cosine", "noise from", "worst channels"),
        title="each layer on its integer input, against itself unrounded",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for it in errors:
        shares = sorted(it.parts.items(), key=lambda part: -part[1])
        table.add_row(
            f"{it.op_index} {it.op}",
            it.layer,
            _decibel(it.integer_db),
            _decibel(it.fake_quant_db),
            "" if it.cosine is None else f"{it.cosine:.5f}",
            ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares if share >= 0.01),
            ", ".join(str(channel) for channel, _ in it.worst_channels),
        )
    cli.console().print(table)


def _decibel(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _node_data(graph: Subgraph, errors: "Sequence[LayerErrors]") -> dict[str, object]:
    """Returns the signal-to-noise ratio of each op, by the name of its output.

    Source: GraphNodeData in google-ai-edge/model-explorer, model_explorer/node_data_builder.py.
    """
    outputs = {op.index: graph.tensors[op.outputs[0]].name for op in graph.operators}
    results = {
        outputs[it.op_index]: {"value": round(it.integer_db, 2)}
        for it in errors
        if it.integer_db is not None
    }
    gradient = [{"stop": 0, "bgColor": "red"}, {"stop": 1, "bgColor": "white"}]
    return {"results": results, "gradient": gradient}


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
