"""Accuracy of a .tflite model, or of a run's Keras models, on a data set's held-out pictures.

  python -m tools.evaluate --model=M.tflite --dataset=cifar10 --data_dir=cifar10.zip
  python -m tools.evaluate --run_dir=out/run --dataset=cifar10 --data_dir=cifar10.zip

Exit code 0: evaluated; 2: the request cannot be served.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from pipeline import data, evaluate, report
from pipeline.errors import InputError
from pipeline.evaluate import Accuracy
from pipeline.run_dir import RunDir
from tools import cli

_MODEL = flags.DEFINE_string("model", None, "The .tflite model.")
_RUN_DIR = flags.DEFINE_string("run_dir", None, "A trained run: its float and fake-quant models.")
_DATASET = flags.DEFINE_string("dataset", None, "Data set; default: the run's own.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_ENGINE = flags.DEFINE_enum(
    "engine", "interpreter", ["interpreter", "litert"], "What runs the .tflite model."
)
_NUM_IMAGES = flags.DEFINE_integer("num_images", None, "Pictures; default: all.", 1)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

flags.mark_flags_as_mutual_exclusive(["model", "run_dir"], required=True)


def main() -> None:
    """Evaluates and prints a table."""
    if _MODEL.value is not None:
        results, inputs = _evaluate_flatbuffer(pathlib.Path(_MODEL.value)), [_MODEL.value]
    else:
        results, inputs = _evaluate_run(RunDir.open(_RUN_DIR.value, "float_model")), []
    table = Table("model", "accuracy", "95 % interval", "pictures", box=rich.box.SIMPLE_HEAD)
    for name, value in results.items():
        interval = f"{100 * value.low:.2f} to {100 * value.high:.2f} %"
        table.add_row(name, f"{100 * value.share:.2f} %", interval, str(value.num_images))
    cli.console().print(table)
    if _REPORT.value:
        rows = {
            name: {**dataclasses.asdict(value), "share": value.share}
            for name, value in results.items()
        }
        report.write(_REPORT.value, "evaluate", rows, inputs=inputs)


def _evaluate_flatbuffer(path: pathlib.Path) -> Mapping[str, Accuracy]:
    if _DATASET.value is None:
        raise InputError("--model needs --dataset")
    model = path.read_bytes()
    tensor = evaluate.input_tensor(model)
    _, height, width, channels = tensor.shape
    spec = dataclasses.replace(
        data.default_spec(_DATASET.value), height=height, width=width, channels=channels
    )
    pixels, labels = _pixels(data.load(_DATASET.value, spec, data_dir=_DATA_DIR.value))
    inputs = evaluate.model_inputs(tensor, spec, pixels)
    logits = evaluate.outputs(model, inputs, _ENGINE.value, str(path))
    return {f"{path.name} ({_ENGINE.value})": evaluate.accuracy(logits.argmax(-1), labels)}


def _evaluate_run(run_dir: RunDir) -> Mapping[str, Accuracy]:
    from pipeline import qat  # here: TensorFlow takes seconds to import
    from pipeline.legacy_keras import tf_keras

    config = run_dir.config
    dataset = data.load(
        _DATASET.value or config.dataset,
        run_dir.input_spec,
        data_dir=_DATA_DIR.value or config.data_dir,
        seed=config.seed,
        validation_fraction=config.validation_fraction,
        skip_bad_images=config.skip_bad_images,
    )
    pixels, labels = _pixels(dataset)
    inputs = run_dir.input_spec.float_table()[pixels]
    models: dict[str, Any] = {
        "float": tf_keras.models.load_model(run_dir.float_model, compile=False)
    }
    if run_dir.qat_model.exists():
        models["fake-quant"] = qat.load(run_dir.qat_model)
    return {
        name: evaluate.accuracy(np.argmax(model.predict(inputs, 256, verbose=0), -1), labels)
        for name, model in models.items()
    }


def _pixels(dataset: data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    count = _NUM_IMAGES.value
    return data.eval_pixels(dataset, None if count is None else min(count, dataset.num_eval))


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
