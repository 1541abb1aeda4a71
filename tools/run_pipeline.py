"""Takes a model the whole road, from training to a bundle and a report.

  python -m tools.run_pipeline --output_dir=out/demo

Runs the other tools as a user would and shows their commands; ends with one table and a list of the
files. A model that fails a check is not bundled. Exit code 0: all good; 1: a check failed (the
table says which); 2: the request cannot be served.
"""

import dataclasses
import pathlib
import shlex
import subprocess
import sys
from typing import Any

import rich.box
from absl import flags
from rich.table import Table

from pipeline import report, run_dir
from pipeline.errors import IntonlyError
from tools import cli

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where results go.", required=True)
_MODEL = flags.DEFINE_string("model", "resnet_cifar", "A name in models/, or a model's path.")
_MODEL_ARGS = flags.DEFINE_string("model_args", "", "Its arguments, as name=value,name=value.")
_DATASET = flags.DEFINE_string("dataset", "digits", "Data set: a name in pipeline/data.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_INPUT_MEAN = flags.DEFINE_float("input_mean", None, "Pixel value of real 0.0.")
_INPUT_SCALE = flags.DEFINE_float("input_scale", None, "Real value of one pixel step.")
_ALLOW_UNSAFE_MODEL = flags.DEFINE_bool(
    "allow_unsafe_model", False, "Load --model=PATH even if it carries code."
)
_FLOAT_EPOCHS = flags.DEFINE_integer("float_epochs", 12, "Epochs of the float phase.", 0)
_QAT_EPOCHS = flags.DEFINE_integer("qat_epochs", 4, "Epochs of the QAT phase.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Pictures in a step.", 1)
_SCHEME = flags.DEFINE_string("scheme", "int8_per_channel", "Quantization scheme.")
_SEED = flags.DEFINE_integer("seed", 0, "Fixes every random choice.", 0)
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 64, "Pictures whose tensors are compared.", 1)
_RESUME = flags.DEFINE_bool("resume", False, "Continue the run in there, if one was begun.")

# Whose JSON the report shows.
_STAGES = ("certify", "verify", "evaluate_keras", "evaluate_int8", "benchmark", "debug")
_CHECK_FAILED = 1
_CHECKS = ("certify", "verify", "verify_bundle", "report")  # Tools whose exit code 1 is a verdict.


@dataclasses.dataclass(frozen=True)
class Paths:
    """Where each file of the road lies."""

    folder: pathlib.Path

    @property
    def run_dir(self) -> pathlib.Path:
        """Training."""
        return self.folder / "run"

    @property
    def model(self) -> pathlib.Path:
        """The integer model."""
        return self.folder / "model_int8.tflite"

    @property
    def float_model(self) -> pathlib.Path:
        """The float model, for comparison."""
        return self.folder / "model_float.tflite"

    @property
    def bundle(self) -> pathlib.Path:
        """What an app team gets."""
        return self.folder / "bundle.zip"

    @property
    def page(self) -> pathlib.Path:
        """What a reviewer gets."""
        return self.folder / "report.html"

    def report(self, stage: str) -> pathlib.Path:
        """A stage's JSON report."""
        return self.folder / f"{stage}.json"


def main() -> int:
    """Runs every stage and prints the table."""
    paths = Paths(pathlib.Path(_OUTPUT_DIR.value))
    model, run_dir = f"--model={paths.model}", f"--run_dir={paths.run_dir}"
    data = [f"--dataset={_DATASET.value}"]
    if _DATA_DIR.value is not None:
        data.append(f"--data_dir={_DATA_DIR.value}")
    _run("train", *_train_flags(paths), *data)
    _run("convert", run_dir, f"--output={paths.model}")
    _run("convert", "--float", run_dir, f"--output={paths.float_model}")
    failed = [
        _run("certify", model, f"--report={paths.report('certify')}"),
        _run(
            *("verify", model, run_dir, f"--num_inputs={_NUM_INPUTS.value}"),
            f"--report={paths.report('verify')}",
        ),
    ]
    _run("evaluate", run_dir, f"--report={paths.report('evaluate_keras')}")
    _run("evaluate", model, run_dir, f"--report={paths.report('evaluate_int8')}")
    _run(
        *("benchmark", "--device=host", f"--model={paths.float_model}", model),
        f"--report={paths.report('benchmark')}",
    )
    _run("debug", model, run_dir, f"--report={paths.report('debug')}")
    if any(failed):
        paths.bundle.unlink(missing_ok=True)  # One of an earlier, better model.
    else:
        evidence = _evidence(paths, "evaluate_keras", "evaluate_int8", "benchmark")
        _run("bundle", model, run_dir, f"--output={paths.bundle}", evidence)
        failed.append(_run("verify_bundle", f"--bundle={paths.bundle}"))
    evidence = _evidence(paths, *_STAGES)
    failed.append(_run("report", model, run_dir, f"--output={paths.page}", evidence))
    _print(paths)
    return _CHECK_FAILED if any(failed) else 0


def _evidence(paths: Paths, *stages: str) -> str:
    return "--evidence=" + ",".join(str(paths.report(stage)) for stage in stages)


def _train_flags(paths: Paths) -> list[str]:
    if _RESUME.value and run_dir.is_begun(paths.run_dir):
        return [f"--run_dir={paths.run_dir}", "--resume"]
    optional = [
        f"--{flag.name}={flag.value}"
        for flag in (_INPUT_MEAN, _INPUT_SCALE)
        if flag.value is not None
    ]
    if _ALLOW_UNSAFE_MODEL.value:
        optional.append("--allow_unsafe_model")
    return [
        f"--run_dir={paths.run_dir}",
        *optional,
        f"--model={_MODEL.value}",
        f"--model_args={_MODEL_ARGS.value}",
        f"--float_epochs={_FLOAT_EPOCHS.value}",
        f"--qat_epochs={_QAT_EPOCHS.value}",
        f"--batch_size={_BATCH_SIZE.value}",
        f"--scheme={_SCHEME.value}",
        f"--seed={_SEED.value}",
    ]


def _run(tool: str, *arguments: str) -> int:
    """Runs a tool in a process of its own; returns 0, or 1 where what it checked is not good."""
    print(f"\n$ python -m tools.{tool} {shlex.join(arguments)}", flush=True)
    code = subprocess.run(
        [sys.executable, "-m", f"tools.{tool}", *arguments], check=False
    ).returncode
    if code not in (0, _CHECK_FAILED) or (code and tool not in _CHECKS):
        error = IntonlyError(f"tools.{tool} ended with exit code {code}; its message is above")
        error.exit_code = code if code > 0 else cli.EXIT_CANNOT_SERVE
        raise error
    return code


def _print(paths: Paths) -> None:
    keras, int8, verified, certified, latency = (
        report.read(paths.report(stage), kind)["results"]
        for stage, kind in (
            ("evaluate_keras", "evaluate"),
            ("evaluate_int8", "evaluate"),
            ("verify", "verify"),
            ("certify", "certificate"),
            ("benchmark", "benchmark"),
        )
    )
    table = Table("", "float", "fake-quant", "int8", box=rich.box.SIMPLE_HEAD)
    accuracies = [keras["float"], keras["fake-quant"], *int8.values()]
    table.add_row("accuracy", *(f"{100 * value['share']:.2f} %" for value in accuracies))
    size = [path.stat().st_size for path in (paths.float_model, paths.model)]
    table.add_row("size, bytes", f"{size[0]:,}", "", f"{size[1]:,}")
    medians = [row["latency"]["median_us"]["median"] for row in latency["models"]]
    table.add_row("host latency, us", f"{medians[0]:.1f}", "", f"{medians[1]:.1f}")
    fidelity = verified["fidelity"]
    agreement = f"{100 * fidelity['argmax_agreement']:.2f} %"
    table.add_row("fake-quant and int8 agree", "", "", agreement)
    table.add_row("integer-only", "", "", _verdict(certified["passes"]))
    table.add_row("equals BUILTIN_REF", "", "", _verdict(verified["is_exact"]))
    table.add_row("layers faithful", "", "", _verdict(verified["fidelity_holds"]))
    console = cli.console()
    console.print()
    console.print(table)
    notes = {
        paths.bundle: "for the app team; tools.verify_bundle checks it",
        paths.page: "for a reviewer; open it in a browser",
    }
    found = sorted(paths.folder.iterdir())
    width = max(len(str(path)) for path in found)
    for path in found:
        print(f"{path!s:{width}}  {notes.get(path, '')}".rstrip())
    if not paths.bundle.exists():
        print("no bundle was made: a model that fails a check is not for an app team")


def _verdict(good: Any) -> str:
    return "yes" if good else "NO"


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
