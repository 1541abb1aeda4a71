"""Accuracy of a .tflite model, or of a run's Keras models, on a data set's held-out pictures.

  python -m tools.evaluate --model=M.tflite --dataset=cifar10 --data_dir=cifar10.zip
  python -m tools.evaluate --model=M.tflite --run_dir=out/run
  python -m tools.evaluate --run_dir=out/run

With a run, the pictures are those that the run did not train on, prepared as the run prepares them.
Without, they are the data set's own held-out split and input contract. Ties between classes go to
the first. Exit code 0: evaluated; 2: the request cannot be served.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from pipeline import data, evaluate, report
from pipeline.errors import InputError, NotIntegerOnlyError
from pipeline.evaluate import Accuracy
from pipeline.run_dir import RunDir
from tools import cli, held_out

_MODEL = flags.DEFINE_string("model", None, "The .tflite model.")
_RUN_DIR = flags.DEFINE_string("run_dir", None, "A trained run: its float and fake-quant models.")
_DATASET = flags.DEFINE_string("dataset", None, "Data set; default: the run's own.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_ENGINE = flags.DEFINE_enum(
    "engine", "interpreter", ["interpreter", "litert"], "What runs the .tflite model."
)
_ALLOW_FLOAT_BOUNDARY = flags.DEFINE_bool(
    "allow_float_boundary", False, "Admit QUANTIZE and DEQUANTIZE at the edges, in our interpreter."
)
_NUM_IMAGES = flags.DEFINE_integer("num_images", None, "Pictures; default: all.", 1)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_RECALL_AT = 5


@dataclasses.dataclass(frozen=True)
class _Figures:
    """Accuracy, and how often the class is among the first five, where there are more."""

    accuracy: Accuracy
    recall_at_5: float | None


def main() -> None:
    """Evaluates and prints a table."""
    run_dir = None if _RUN_DIR.value is None else RunDir.open(_RUN_DIR.value, "float_model")
    if _MODEL.value is not None:
        results = _evaluate_flatbuffer(pathlib.Path(_MODEL.value), run_dir)
    elif run_dir is not None:
        results = _evaluate_run(run_dir)
    else:
        raise InputError("needed --model or --run_dir, got neither")
    table = Table(
        *("model", "accuracy", "95 % interval", "recall@5", "pictures"), box=rich.box.SIMPLE_HEAD
    )
    for name, figures in results.items():
        value, recall = figures.accuracy, figures.recall_at_5
        interval = f"{100 * value.low:.2f} to {100 * value.high:.2f} %"
        shown = "" if recall is None else f"{100 * recall:.2f} %"
        table.add_row(name, f"{100 * value.share:.2f} %", interval, shown, str(value.num_images))
    cli.console().print(table)
    if _REPORT.value:
        rows = {
            name: {
                **dataclasses.asdict(figures.accuracy),
                "share": figures.accuracy.share,
                "recall_at_5": figures.recall_at_5,
            }
            for name, figures in results.items()
        }
        inputs = [] if _MODEL.value is None else [_MODEL.value]
        report.write(_REPORT.value, "evaluate", rows, inputs=inputs)


def _evaluate_flatbuffer(path: pathlib.Path, run_dir: RunDir | None) -> Mapping[str, _Figures]:
    model = path.read_bytes()
    tensor = evaluate.input_tensor(model)
    if run_dir is not None:
        spec, dataset = held_out.of_run(run_dir, _DATASET.value, _DATA_DIR.value)
    elif _DATASET.value is not None:
        spec, dataset = held_out.of_model(tensor, _DATASET.value, _DATA_DIR.value)
    else:
        raise InputError("--model needs pictures to be evaluated on: --dataset or --run_dir")
    pixels, labels = _pixels(dataset)
    try:
        outputs = evaluate.outputs(
            model,
            evaluate.model_inputs(tensor, spec, pixels),
            _ENGINE.value,
            str(path),
            allow_float_boundary=_ALLOW_FLOAT_BOUNDARY.value and _ENGINE.value == "interpreter",
            progress=functools.partial(cli.track, "evaluating"),
        )
    except NotIntegerOnlyError as error:  # No verdict on the model here, only the wrong engine.
        raise InputError(f"{error}\nFor a model with floats take --engine=litert") from error
    return {f"{path.name} ({_ENGINE.value})": _figures(outputs, labels, dataset)}


def _evaluate_run(run_dir: RunDir) -> Mapping[str, _Figures]:
    from pipeline import qat  # here: tfmot takes seconds to import
    from pipeline.legacy_keras import tf_keras

    spec, dataset = held_out.of_run(run_dir, _DATASET.value, _DATA_DIR.value)
    pixels, labels = _pixels(dataset)
    inputs = spec.float_table()[pixels]
    models: dict[str, Any] = {
        "float": tf_keras.models.load_model(run_dir.float_model, compile=False)
    }
    if run_dir.qat_model.exists():
        models["fake-quant"] = qat.load(run_dir.qat_model)
    return {
        name: _figures(model.predict(inputs, 256, verbose=0), labels, dataset)
        for name, model in models.items()
    }


def _pixels(dataset: data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    count = _NUM_IMAGES.value
    return data.eval_pixels(dataset, None if count is None else min(count, dataset.num_eval))


def _figures(outputs: np.ndarray, labels: np.ndarray, dataset: data.Dataset) -> _Figures:
    if outputs.shape != (len(labels), len(dataset.class_names)):
        raise InputError(
            f"needed one output for each of the {len(dataset.class_names)} classes of "
            f"{dataset.name}, the model gives {list(outputs.shape[1:])} per picture"
        )
    many = outputs.shape[1] > _RECALL_AT
    return _Figures(
        evaluate.accuracy(outputs.argmax(-1), labels),
        evaluate.recall(outputs, labels, _RECALL_AT).share if many else None,
    )


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
