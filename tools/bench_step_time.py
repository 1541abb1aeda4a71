"""Times a training step under QAT against the float step, in the same run.

  python -m tools.bench_step_time [--rounds=15] [--batch_size=128]
  python -m tools.bench_step_time --learner=lsq --learner=pact ...

One thread, interleaved: each round runs float, QAT with batch statistics, QAT frozen and (where it
applies) tfmot once each; the ratios are medians over rounds of ratios within a round. With
--learner, each round times QAT with batch statistics under each of these learners too.
"""

import dataclasses
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import rich.box
from absl import flags
from rich.table import Table

import models
from pipeline import qat, report
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import annotation
from pipeline.quant_params import SCHEMES, QuantParams
from tools import cli

_ROUNDS = flags.DEFINE_integer(
    "rounds", 15, "Timed rounds; each times every variant once.", lower_bound=3
)
_STEPS = flags.DEFINE_integer("steps", 3, "Steps in one timing.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Pictures in a batch.", lower_bound=1)
_NETS = flags.DEFINE_multi_enum(
    "net",
    None,
    ["resnet_cifar", "mobilenet_v1", "mobilenet_v2"],
    "Networks to time; all by default.",
)
# Range learner, weight learner, share of weights rounded.
_LEARNERS: dict[str, tuple[str, str, float]] = {
    "ema": ("ema", "max", 1.0),
    "percentile": ("percentile", "max", 1.0),
    "pact": ("pact", "max", 1.0),
    "lsq": ("lsq", "lsq", 1.0),
    "lsq_plus": ("lsq_plus", "lsq", 1.0),
    "quant_noise": ("ema", "max", 0.5),
}

_LEARNER = flags.DEFINE_multi_enum(
    "learner", [], list(_LEARNERS), "Learners to time; none by default."
)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_SCHEME = SCHEMES["int8_per_channel"]
_INPUT = QuantParams((1 / 128,), (0,))


def _mobilenet_v2() -> tf_keras.Model:
    build: Any = tf_keras.applications.MobileNetV2
    return build(input_shape=(96, 96, 3), weights=None, classes=10, classifier_activation=None)


_BUILDERS: dict[str, Callable[[], tf_keras.Model]] = {
    "resnet_cifar": lambda: models.build("resnet_cifar", (32, 32, 3), 10, depth=8),
    "mobilenet_v1": lambda: models.build("mobilenet_v1", (32, 32, 3), 10, alpha=0.25),
    "mobilenet_v2": _mobilenet_v2,
}
# MobileNetV2 at 96x96 keeps 32 times the activations of a CIFAR net.
_BATCH_DIVISORS = {"mobilenet_v2": 4}


@dataclasses.dataclass(frozen=True)
class StepTimes:
    """Median step of one network in ms, and medians of the ratios to the float step.

    Attributes:
      learners: By name; all with batch statistics.
    """

    net: str
    batch_size: int
    float_ms: float
    batch_statistics: float
    frozen: float
    tfmot: float
    learners: Mapping[str, float]


def main() -> None:
    """Times every network and prints the table."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    results = [_time_net(net) for net in _NETS.value or _BUILDERS]
    _print(results)
    if _LEARNER.value:
        _print_learners(results)
    if _REPORT.value:
        report.write(_REPORT.value, "bench_step_time", {"nets": results})


def _time_net(net: str) -> StepTimes:
    batch_size = max(_BATCH_SIZE.value // _BATCH_DIVISORS.get(net, 1), 1)
    variants = {
        "float": _BUILDERS[net](),
        "batch_statistics": _quantized(net, qat.Phase()),
        "frozen": _quantized(net, qat.Phase(freeze_batch_norm=True)),
        "tfmot": annotation.tfmot_quantized(_BUILDERS[net]()),
    }
    shape = variants["float"].input_shape[1:]
    images = tf.random.stateless_uniform((batch_size, *shape), seed=(0, 1), minval=-1.0)
    learners = {name: _learning(net, name, images) for name in _LEARNER.value}
    labels = tf.random.stateless_uniform((batch_size,), (0, 2), 0, 10, tf.int32)
    steps = {
        name: _train_step(model, images, labels) for name, model in {**variants, **learners}.items()
    }
    for step in steps.values():
        step()
    rounds = []
    for _ in range(_ROUNDS.value):
        gc.collect()
        rounds.append({name: _seconds(step) for name, step in steps.items()})
    ratios = {
        name: statistics.median(timed[name] / timed["float"] for timed in rounds)
        for name in steps
        if name != "float"
    }
    float_ms = 1e3 * statistics.median(timed["float"] for timed in rounds) / _STEPS.value
    return StepTimes(
        net,
        batch_size,
        float_ms,
        **{name: ratios[name] for name in variants if name != "float"},
        learners={name: ratios[name] for name in learners},
    )


def _quantized(net: str, phase: qat.Phase) -> tf_keras.Model:
    annotated = qat.annotate_model(_BUILDERS[net]())
    model = qat.apply(annotated, _SCHEME, _INPUT)
    qat.set_phase(model, phase)
    return model


def _learning(net: str, learner: str, images: tf.Tensor) -> tf_keras.Model:
    """Returns a model calibrated on `images`, which those that follow the loss start from."""
    range_learner, weight_learner, noise = _LEARNERS[learner]
    spec = qat.LayerSpec(_SCHEME, range_learner, weight_learner, noise)
    model = qat.apply(qat.annotate_model(_BUILDERS[net]()), lambda _: spec, _INPUT)
    qat.calibrate(model, [images])
    qat.set_phase(model, qat.Phase())
    return model


def _train_step(
    model: tf_keras.Model, images: tf.Tensor, labels: tf.Tensor
) -> Callable[[], object]:
    optimizer = tf_keras.optimizers.SGD(1e-6, momentum=0.9)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    traced: Any = tf.function(step)
    return lambda: traced().numpy()


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(_STEPS.value):
        step()
    return time.perf_counter() - start


def _print(results: list[StepTimes]) -> None:
    table = Table(
        *("net", "batch", "float ms", "QAT batch statistics", "QAT frozen", "tfmot (no folding)"),
        title="training step, one thread: ratio to float (medians)",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for row in results:
        table.add_row(
            row.net,
            str(row.batch_size),
            f"{row.float_ms:.1f}",
            f"{row.batch_statistics:.3f}",
            f"{row.frozen:.3f}",
            f"{row.tfmot:.3f}",
        )
    cli.console().print(table)


def _print_learners(results: list[StepTimes]) -> None:
    table = Table(
        *("learner", *(row.net for row in results)),
        title="QAT with batch statistics by learner: ratio to float (medians)",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for name in _LEARNER.value:
        table.add_row(name, *(f"{row.learners[name]:.3f}" for row in results))
    cli.console().print(table)


if __name__ == "__main__":
    cli.run(main)
