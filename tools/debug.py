"""Tells which layer of an integer model errs most, and why.

  python -m tools.debug --model=M.tflite --run_dir=out/run [--report=R.json]
  python -m tools.debug --model=M.tflite --run_dir=out/run --sensitivity=both

Each layer is computed unrounded, fake-quantized and as an integer op on the integer model's own
input of that op, so that it answers for itself alone. The first suspect is the layer with the worst
signal-to-noise ratio; its error is split into folding, rounding of weights and bias, clipping,
rounding of activations, and the kernel's arithmetic. A second table tells what all layers up to one
have erred together: the integer model's output there against the unrounded network's, both from the
same pictures, and how that changed from the layer's inputs. With --node_data, the first table's
figures are also written as node data of Model Explorer, which shows them on the graph of --model;
with --network_node_data, the second's.

--sensitivity ranks the layers of the run's network by how much the answers suffer where one layer
alone is rounded ("one"), or all but one ("all_but_one"). It costs a run of the network on
--sensitivity_inputs pictures for each layer and mode, so for "both" two runs a layer.

Exit code 0: told; 2: the request cannot be served.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich.box
from absl import flags
from rich.table import Table

from pipeline import data, files, flatbuffer, model_explorer, report
from pipeline.run_dir import RunDir
from tools import cli, held_out

if TYPE_CHECKING:
    from pipeline.debug import LayerErrors
    from pipeline.legacy_keras import tf_keras
    from pipeline.sensitivity import Mode, Sensitivity

_MODEL = flags.DEFINE_string("model", None, "The .tflite model.", required=True)
_RUN_DIR = flags.DEFINE_string(
    "run_dir", None, "The run that the model was converted from.", required=True
)
_DATASET = flags.DEFINE_string("dataset", None, "Pictures to run on; default: the run's data set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 32, "Pictures to run on.", 1)
_NODE_DATA = flags.DEFINE_string("node_data", None, "Where to write Model Explorer's node data.")
_NETWORK_NODE_DATA = flags.DEFINE_string(
    "network_node_data", None, "Likewise, of the error through the network."
)
_SENSITIVITY = flags.DEFINE_enum(
    "sensitivity",
    "none",
    ["none", "one", "all_but_one", "both"],
    "Rank the layers by the harm of rounding one alone, or all but one.",
)
_SENSITIVITY_INPUTS = flags.DEFINE_integer(
    "sensitivity_inputs", 256, "Pictures to rank the layers on.", 1
)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_MODES: "dict[str, list[Mode]]" = {
    "none": [],
    "one": ["one"],
    "all_but_one": ["all_but_one"],
    "both": ["one", "all_but_one"],
}


def main() -> None:
    """Measures, prints the layers and names the first suspect."""
    path = pathlib.Path(_MODEL.value)
    model = path.read_bytes()
    graph = flatbuffer.read(model).main
    run_dir = RunDir.open(_RUN_DIR.value)
    from pipeline import debug, qat  # here: tfmot takes seconds to import

    codes = held_out.codes(model, run_dir, _DATASET.value, _DATA_DIR.value, _NUM_INPUTS.value)
    qat_model = qat.load(run_dir.qat_model)
    errors = debug.measure(model, qat_model, codes[:, 0])
    suspects = debug.suspects(errors)
    _print(errors)
    _print_suspect(suspects)
    _print_network(errors)
    modes = _MODES[_SENSITIVITY.value]
    found = _sensitivity(run_dir, qat_model, modes) if modes else None
    own = {it.op_index: it.integer_db for it in errors}
    network = {it.op_index: it.network.db for it in errors}
    for target, figures in ((_NODE_DATA.value, own), (_NETWORK_NODE_DATA.value, network)):
        if target:
            files.write_text(target, json.dumps(model_explorer.node_data(graph, figures)))
    if _REPORT.value:
        results = {
            "layers": [{**dataclasses.asdict(it), "cause": it.cause} for it in errors],
            "suspects": [it.layer for it in suspects],
            "num_inputs": len(codes),
            "sensitivity": found,
        }
        report.write(_REPORT.value, "debug", results, inputs=[path])


def _sensitivity(
    run_dir: RunDir, qat_model: "tf_keras.Model", modes: "Sequence[Mode]"
) -> "Sensitivity":
    from pipeline import run_layers, sensitivity  # here: they import TensorFlow
    from tools import sensitivity_table

    spec, dataset = held_out.of_run(run_dir, _DATASET.value, _DATA_DIR.value)
    count = min(_SENSITIVITY_INPUTS.value, dataset.num_eval)
    pixels, labels = data.eval_pixels(dataset, count)
    runs = sensitivity.num_runs(qat_model, modes)
    print(f"sensitivity: {runs} runs of the network on {count} pictures", flush=True)
    found = sensitivity.measure(
        qat_model,
        list(run_layers.batches(spec.float_table()[pixels])),
        labels,
        modes,
        functools.partial(cli.track, "rounding layers"),
    )
    sensitivity_table.show(found)
    return found


def _print_suspect(suspects: "Sequence[LayerErrors]") -> None:
    for suspect in suspects[:1]:
        channels = ", ".join(f"{it} ({100 * share:.0f} %)" for it, share in suspect.worst_channels)
        print(
            f"first suspect: layer {suspect.layer}, op {suspect.op_index} {suspect.op}, "
            f"{suspect.integer_db:.1f} dB, most of it {suspect.cause} "
            f"({100 * suspect.parts[suspect.cause]:.0f} %); worst channels: {channels}"
        )


def _print_network(errors: "Sequence[LayerErrors]") -> None:
    table = Table(
        *("op", "layer", "integer, dB", "change, dB", "cosine"),
        title="the network up to each layer, against the unrounded network",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for it in errors:
        network = it.network
        table.add_row(
            f"{it.op_index} {it.op}",
            it.layer,
            _decibel(network.db),
            "" if network.change_db is None else f"{network.change_db:+.1f}",
            _cosine(network.cosine),
        )
    cli.console().print(table)
    changes = [(it.network.change_db, it) for it in errors if it.network.change_db is not None]
    change_db, steepest = min(changes, key=lambda change: change[0], default=(0.0, None))
    if steepest is not None and change_db < 0:
        print(
            f"the error grows most at layer {steepest.layer}, op {steepest.op_index} "
            f"{steepest.op}: {-change_db:.1f} dB worse than its input"
        )


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
            _cosine(it.cosine),
            ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares if share >= 0.01),
            ", ".join(str(channel) for channel, _ in it.worst_channels),
        )
    cli.console().print(table)


def _cosine(value: float | None) -> str:
    return "" if value is None else f"{value:.5f}"


def _decibel(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
