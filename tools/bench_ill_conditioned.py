"""Accuracy under QAT of a network whose channels differ a hundredfold before batch normalization.

  python -m tools.bench_ill_conditioned --run_dir=out/bench_accuracy/mobilenet_v1_0/float

The run's float network is rewritten: half of each convolution's output channels, drawn at random,
are multiplied by --spread, and batch normalization divides by it. The function stays the same.
Quantizing the folded weights cannot see the factors; quantizing the raw weights with one scale, as
tfmot does in depthwise convolutions, loses the small channels.
"""

import dataclasses
import itertools
from typing import Any

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from pipeline import data, evaluate, qat, report
from pipeline.data import Dataset
from pipeline.evaluate import Accuracy
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import annotation
from pipeline.quant_params import SCHEMES
from pipeline.run_dir import RunDir
from tools import cli, held_out
from tools.channel_spread import spread_channel_scales

_RUN_DIR = flags.DEFINE_string(
    "run_dir", "out/bench_accuracy/mobilenet_v1_0/float", "A run with a trained float model."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data lies; default: where it lay.")
_SPREAD = flags.DEFINE_float("spread", 100.0, "Largest factor of a channel over the least.", 1.0)
_STEPS = flags.DEFINE_integer("steps", 390, "QAT steps.", 0)
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 0.001, "SGD's with momentum 0.9.", 0.0)
_SEED = flags.DEFINE_integer("seed", 0, "Of the factors and the order of pictures.", 0)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_SCHEMES = ("int8_per_channel", "int8_per_tensor")
_CALIBRATION_BATCHES = 8
_EVAL_BATCH_SIZE = 250


@dataclasses.dataclass(frozen=True)
class Row:
    """One way to train, on the network as it was and as it was rewritten."""

    training: str
    original: Accuracy
    rewritten: Accuracy


@dataclasses.dataclass(frozen=True)
class _Pictures:
    """The run, its data, and its held-out pictures as float32[N, H, W, C] with int32[N] labels."""

    run_dir: RunDir
    dataset: Dataset
    inputs: np.ndarray
    labels: np.ndarray

    def train_batches(self) -> tf.data.Dataset:
        """Batches without end."""
        first = data.train_batches(
            self.dataset,
            self.run_dir.input_spec,
            batch_size=self.run_dir.config.batch_size,
            seed=_SEED.value,
            epoch=0,
        )
        return first.repeat()

    def accuracy(self, model: Any) -> Accuracy:
        """The Keras model's on the held-out pictures."""
        outputs = model.predict(self.inputs, _EVAL_BATCH_SIZE, verbose=0)
        return evaluate.accuracy(outputs.argmax(-1), self.labels)


def main() -> None:
    """Measures every way to train and prints the table."""
    run_dir = RunDir.open(_RUN_DIR.value, "float_model")
    tf_keras.utils.set_random_seed(_SEED.value)
    spec, dataset = held_out.of_run(run_dir, None, _DATA_DIR.value)
    pixels, labels = data.eval_pixels(dataset)
    pictures = _Pictures(run_dir, dataset, spec.float_table()[pixels], labels)
    nets = [_load(run_dir) for _ in range(2)]
    spread_channel_scales(nets[1], _SPREAD.value, _SEED.value)
    rows = [_row("float", pictures, nets)]
    for scheme in _SCHEMES:
        twins = [_calibrated(net, scheme, pictures) for net in nets]
        rows.append(_row(f"{scheme}, calibrated", pictures, twins))
        for twin in twins:
            _train(twin, pictures)
        rows.append(_row(f"{scheme}, {_STEPS.value} steps", pictures, twins))
    tfmots = [_tfmot(net, pictures) for net in nets]
    rows.append(_row("tfmot, calibrated", pictures, tfmots))
    for model in tfmots:
        _train(model, pictures)
    rows.append(_row(f"tfmot, {_STEPS.value} steps", pictures, tfmots))
    _print(rows)
    if _REPORT.value:
        results = {"spread": _SPREAD.value, "steps": _STEPS.value, "rows": rows}
        report.write(
            _REPORT.value,
            "bench_ill_conditioned",
            results,
            inputs=[run_dir.float_model],
            seed=_SEED.value,
        )


def _load(run_dir: RunDir) -> tf_keras.Model:
    model: Any = tf_keras.models.load_model(run_dir.float_model, compile=False)
    return model


def _calibrated(net: tf_keras.Model, scheme: str, pictures: _Pictures) -> tf_keras.Model:
    annotated = qat.annotate_model(net)
    model = qat.apply(annotated, SCHEMES[scheme], pictures.run_dir.input_spec.params)
    batches = itertools.islice(pictures.train_batches(), _CALIBRATION_BATCHES)
    qat.calibrate(model, (inputs for inputs, _ in batches))
    qat.set_phase(model, qat.Phase())
    return model


def _tfmot(net: tf_keras.Model, pictures: _Pictures) -> tf_keras.Model:
    """Returns tfmot's model; its slow EMA gets as many batches as training has."""
    model = annotation.tfmot_quantized(net)
    run = tf.function(lambda batch: model(batch, training=True))
    for inputs, _ in itertools.islice(pictures.train_batches(), _STEPS.value):
        run(inputs)
    return model


def _train(model: Any, pictures: _Pictures) -> None:
    model.compile(
        tf_keras.optimizers.SGD(_LEARNING_RATE.value, momentum=0.9),
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(pictures.train_batches(), steps_per_epoch=_STEPS.value, verbose=0)


def _row(training: str, pictures: _Pictures, models: list[tf_keras.Model]) -> Row:
    return Row(training, *(pictures.accuracy(model) for model in models))


def _print(rows: list[Row]) -> None:
    original_float = rows[0].original.share
    table = Table(
        *("", "original", f"spread {_SPREAD.value:g}x", "against float"), box=rich.box.SIMPLE_HEAD
    )
    for row in rows:
        table.add_row(
            row.training,
            f"{row.original.share:.2%}",
            f"{row.rewritten.share:.2%}",
            f"{100 * (row.rewritten.share - original_float):+.2f}",
        )
    cli.console().print(table)


if __name__ == "__main__":
    cli.run(main)
