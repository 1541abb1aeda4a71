"""Trains a tiny network under a strategy, in a process of its own; see together_test.py.

  python -m tests.pipeline.trained_together one_device|mirrored|multi_worker RUN_DIR
      [--kill_at=EPOCH-STEP]

The network has a learner of every kind, folded batch norms and one that stays in float, weights
with quantization noise, regularization, and a teacher. Two logical CPUs play the devices.
"""

import argparse
import dataclasses
import faulthandler
import os
import pathlib
import signal
import sys
from collections.abc import Iterator

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np

from pipeline import cluster, errors, qat, rendezvous, run_copy, strategy, train
from pipeline.data.input_spec import InputSpec
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from pipeline.run_dir import RunDir
from pipeline.strategy import Replicas
from pipeline.train_config import TrainConfig

BATCH_SIZE = 12
STEPS = 3  # Per epoch.
CONFIG = TrainConfig(
    "tiny",
    "blobs",
    seed=3,
    batch_size=BATCH_SIZE,
    float_epochs=1,
    qat_epochs=2,
    float_learning_rate=0.05,
    qat_learning_rate=0.01,
    quant_delay=1,
    freeze_bn_step=4,
    calibration_batches=2,
    checkpoint_steps=1,
    teacher="float",
    num_threads=1,
)
_TIMEOUT_S = 60.0
_INT8 = SCHEMES["int8_per_channel"]
# None stays in float, with its batch norm.
_SPECS = {
    "first": qat.LayerSpec(_INT8, "pact", "max", 1.0, 0.9),
    "float": None,
    "depthwise": qat.LayerSpec(_INT8, "lsq", "lsq", 1.0, 0.9),
    "mix": qat.LayerSpec(_INT8, "lsq_plus", "max", 0.7, 0.9),
    "add": qat.LayerSpec(_INT8, "percentile", "max", 1.0, 0.9),
}
_DEFAULT = qat.LayerSpec(_INT8, "ema", "max", 1.0, 0.9)


def build() -> tf_keras.Model:
    """Returns the float network."""
    keras = tf_keras.layers
    x = inputs = keras.Input((6, 6, 1), name="input")
    x = keras.Conv2D(4, 3, use_bias=False, kernel_regularizer="l2", name="first")(x)
    x = keras.BatchNormalization(momentum=0.5, name="first_bn")(x)
    x = keras.ReLU(name="first_relu")(x)
    x = keras.Conv2D(4, 1, use_bias=False, name="float")(x)
    x = keras.BatchNormalization(momentum=0.5, name="float_bn")(x)
    x = shortcut = keras.ReLU(name="float_relu")(x)
    x = keras.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = keras.BatchNormalization(momentum=0.5, name="depthwise_bn")(x)
    x = keras.ReLU(6.0, name="depthwise_relu")(x)
    x = keras.Conv2D(4, 1, use_bias=False, name="mix")(x)
    x = keras.BatchNormalization(momentum=0.5, name="mix_bn")(x)
    x = keras.Add(name="add")([x, shortcut])
    x = keras.Flatten(name="flatten")(x)
    x = keras.Dense(5, use_bias=False, name="hidden")(x)
    x = keras.BatchNormalization(momentum=0.5, name="hidden_bn")(x)
    x = keras.ReLU(name="hidden_relu")(x)
    return tf_keras.Model(inputs, keras.Dense(3, name="logits")(x), name="tiny")


def _blobs(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count).astype(np.int32)
    pictures = random.normal(size=(count, 6, 6, 1)) + labels[:, None, None, None] - 1.0
    return pictures.astype(np.float32), labels


class _Stages:
    def __init__(self, replicas: Replicas, kill_at: str | None):
        self._replicas = replicas
        self._kill_at = kill_at

    def train_batches(self, epoch: int, skip: int) -> Iterator[train.Batch]:
        pictures, labels = _blobs(epoch, STEPS * BATCH_SIZE)
        size = BATCH_SIZE // self._replicas.num_workers
        for number in range(skip, STEPS):
            if f"{epoch}-{number}" == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            start = number * BATCH_SIZE + self._replicas.worker * size
            batch = slice(start, start + size)
            yield tf.constant(pictures[batch]), tf.constant(labels[batch])

    def eval_batches(self) -> Iterator[train.Batch]:
        pictures, labels = _blobs(99, 21)
        own = slice(self._replicas.worker, None, self._replicas.num_workers)
        yield tf.constant(pictures[own]), tf.constant(labels[own])

    def quantize(self, model: tf_keras.Model) -> tf_keras.Model:
        params = QuantParams((1 / 32,), (0,))
        return qat.apply(qat.annotate_model(model), lambda name: _SPECS.get(name, _DEFAULT), params)

    def as_stages(self) -> train.Stages:
        return train.Stages(
            build=build,
            train_batches=self.train_batches,
            eval_batches=self.eval_batches,
            quantize=self.quantize,
            calibrate=qat.calibrate,
            measure_batch_norm=qat.measure_batch_norm,
            set_phase=lambda model, **fields: qat.set_phase(model, qat.Phase(**fields)),
        )


def main() -> None:
    """Trains; prints an error of ours and exits with its code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("strategy")
    parser.add_argument("run_dir", type=pathlib.Path)
    parser.add_argument("--kill_at", help="Epoch of the data and step in it.")
    options = parser.parse_args()
    try:
        _train(options)
    except errors.IntonlyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _train(options: argparse.Namespace) -> None:
    processes = cluster.from_environment()
    run = RunDir(options.run_dir, CONFIG, InputSpec(6, 6, 1), ("a", "b", "c"), STEPS * BATCH_SIZE)
    if processes is not None and processes.is_chief:
        message = run_copy.pack(run.path, dataclasses.asdict(CONFIG))
        rendezvous.lead(processes, message, _TIMEOUT_S)
    elif processes is not None:
        rendezvous.follow(processes, lambda message: run_copy.unpack(message, run.path), _TIMEOUT_S)
    train.make_repeatable(CONFIG.num_threads)
    if options.strategy == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
    replicas = strategy.create(options.strategy, processes, _TIMEOUT_S)
    run.save()
    train.run(run, _Stages(replicas, options.kill_at).as_stages(), replicas)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(900, exit=True)  # Whatever hangs, ends.
    main()
