"""Float models and pictures of the tasks of tools.bench_qat."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from pipeline import data
from pipeline.data import Dataset, InputSpec
from pipeline.data.dataset import InMemorySplit, Split
from pipeline.errors import InputError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.phase_trainer import Batch
from pipeline.run_dir import RunDir
from tools import held_out
from tools.qat_tasks import Task
from tools.stages import Stages

_BATCH_SIZE = 64
_EVAL_BATCH_SIZE = 250
_TRANSFER_SIZE = 128  # Height and width of what starts with ImageNet weights.
_NUM_FLOWERS = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of a task, decoded.

    Attributes:
      run_dir: The finished float run.
      dataset: Training and held-out pictures.
      test_pixels: uint8[N, H, W, C] that accuracies are measured on.
      test_labels: int32[N].
    """

    run_dir: RunDir
    dataset: Dataset
    test_pixels: np.ndarray
    test_labels: np.ndarray

    @property
    def spec(self) -> InputSpec:
        """How a picture becomes an input."""
        return self.run_dir.input_spec

    def train_batches(self, seed: int) -> Iterable[Batch]:
        """Yields augmented batches without end; equal seeds give equal ones."""
        for epoch in itertools.count():
            batches = data.train_batches(
                self.dataset, self.spec, batch_size=_BATCH_SIZE, seed=seed, epoch=epoch
            )
            yield from data.iterate(batches)

    def calibration(self, num_batches: int) -> np.ndarray:
        """Returns float32[N, H, W, C] of training pictures as they are, not augmented."""
        batches = data.train_batches(
            self.dataset, self.spec, batch_size=_BATCH_SIZE, seed=0, epoch=0, augment=False
        )
        return np.concatenate([inputs for inputs, _ in data.iterate(batches.take(num_batches))])

    def test_batches(self, count: int) -> Iterable[Batch]:
        """Yields the first `count` test pictures."""
        examples = (self.test_pixels[:count], self.test_labels[:count])
        for pixels, labels in tf.data.Dataset.from_tensor_slices(examples).batch(_EVAL_BATCH_SIZE):
            yield self.spec.float_pixels(pixels), labels


def train_float(
    task: Task,
    stages: Stages,
    folder: pathlib.Path,
    shared: pathlib.Path,
    seed: int,
    num_epochs: int,
) -> pathlib.Path:
    """Trains the task's float model in `folder`, unless it is there; returns the run directory.

    Raises:
      InputError: The shared folder lacks what the task needs.
      TrainingError: Training failed.
    """
    run_dir = folder / "float"
    if (run_dir / "train.json").exists():
        return run_dir
    given = [f"--seed={seed}", f"--batch_size={_BATCH_SIZE}", "--num_threads=1"]
    if task.data is not None:
        given.append(f"--data_dir={_found(shared / task.data)}")
    start = folder / "start.keras"
    if task.imagenet_weights is not None:
        given.append(f"--model={start}")
        if not start.exists():
            _transferred(_found(shared / task.imagenet_weights), seed).save(start)
    given.append(f"--float_epochs={num_epochs}")
    stages.train_float(folder / "log.txt", run_dir, [*task.train_flags, *given])
    return run_dir


def load(run_dir: pathlib.Path, num_test: int) -> Pictures:
    """Decodes the pictures of a finished float run; `num_test` to test with, or all if fewer."""
    run = RunDir.open(run_dir, "float_model")
    _, dataset = held_out.of_run(run, None, None)
    dataset = dataclasses.replace(dataset, train=_in_memory(dataset.train))
    pixels, labels = data.eval_pixels(dataset, min(num_test, dataset.num_eval))
    return Pictures(run, dataset, pixels, labels)


def _in_memory(split: Split) -> InMemorySplit:
    """Decodes once what every cell reads again."""
    order = np.arange(split.num_examples)
    pixels, labels = zip(*data.iterate(split.examples(order, 0, None).batch(256)), strict=True)
    return InMemorySplit(np.concatenate(pixels), np.concatenate(labels))


def _found(path: pathlib.Path) -> pathlib.Path:
    if not path.exists():
        raise InputError(f"{path}: needed the shared data of this task, found none; set --shared")
    return path


def _transferred(weights: pathlib.Path, seed: int) -> tf_keras.Model:
    """Returns MobileNetV1 0.25 with the file's weights at another size, and a new last layer."""
    trained: Any = tf_keras.models.load_model(weights, compile=False)
    tf_keras.utils.set_random_seed(seed)
    applications: Any = tf_keras.applications
    shape = (_TRANSFER_SIZE, _TRANSFER_SIZE, 3)
    base = applications.MobileNet(shape, alpha=0.25, include_top=False, weights=None)
    for layer in base.layers:
        if layer.weights:
            layer.set_weights(trained.get_layer(layer.name).get_weights())
    x = tf_keras.layers.GlobalAveragePooling2D(name="pool")(base.output)
    logits = tf_keras.layers.Dense(_NUM_FLOWERS, name="logits")(x)
    return tf_keras.Model(base.input, logits, name="mobilenet_v1_transferred")
