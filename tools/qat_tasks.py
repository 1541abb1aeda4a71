"""What tools.bench_qat compares: networks and pictures, schemes, methods.

Leaf module: imports no TensorFlow.
"""

import dataclasses
import importlib.util
import pathlib

from pipeline.quant_params import SCHEMES, QuantScheme


@dataclasses.dataclass(frozen=True)
class Task:
    """A float model to quantize, how it is trained, and for how long it is trained on.

    Attributes:
      train_flags: Of tools.train.
      data: The data set's place in the shared folder; None where the data set needs none.
      float_epochs: Of the float training.
      qat_steps: Optimizer steps of quantization-aware training, the same for every method.
      imagenet_weights: Keras file in the shared folder that float training begins with, given a
        new last layer; None for the model that the flags name.
    """

    train_flags: tuple[str, ...]
    data: pathlib.Path | None
    float_epochs: int
    qat_steps: int
    imagenet_weights: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Column:
    """One way to store a network.

    Attributes:
      title: In the table.
      scheme: What is asked of every method.
      is_ill_conditioned: Whether the network is rewritten before, see channel_spread.py.
    """

    title: str
    scheme: QuantScheme
    is_ill_conditioned: bool = False


_CIFAR10 = pathlib.Path("data", "cifar10.zip")
_MOBILENET = pathlib.Path("tflite_models", "mobilenet", "mobilenet_v1_0.25_224_imagenet.h5")

TASKS: dict[str, Task] = {
    "cifar10_mobilenet": Task(
        ("--model=mobilenet_v1", "--model_args=alpha=0.25", "--dataset=cifar10"),
        _CIFAR10,
        float_epochs=8,
        qat_steps=390,
    ),
    "cifar10_resnet": Task(
        ("--model=resnet_cifar", "--model_args=depth=8", "--dataset=cifar10"),
        _CIFAR10,
        float_epochs=8,
        qat_steps=390,
    ),
    # A fifth of the pictures is held out, another one for each seed. The ImageNet weights were
    # trained on inputs of pixel / 127.5 - 1.
    "flowers": Task(
        (
            *("--dataset=image_folder", "--input_mean=127.5", f"--input_scale={1 / 127.5}"),
            "--float_learning_rate=0.02",
        ),
        pathlib.Path("data", "flowers.zip"),
        float_epochs=6,
        qat_steps=144,
        imagenet_weights=_MOBILENET,
    ),
    # For tests: done in seconds.
    "digits": Task(
        ("--model=resnet_cifar", "--model_args=depth=8", "--dataset=digits"),
        None,
        float_epochs=3,
        qat_steps=22,
    ),
}

_PER_CHANNEL = SCHEMES["int8_per_channel"]

COLUMNS: dict[str, Column] = {
    "w8a8": Column("W8A8", _PER_CHANNEL),
    "w8a8_per_tensor": Column("W8A8 per tensor", SCHEMES["int8_per_tensor"]),
    "w4a8": Column("W4A8", _PER_CHANNEL.with_bits(4, 8)),
    "w4a4": Column("W4A4", _PER_CHANNEL.with_bits(4, 4)),
    "w8a8_ill": Column("W8A8, ill-conditioned", _PER_CHANNEL, is_ill_conditioned=True),
}

# name: as the table calls it. qat_methods.py says what each does.
METHODS: dict[str, str] = {
    "float": "float",
    "ours_ema": "ours, EMA ranges",
    "ours_lsq": "ours, LSQ",
    "ours_lsq_distilled": "ours, LSQ + distillation",
    "tfmot": "tfmot",
    "tf_lite_ptq": "tf.lite, post-training",
    "litert_quantizer": "litert-quantizer, static",
}
OURS = ("ours_ema", "ours_lsq", "ours_lsq_distilled")
PEERS = ("tfmot", "tf_lite_ptq", "litert_quantizer")

# Modules of peers that are no requirement of ours.
_MODULES = {"litert_quantizer": "litert_quantizer"}


def float_column(column: str) -> str:
    """Returns where the float model of a column is measured: once for each network."""
    return "w8a8_ill" if COLUMNS[column].is_ill_conditioned else "w8a8"


def is_installed(method: str) -> bool:
    """Returns whether what the method needs is there."""
    module = _MODULES.get(method)
    return module is None or importlib.util.find_spec(module) is not None
