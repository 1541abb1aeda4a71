"""Compares every tensor of a model with the runtime of --kernels, bit for bit.

  python -m tools.verify --model=M.tflite [--run_dir=out/run]

With --run_dir, also compares the model, layer by layer, with the fake-quantized model that it was
converted from. Exit code 0: equal; 1: tensors differ (the first one and why are named); 2: the
request cannot be served.
"""

import functools
import pathlib

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from pipeline import files, flatbuffer, float_edges, random_inputs, report, verify
from pipeline.errors import InputError
from pipeline.graph import Subgraph, Tensor
from pipeline.quant_params import QUANTIZED_LIMITS
from pipeline.run_dir import RunDir
from tools import cli, held_out

_MODEL = flags.DEFINE_string("model", None, "The .tflite model.", required=True)
_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run that the model was converted from.")
_KERNELS = flags.DEFINE_string(
    "kernels", "reference", "Whose bits to predict: reference, ruy, xnnpack or tflm."
)
_TARGET = flags.DEFINE_string("target", "host", "The machine to predict it for.")
_ALLOW_FLOAT_BOUNDARY = flags.DEFINE_bool(
    "allow_float_boundary", False, "Admit QUANTIZE, DEQUANTIZE and detections at the edges."
)
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 16, "Inputs to compare.", 1)
_DATASET = flags.DEFINE_string("dataset", None, "Real inputs; default: the run's data set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_SEED = flags.DEFINE_integer("seed", 0, "Of random inputs, where there is no data set.", 0)
_MINIMIZE = flags.DEFINE_string(
    "minimize", None, "Folder to write the first op that differs to, as a model with its inputs."
)
_REPORT = flags.DEFINE_string("report", None, "Where to write the comparison as JSON.")

_EXIT_DIFFERS = 1


def main() -> int:
    """Compares, prints the tables and returns the exit code."""
    model = pathlib.Path(_MODEL.value).read_bytes()
    run_dir = None if _RUN_DIR.value is None else RunDir.open(_RUN_DIR.value)
    inputs = _inputs(model, run_dir)
    verification = verify.compare(
        model,
        *inputs,
        kernels=_KERNELS.value,
        target=_TARGET.value,
        allow_float_boundary=_ALLOW_FLOAT_BOUNDARY.value,
        name=_MODEL.value,
        progress=functools.partial(cli.track, "comparing"),
    )
    _print_tensors(verification)
    good = verification.is_exact
    results = {"is_exact": good, "reason": verification.reason, "verification": verification}
    if run_dir is not None:
        fidelity = _fidelity(model, run_dir, inputs[0][:, 0])
        results |= {"fidelity": fidelity, "fidelity_holds": fidelity.holds()}
        _print_layers(fidelity)
        good = good and fidelity.holds()
    if _REPORT.value:
        report.write(_REPORT.value, "verify", results, inputs=[_MODEL.value], seed=_SEED.value)
    if verification.float_ops:
        print(f"floats were allowed at the edges: {', '.join(verification.float_ops)}")
    print(verification.reason)
    if _MINIMIZE.value and not verification.is_exact:
        _write_reproduction(
            pathlib.Path(_MINIMIZE.value),
            verify.minimize(model, verification, *inputs, name=_MODEL.value),
        )
    return 0 if good else _EXIT_DIFFERS


def _inputs(model: bytes, run_dir: RunDir | None) -> list[np.ndarray]:
    """Returns [N, *shape] for each input of the model."""
    if run_dir is None and _DATASET.value is None:
        return _random_inputs(model)
    return [held_out.codes(model, run_dir, _DATASET.value, _DATA_DIR.value, _NUM_INPUTS.value)]


def _random_inputs(model: bytes) -> list[np.ndarray]:
    graph = flatbuffer.read(model).main
    rng = np.random.default_rng(_SEED.value)
    stacks = []
    for tensor in (graph.tensors[index] for index in graph.inputs):
        codes = _codes(graph, tensor) if _ALLOW_FLOAT_BOUNDARY.value else tensor
        if codes.dtype not in QUANTIZED_LIMITS:
            raise InputError(f"input {tensor.name!r}: needed integers, got {tensor.dtype}")
        stack = random_inputs.draw(rng, codes, _NUM_INPUTS.value)
        if codes is not tensor and codes.quantization is not None:
            stack = codes.quantization.dequantize(stack).astype(np.float32)
        stacks.append(stack)
    return stacks


def _codes(graph: Subgraph, tensor: Tensor) -> Tensor:
    """Returns what QUANTIZE makes of a float input; of others, the input itself."""
    front, _ = float_edges.find(graph)
    outputs = [op.outputs[0] for op in front if tensor.index in op.inputs]
    return graph.tensors[outputs[0]] if outputs else tensor


def _fidelity(model: bytes, run_dir: RunDir, codes: np.ndarray):
    from pipeline import fidelity, qat  # here: they import TensorFlow

    return fidelity.compare(model, qat.load(run_dir.qat_model), codes)


def _write_reproduction(folder: pathlib.Path, reproduction: verify.Reproduction) -> None:
    files.write_bytes(folder / "model.tflite", reproduction.model)
    for kind, values in (("input", reproduction.inputs), ("expected", reproduction.expected)):
        for position, value in enumerate(values):
            with files.replacing(folder / f"{kind}{position}.npy") as path:
                np.save(path, value)
    print(f"{folder}: that op alone, with the inputs on which it differs and what was expected")


def _print_tensors(verification: verify.Verification) -> None:
    table = _table("every computed tensor", "op", "layer", "elements", "equal", "max diff", "cause")
    for match in verification.tensors:
        table.add_row(
            f"{match.op_index} {match.op}",
            match.keras_layer or match.name,
            f"{match.num_elements:,}",
            f"{100 * match.num_equal / match.num_elements:.4g} %",
            str(match.max_abs_difference),
            match.cause or "",
        )
    cli.console().print(table)


def _print_layers(fidelity) -> None:
    table = _table(
        "fake-quant against integer, each layer fed with the integer model's input",
        *("op", "layer", "elements", "equal", "max diff", "equal, rounded once", "reason"),
    )
    for match in fidelity.layers:
        table.add_row(
            f"{match.op_index} {match.op}",
            match.layer,
            f"{match.num_elements:,}",
            f"{100 * match.equal_share:.3f} %",
            str(match.max_abs_difference),
            f"{100 * match.num_equal_rounded_once / match.num_elements:.3f} %",
            match.reason,
        )
    cli.console().print(table)
    print(
        f"end to end over {fidelity.num_examples} pictures: same argmax "
        f"{100 * fidelity.argmax_agreement:.2f} %, outputs within 1 code "
        f"{100 * fidelity.outputs_within_one:.2f} %"
    )


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", box=rich.box.SIMPLE_HEAD)


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
