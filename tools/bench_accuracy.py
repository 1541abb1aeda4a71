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
import shutil
import statistics
import subprocess
import sys

import rich.box
from absl import flags
from rich.table import Table

from pipeline import report
from pipeline.errors import TrainingError
from pipeline.quant_params import SCHEMES
from tools import cli

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
_MAY_FIND_FAULT = ("certify", "verify")


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
    with concurrent.futures.ThreadPoolExecutor(_NUM_JOBS.value) as pool:
        cells = [cell for row in pool.map(lambda job: _job(folder, *job), jobs) for cell in row]
    report.write(folder / "accuracy.json", "bench_accuracy", {"cells": cells})
    _print(cells)


def _job(folder: pathlib.Path, net: str, seed: int) -> list[Cell]:
    base = folder / f"{net}_{seed}"
    _train_float(base, net, seed)
    return [_quantize(base, net, seed, scheme) for scheme in _SCHEME.value]


def _train_float(base: pathlib.Path, net: str, seed: int) -> None:
    run_dir = base / "float"
    if (run_dir / "train.json").exists():
        return
    resumable = (run_dir / "run.json").exists()
    new = [
        f"--model={net}",
        f"--model_args={_MODEL_ARGS[net]}",
        "--dataset=cifar10",
        f"--data_dir={_DATA_DIR.value}",
        f"--float_epochs={_FLOAT_EPOCHS.value}",
        "--qat_epochs=0",
        "--batch_size=64",
        f"--seed={seed}",
        "--num_threads=1",
    ]
    _run(base, "train", f"--run_dir={run_dir}", *(["--resume"] if resumable else new))


def _quantize(base: pathlib.Path, net: str, seed: int, scheme: str) -> Cell:
    run_dir, model = base / scheme, base / f"{scheme}.tflite"
    reports = {
        stage: base / f"{scheme}_{stage}.json" for stage in ("certify", "verify", "keras", "int8")
    }
    if not run_dir.exists():
        partial = base / f".{scheme}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(base / "float", partial)
        (partial / "train.json").unlink()
        partial.rename(run_dir)
    data = f"--data_dir={_DATA_DIR.value}"
    resumed = [f"--run_dir={run_dir}", "--resume"]
    if not (run_dir / "train.json").exists():
        if not list((run_dir / "checkpoints").glob("qat-*")):
            resumed += [f"--scheme={scheme}", f"--qat_epochs={_QAT_EPOCHS.value}"]
        _run(base, "train", *resumed)
    if not model.exists():
        _run(base, "convert", f"--run_dir={run_dir}", f"--output={model}")
    given = f"--model={model}"
    stages = (
        ("certify", "certify", [given]),
        (
            "verify",
            "verify",
            [given, f"--run_dir={run_dir}", f"--num_inputs={_NUM_VERIFIED.value}"],
        ),
        ("keras", "evaluate", [f"--run_dir={run_dir}", data]),
        ("int8", "evaluate", [given, "--dataset=cifar10", data]),
    )
    for stage, tool, arguments in stages:
        if not reports[stage].exists():
            _run(base, tool, *arguments, f"--report={reports[stage]}")
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


def _run(base: pathlib.Path, tool: str, *arguments: str) -> None:
    """Runs a tool; its output goes to a log beside the results."""
    base.mkdir(parents=True, exist_ok=True)
    with (base / "log.txt").open("a") as log:
        log.write(f"$ python -m tools.{tool} {' '.join(arguments)}\n")
        log.flush()
        code = subprocess.run(
            [sys.executable, "-m", f"tools.{tool}", *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ).returncode
    if code != 0 and not (code == 1 and tool in _MAY_FIND_FAULT):
        raise TrainingError(f"tools.{tool} ended with exit code {code}; see {base / 'log.txt'}")


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
