"""Accuracy of float, fake-quantized and integer models on CIFAR-10 over seeds and schemes.

  python -m tools.bench_accuracy --data_dir=cifar10.zip --output_dir=out/bench_accuracy

Each float model is trained once per seed and quantized by each scheme; every integer model is
certified, verified and evaluated with our interpreter. Two jobs at a time, one thread each, so that
a figure does not depend on what runs beside it. A stage whose report is there already is not run
again: after an interruption, call again.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import statistics

import rich.box
from absl import flags
from rich.table import Table

from pipeline import report
from pipeline.quant_params import SCHEMES
from tools import cli
from tools.stages import Stages, in_folder

_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    str(pathlib.Path(os.environ.get("INTONLY_SHARED", "../shared"), "data", "cifar10.zip")),
    "CIFAR-10: a folder or zip.",
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "out/bench_accuracy", "Where results go.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Seeds 0 to N-1.", 1)
_FLOAT_EPOCHS = flags.DEFINE_integer("float_epochs", 8, "Epochs of the float phase.", 1)
_QAT_EPOCHS = flags.DEFINE_integer("qat_epochs", 1, "Epochs of the QAT phase.", 1)
_NET = flags.DEFINE_multi_enum(
    "net", ["resnet_cifar", "mobilenet_v1"], ["resnet_cifar", "mobilenet_v1"], "Networks."
)
_SCHEME = flags.DEFINE_multi_enum(
    *("scheme", ["int8_per_channel", "int8_per_tensor"], list(SCHEMES)), "Schemes."
)
_NUM_JOBS = flags.DEFINE_integer("num_jobs", 2, "Trainings at a time.", 1)
_NUM_VERIFIED = flags.DEFINE_integer("num_verified", 64, "Pictures whose tensors are compared.", 1)

_MODEL_ARGS = {"resnet_cifar": "depth=8", "mobilenet_v1": "alpha=0.25"}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One network, seed and scheme; accuracies are shares."""

    net: str
    seed: int
    scheme: str
    float_accuracy: float
    fake_quant_accuracy: float
    int8_accuracy: float
    certified: bool
    exact: bool
    lowest_layer_equality: float
    max_layer_difference: int
    argmax_agreement: float
    outputs_within_one: float


def main() -> None:
    """Runs what is missing and prints the table."""
    folder = pathlib.Path(_OUTPUT_DIR.value)
    # Networks alternate, so that both jobs at a time are of about equal length.
    jobs = [(net, seed) for seed in range(_SEEDS.value) for net in _NET.value]
    with (
        in_folder(folder) as stages,
        concurrent.futures.ThreadPoolExecutor(_NUM_JOBS.value) as pool,
    ):
        rows = list(pool.map(lambda job: _job(stages, folder, *job), jobs))
    cells = [cell for row in rows for cell in row]
    report.write(folder / "accuracy.json", "bench_accuracy", {"cells": cells})
    _print(cells)


def _job(stages: Stages, folder: pathlib.Path, net: str, seed: int) -> list[Cell]:
    base = folder / f"{net}_{seed}"
    stages.train_float(base / "log.txt", base / "float", _float_flags(net, seed))
    return [_quantize(stages, base, net, seed, scheme) for scheme in _SCHEME.value]


def _float_flags(net: str, seed: int) -> list[str]:
    return [
        f"--model={net}",
        f"--model_args={_MODEL_ARGS[net]}",
        "--dataset=cifar10",
        f"--data_dir={_DATA_DIR.value}",
        f"--float_epochs={_FLOAT_EPOCHS.value}",
        "--batch_size=64",
        f"--seed={seed}",
        "--num_threads=1",
    ]


def _quantize(stages: Stages, base: pathlib.Path, net: str, seed: int, scheme: str) -> Cell:
    log, run_dir, model = base / "log.txt", base / scheme, base / f"{scheme}.tflite"
    reports = {
        stage: base / f"{scheme}_{stage}.json" for stage in ("certify", "verify", "keras", "int8")
    }
    data = f"--data_dir={_DATA_DIR.value}"
    given = [f"--scheme={scheme}", f"--qat_epochs={_QAT_EPOCHS.value}"]
    stages.train_quantized(log, base / "float", run_dir, given)
    if not model.exists():
        stages.run(log, "convert", f"--run_dir={run_dir}", f"--output={model}")
    given = f"--model={model}"
    checks = (
        ("certify", "certify", [given]),
        (
            "verify",
            "verify",
            [given, f"--run_dir={run_dir}", f"--num_inputs={_NUM_VERIFIED.value}"],
        ),
        ("keras", "evaluate", [f"--run_dir={run_dir}", data]),
        ("int8", "evaluate", [given, "--dataset=cifar10", data]),
    )
    for stage, tool, arguments in checks:
        if not reports[stage].exists():
            stages.run(log, tool, *arguments, f"--report={reports[stage]}")
    return _cell(net, seed, scheme, reports)


def _cell(net: str, seed: int, scheme: str, reports: dict[str, pathlib.Path]) -> Cell:
    kinds = {"certify": "certificate", "verify": "verify", "keras": "evaluate", "int8": "evaluate"}
    results = {stage: report.read(path, kinds[stage])["results"] for stage, path in reports.items()}
    fidelity = results["verify"]["fidelity"]
    (int8,) = results["int8"].values()
    return Cell(
        net=net,
        seed=seed,
        scheme=scheme,
        float_accuracy=results["keras"]["float"]["share"],
        fake_quant_accuracy=results["keras"]["fake-quant"]["share"],
        int8_accuracy=int8["share"],
        certified=results["certify"]["passes"],
        exact=results["verify"]["is_exact"],
        lowest_layer_equality=min(
            layer["num_equal"] / layer["num_elements"] for layer in fidelity["layers"]
        ),
        max_layer_difference=max(layer["max_abs_difference"] for layer in fidelity["layers"]),
        argmax_agreement=fidelity["argmax_agreement"],
        outputs_within_one=fidelity["outputs_within_one"],
    )


def _print(cells: list[Cell]) -> None:
    table = Table(
        *("net", "scheme", "seed", "float", "fake-quant", "int8", "int8 - float"),
        *("certified", "exact", "lowest layer", "argmax", "within 1"),
        box=rich.box.SIMPLE_HEAD,
    )
    for cell in sorted(cells, key=lambda cell: (cell.net, cell.scheme, cell.seed)):
        table.add_row(
            *(cell.net, cell.scheme, str(cell.seed)),
            f"{100 * cell.float_accuracy:.2f}",
            f"{100 * cell.fake_quant_accuracy:.2f}",
            f"{100 * cell.int8_accuracy:.2f}",
            f"{100 * (cell.int8_accuracy - cell.float_accuracy):+.2f}",
            *("yes" if good else "NO" for good in (cell.certified, cell.exact)),
            f"{100 * cell.lowest_layer_equality:.3f}",
            f"{100 * cell.argmax_agreement:.2f}",
            f"{100 * cell.outputs_within_one:.2f}",
        )
    console = cli.console()
    console.print(table)
    for net in _NET.value:
        for scheme in _SCHEME.value:
            gaps = [
                100 * (cell.int8_accuracy - cell.float_accuracy)
                for cell in cells
                if cell.net == net and cell.scheme == scheme
            ]
            print(f"{net} {scheme}: int8 - float {statistics.mean(gaps):+.2f} points on average")


if __name__ == "__main__":
    cli.run(main)
