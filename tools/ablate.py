"""What bits cost: the ablations of Jacob et al. 2018, section 4.

  python -m tools.ablate --output_dir=out/ablate --model=mobilenet_v1 --dataset=cifar10 ...
  python -m tools.ablate --output_dir=out/relus --table=activations ...

--table=bits trains a network with each number of weight bits and of activation bits and prints
integer accuracy minus float accuracy in points, as tables 4.7 and 4.8 do. --table=activations
compares ReLU6 with ReLU in float and with 8 and 7 bits of both, as table 4.3 does.

Each cell is trained from the same float model, converted, certified, compared with TFLite's
reference kernels in every tensor and with the fake-quantized model in every layer, and evaluated
with our interpreter. What is done is not done again: after an interruption, call again. Exit code
0: done; 1: a cell failed, is not integer-only, not exact or not faithful; 2: the request cannot be
served.
"""

import concurrent.futures
import dataclasses
import itertools
import json
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import rich.box
from absl import flags
from rich.table import Table

from pipeline import files, report
from pipeline.errors import RunDirError, SchemeError, TrainingError
from pipeline.quant_params import SCHEMES, WEIGHT_BITS
from pipeline.train_config import TrainConfig
from tools import cli
from tools.stages import Stages, in_folder

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where results go.", required=True)
_TABLE = flags.DEFINE_enum("table", "bits", ["bits", "activations"], "What is compared.")
_MODEL = flags.DEFINE_string("model", "resnet_cifar", "Architecture, as tools.train takes it.")
_MODEL_ARGS = flags.DEFINE_string("model_args", "", "Its arguments, as name=value,name=value.")
_DATASET = flags.DEFINE_string("dataset", "digits", "Data set: a name in pipeline/data.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_SCHEME = flags.DEFINE_enum("scheme", "int8_per_channel", list(SCHEMES), "Whose bits are changed.")
_WEIGHT_BITS = flags.DEFINE_list("weight_bits", "8,7,6,5,4", "Rows of --table=bits.")
_ACTIVATION_BITS = flags.DEFINE_list("activation_bits", "8,7,6,5,4", "Columns of --table=bits.")
_RANGE_LEARNER = flags.DEFINE_string(
    "range_learner", TrainConfig.range_learner, "Of activation ranges, as tools.train takes it."
)
_WEIGHT_LEARNER = flags.DEFINE_string(
    "weight_learner", TrainConfig.weight_learner, "Of weight ranges, as tools.train takes it."
)
_FLOAT_EPOCHS = flags.DEFINE_integer(
    "float_epochs", 8, "Epochs of the float phase; 0 for a --model=PATH as it is.", 0
)
_QAT_EPOCHS = flags.DEFINE_integer("qat_epochs", 1, "Epochs of the QAT phase.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Pictures per step.", 1)
_SEEDS = flags.DEFINE_integer("seeds", 1, "Seeds 0 to N-1.", 1)
_NUM_JOBS = flags.DEFINE_integer("num_jobs", 2, "Float models, then cells, at a time.", 1)
_NUM_VERIFIED = flags.DEFINE_integer("num_verified", 4, "Inputs whose tensors are compared.", 1)

_EXIT_NOT_GOOD = 1
_RELUS = {"relu6": "ReLU6", "relu": "ReLU"}
_BITS_OF_TABLE_4_3 = (8, 7)
_NOTHING = "failed"

# What every cell in a folder has in common.
_SETTINGS = (
    *(_TABLE, _MODEL, _MODEL_ARGS, _DATASET, _SCHEME, _RANGE_LEARNER, _WEIGHT_LEARNER),
    *(_FLOAT_EPOCHS, _QAT_EPOCHS, _BATCH_SIZE),
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One integer model and the float model that it was trained from.

    Attributes:
      activation: "relu6" or "relu"; None for the architecture's own.
      seed: Of the float model and everything after.
      weight_bits, activation_bits: What it was trained with.
      float_accuracy, integer_accuracy: Shares of held-out pictures that are classified right.
      float_recall_at_5, integer_recall_at_5: Likewise, with the right class among the first five;
        None where there are no more than five.
      size_bytes: Of the integer model.
      certified: Whether it is integer-only and sound.
      exact: Whether every tensor equals TFLite's reference kernels.
      faithful: Whether every layer computes what its fake-quantized twin does.
    """

    activation: str | None
    seed: int
    weight_bits: int
    activation_bits: int
    float_accuracy: float
    integer_accuracy: float
    float_recall_at_5: float | None
    integer_recall_at_5: float | None
    size_bytes: int
    certified: bool
    exact: bool
    faithful: bool

    @property
    def gap(self) -> float:
        """Integer accuracy minus float accuracy, in points."""
        return 100 * (self.integer_accuracy - self.float_accuracy)

    @property
    def is_good(self) -> bool:
        """Whether its figures can be believed."""
        return self.certified and self.exact and self.faithful


@dataclasses.dataclass(frozen=True)
class Failure:
    """A cell that has no figures, since a stage of it failed; say, its loss became NaN.

    Attributes:
      activation, seed, weight_bits, activation_bits: As of a Cell.
      reason: What failed, and where its log is.
    """

    activation: str | None
    seed: int
    weight_bits: int
    activation_bits: int
    reason: str


@dataclasses.dataclass(frozen=True)
class _Net:
    """A float model: where it is trained, and with which activation function."""

    folder: pathlib.Path
    activation: str | None
    seed: int

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "log.txt"

    @property
    def float_dir(self) -> pathlib.Path:
        return self.folder / "float"

    @property
    def float_report(self) -> pathlib.Path:
        return self.folder / "evaluate_float.json"


def main() -> int:
    """Runs what is missing, prints the table and returns the exit code."""
    folder = pathlib.Path(_OUTPUT_DIR.value)
    bits = _bits()
    activations = _RELUS if _TABLE.value == "activations" else (None,)
    nets = [
        _Net(folder / f"{activation or 'net'}_{seed}", activation, seed)
        for activation in activations
        for seed in range(_SEEDS.value)
    ]
    with in_folder(folder) as stages:
        _keep_settings(folder)
        with concurrent.futures.ThreadPoolExecutor(_NUM_JOBS.value) as pool:
            list(pool.map(lambda net: _train_float(stages, net), nets))
            jobs = list(itertools.product(nets, bits))
            done = pool.map(lambda job: _cell(stages, *job), jobs)
            results = list(cli.track("cells", done, len(jobs)))
    cells = [result for result in results if isinstance(result, Cell)]
    failures = [result for result in results if isinstance(result, Failure)]
    content = {"table": _TABLE.value, "cells": cells, "failures": failures}
    report.write(folder / "ablate.json", "ablate", content)
    if _TABLE.value == "bits":
        _print_bits(nets, bits, cells)
    else:
        _print_activations(nets, cells)
    bad = [cell for cell in cells if not cell.is_good]
    for cell in bad:
        print(f"NOT certified, not exact or not faithful: {cell}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return _EXIT_NOT_GOOD if bad or failures else 0


def _bits() -> list[tuple[int, int]]:
    """Returns (weight bits, activation bits) of the cells of one net, in the table's order."""
    if _TABLE.value == "activations":
        pairs = [(bits, bits) for bits in _BITS_OF_TABLE_4_3]
    else:
        rows = _numbers(_WEIGHT_BITS, WEIGHT_BITS)
        columns = _numbers(_ACTIVATION_BITS, SCHEMES[_SCHEME.value].possible_activation_bits)
        pairs = list(itertools.product(rows, columns))
    for weight_bits, activation_bits in pairs:
        SCHEMES[_SCHEME.value].with_bits(weight_bits, activation_bits)
    return pairs


def _numbers(flag: flags.FlagHolder[list[str]], allowed: Sequence[int]) -> list[int]:
    """Returns a flag's numbers, largest first."""
    texts = [text.strip() for text in flag.value or []]
    if not texts or not all(text.isdigit() and int(text) in allowed for text in texts):
        raise SchemeError(
            f"needed --{flag.name} as numbers from {allowed[0]} to {allowed[-1]}, separated by "
            f"commas, got {','.join(texts)!r}"
        )
    return sorted({int(text) for text in texts}, reverse=True)


def _keep_settings(folder: pathlib.Path) -> None:
    """Writes down what all cells have in common, or checks that it is what the folder's have.

    Raises:
      RunDirError: The folder's cells have something else in common.
    """
    settings = {flag.name: flag.value for flag in _SETTINGS}
    file = folder / "settings.json"
    if not file.exists():
        files.write_text(file, json.dumps(settings, indent=2) + "\n")
        return
    kept = json.loads(file.read_text(encoding="utf-8"))
    changed = [
        f"--{name}={value} (the folder has {kept.get(name)})"
        for name, value in settings.items()
        if kept.get(name) != value
    ]
    if changed:
        raise RunDirError(
            f"{folder}: holds cells of another ablation, got {', '.join(changed)}; choose another "
            "--output_dir"
        )


def _train_float(stages: Stages, net: _Net) -> None:
    """Trains and evaluates a float model unless that is done."""
    model_args = [_MODEL_ARGS.value] if _MODEL_ARGS.value else []
    if net.activation is not None:
        model_args.append(f"activation={net.activation}")
    given = [
        f"--model={_MODEL.value}",
        f"--model_args={','.join(model_args)}",
        f"--dataset={_DATASET.value}",
        *([f"--data_dir={_DATA_DIR.value}"] if _DATA_DIR.value else []),
        f"--float_epochs={_FLOAT_EPOCHS.value}",
        f"--batch_size={_BATCH_SIZE.value}",
        f"--seed={net.seed}",
        "--num_threads=1",
    ]
    stages.train_float(net.log, net.float_dir, given)
    _evaluate(stages, net.log, net.float_report, f"--run_dir={net.float_dir}")


def _evaluate(stages: Stages, log: pathlib.Path, to: pathlib.Path, *arguments: str) -> None:
    if not to.exists():
        stages.run(log, "evaluate", *arguments, f"--report={to}")


def _cell(stages: Stages, net: _Net, bits: tuple[int, int]) -> Cell | Failure:
    """Takes a net down the road with some numbers of bits; one that fails stops no other."""
    try:
        return _figures_of(stages, net, bits)
    except TrainingError as error:
        return Failure(net.activation, net.seed, *bits, str(error))


def _figures_of(stages: Stages, net: _Net, bits: tuple[int, int]) -> Cell:
    """Runs what is missing of a cell, from where it stands."""
    weight_bits, activation_bits = bits
    folder = net.folder / f"w{weight_bits}a{activation_bits}"
    log, run_dir, model = folder / "log.txt", folder / "run", folder / "model.tflite"
    given = [
        f"--scheme={_SCHEME.value}",
        f"--weight_bits={weight_bits}",
        f"--activation_bits={activation_bits}",
        f"--range_learner={_RANGE_LEARNER.value}",
        f"--weight_learner={_WEIGHT_LEARNER.value}",
        f"--qat_epochs={_QAT_EPOCHS.value}",
    ]
    folder.mkdir(exist_ok=True)
    stages.train_quantized(log, net.float_dir, run_dir, given)
    if not model.exists():
        stages.run(
            *(log, "convert", f"--run_dir={run_dir}", f"--output={model}"),
            f"--report={folder / 'convert.json'}",
        )
    compared = [f"--run_dir={run_dir}", f"--num_inputs={_NUM_VERIFIED.value}"]
    for stage, arguments in (("certify", []), ("verify", compared)):
        to = folder / f"{stage}.json"
        if not to.exists():
            stages.run(log, stage, f"--model={model}", *arguments, f"--report={to}")
    integer_report = folder / "evaluate.json"
    _evaluate(stages, log, integer_report, f"--model={model}", f"--run_dir={run_dir}")
    float_, integer = _figures(net.float_report), _figures(integer_report)
    verified = report.read(folder / "verify.json", "verify")["results"]
    return Cell(
        activation=net.activation,
        seed=net.seed,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        float_accuracy=float_["share"],
        integer_accuracy=integer["share"],
        float_recall_at_5=float_["recall_at_5"],
        integer_recall_at_5=integer["recall_at_5"],
        size_bytes=model.stat().st_size,
        certified=report.read(folder / "certify.json", "certificate")["results"]["passes"],
        exact=verified["is_exact"],
        faithful=verified["fidelity_holds"],
    )


def _figures(path: pathlib.Path) -> Mapping[str, Any]:
    (figures,) = report.read(path, "evaluate")["results"].values()
    return figures


def _subject() -> str:
    """Returns what was ablated, for the line above a table."""
    return f"{pathlib.Path(_MODEL.value).name} on {_DATASET.value}, {_SCHEME.value}"


def _print_bits(
    nets: Sequence[_Net], bits: Sequence[tuple[int, int]], cells: Sequence[Cell]
) -> None:
    """Prints weight bits down, activation bits across, as tables 4.7 and 4.8."""
    columns = sorted({activation_bits for _, activation_bits in bits}, reverse=True)
    table = Table("weights", *(f"act. {bits}" for bits in columns), box=rich.box.SIMPLE_HEAD)
    accuracy = statistics.mean(_figures(net.float_report)["share"] for net in nets)
    print(f"{_subject()}: integer accuracy minus float's ({100 * accuracy:.2f} %), points")
    for weight_bits in sorted({weight_bits for weight_bits, _ in bits}, reverse=True):
        row = [cell for cell in cells if cell.weight_bits == weight_bits]
        gaps = [[it.gap for it in row if it.activation_bits == bits] for bits in columns]
        table.add_row(str(weight_bits), *(_mean(values, signed=True) for values in gaps))
    cli.console().print(table)


def _print_activations(nets: Sequence[_Net], cells: Sequence[Cell]) -> None:
    """Prints ReLU6 and ReLU, each in float and with fewer and fewer bits, as table 4.3."""
    table = Table("act.", "type", "accuracy", "recall@5", box=rich.box.SIMPLE_HEAD)
    print(f"{_subject()}: percent of pictures")
    for activation, shown in _RELUS.items():
        floats = [_figures(net.float_report) for net in nets if net.activation == activation]
        table.add_row(
            *(shown, "float"),
            _mean([100 * figures["share"] for figures in floats]),
            _recall([figures["recall_at_5"] for figures in floats]),
        )
        for bits in _BITS_OF_TABLE_4_3:
            row = [
                cell for cell in cells if (cell.activation, cell.weight_bits) == (activation, bits)
            ]
            table.add_row(
                *("", f"{bits} bits"),
                _mean([100 * cell.integer_accuracy for cell in row]),
                _recall([cell.integer_recall_at_5 for cell in row]),
            )
    cli.console().print(table)


def _mean(values: Sequence[float], *, signed: bool = False) -> str:
    """Returns the mean over seeds, and their standard deviation where there are several."""
    if not values:
        return _NOTHING
    mean = f"{statistics.mean(values):{'+' if signed else ''}.2f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.2f}"


def _recall(shares: Sequence[float | None]) -> str:
    known = [100 * share for share in shares if share is not None]
    return _mean(known) if known else ""


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
