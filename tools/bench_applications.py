"""Takes the networks of tf_keras.applications down the road: annotate, convert, certify, verify.

  python -m tools.bench_applications [--net=MobileNetV3Small] [--output_dir=out/bench_applications]

Weights are random, so that nothing is downloaded; the statistics of batch normalization are those
of random pictures, and biases give the classes different chances: of a thousand equal ones TFLite's
SOFTMAX ends its process. Each network runs in a process of its own and leaves a report of its own,
and one that has its report is not run again. Exit code 1: a network was refused or differs.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
from typing import Any

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from pipeline import certificate, convert, evaluate, fidelity, flatbuffer, qat, report, verify
from pipeline.errors import IntonlyError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tools import cli

_UNIT = QuantParams((1 / 128,), (0,))
_PIXELS = QuantParams((1.0,), (-128,))  # Of networks that rescale pixels themselves.

_NETS: dict[str, QuantParams] = {
    "MobileNet": _UNIT,
    "MobileNetV2": _UNIT,
    "MobileNetV3Small": _PIXELS,
    "MobileNetV3Large": _PIXELS,
    "ResNet50": _UNIT,
    "ResNet101": _UNIT,
    "ResNet152": _UNIT,
    "ResNet50V2": _UNIT,
    "ResNet101V2": _UNIT,
    "ResNet152V2": _UNIT,
    "InceptionV3": _UNIT,
    "EfficientNetB0": _PIXELS,
    "DenseNet121": _UNIT,
    "Xception": _UNIT,
    "NASNetMobile": _UNIT,
}

_NET = flags.DEFINE_multi_enum("net", None, list(_NETS), "Networks; default: all.")
_SIZE = flags.DEFINE_integer("size", 96, "Height and width of the pictures.", 32)
_ARGUMENTS = flags.DEFINE_string("arguments", "{}", "Others of the networks' functions, as JSON.")
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 4, "Pictures to compare on.", 1)
_SCHEME = flags.DEFINE_enum("scheme", "int8_per_channel", list(SCHEMES), "Quantization scheme.")
_SEED = flags.DEFINE_integer("seed", 0, "Of weights and pictures.", 0)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "out/bench_applications", "Where a report of each network is left."
)
_HERE = flags.DEFINE_bool("here", False, "Run the one --net in this process; for the tool itself.")

_KIND = "bench_applications"
_NUM_CALIBRATION = 8
_SHOWN_REASON = 100  # Letters of a refusal in the table; the report has all.
_EXIT_NOT_GOOD = 1
_LOGIT_STD = 4.0


@dataclasses.dataclass
class Row:
    """How far a network came; None where it did not come so far.

    Attributes:
      net: Name in tf_keras.applications.
      num_parameters: Of the float network.
      num_layers: Quantized layers.
      size_bytes: Of the flatbuffer.
      op_counts: How often each op occurs.
      is_integer_only: By the certificate.
      is_exact: Whether every computed tensor equals TFLite's reference kernels.
      num_tensors: Tensors compared.
      is_faithful: Whether every layer computes what its fake-quantized twin does.
      least_equal_share: Of equal codes in a layer.
      max_abs_difference: In codes.
      least_equal_layer: The layer with that share.
      refusal: Why it came no further, "" if it came through.
      seconds: For all of it.
    """

    net: str
    num_parameters: int
    num_layers: int | None = None
    size_bytes: int | None = None
    op_counts: dict[str, int] | None = None
    is_integer_only: bool | None = None
    is_exact: bool | None = None
    num_tensors: int | None = None
    is_faithful: bool | None = None
    least_equal_share: float | None = None
    max_abs_difference: int | None = None
    least_equal_layer: str | None = None
    refusal: str = ""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether it came all the way."""
        return bool(self.is_integer_only and self.is_exact and self.is_faithful)


def main() -> int:
    """Runs the networks, prints the table and returns the exit code."""
    nets = _NET.value or list(_NETS)
    output_dir = pathlib.Path(_OUTPUT_DIR.value)
    if _HERE.value:
        _leave(_travelled(nets[0]), output_dir)
        return 0
    rows = [_row(net, output_dir) for net in cli.track("networks", nets, len(nets))]
    _print(rows)
    return 0 if all(row.is_good for row in rows) else _EXIT_NOT_GOOD


def _row(net: str, output_dir: pathlib.Path) -> Row:
    """Returns a network's row, from its report if it has one, else from a process of its own."""
    path = output_dir / f"{net}.json"
    if not path.exists():
        command = [sys.executable, "-m", "tools.bench_applications", "--here", f"--net={net}"]
        given = {"size": _SIZE, "num_inputs": _NUM_INPUTS, "scheme": _SCHEME, "seed": _SEED}
        given["arguments"] = _ARGUMENTS
        options = [f"--{name}={flag.value}" for name, flag in given.items()]
        done = subprocess.run(
            [*command, *options, f"--output_dir={output_dir}"], stderr=subprocess.PIPE, text=True
        )
        if done.returncode:
            return Row(net, 0, refusal=f"exit code {done.returncode}: {done.stderr[-500:]}")
    return Row(**report.read(path, _KIND)["results"])


def _leave(row: Row, output_dir: pathlib.Path) -> None:
    output_dir.mkdir(parents=True, exist_ok=True)
    path = output_dir / f"{row.net}.json"
    report.write(path, _KIND, dataclasses.asdict(row), inputs=[], seed=_SEED.value)


def _travelled(net: str) -> Row:
    began = time.monotonic()
    params = _NETS[net]
    codes = np.random.default_rng(_SEED.value).integers(
        -128, 128, (_NUM_CALIBRATION + _NUM_INPUTS.value, _SIZE.value, _SIZE.value, 3), np.int8
    )
    pictures = tf.constant(params.dequantize(codes[:_NUM_CALIBRATION]), tf.float32)
    model = _build(net, pictures)
    row = Row(net, model.count_params())
    try:
        _travel(row, model, pictures, codes[_NUM_CALIBRATION:])
    except IntonlyError as error:
        row.refusal = str(error)
    row.seconds = time.monotonic() - began
    return row


def _travel(row: Row, model: tf_keras.Model, pictures: tf.Tensor, codes: np.ndarray) -> None:
    twin = qat.apply(qat.annotate_model(model), SCHEMES[_SCHEME.value], _NETS[row.net])
    row.num_layers = len(qat.quantized_layers(twin))
    qat.calibrate(twin, [pictures])
    converted = convert.convert(twin)
    row.size_bytes = len(converted)
    certified = certificate.certify(flatbuffer.read(converted))
    row.op_counts = dict(certified.op_counts)
    row.is_integer_only = certified.passes
    inputs = _quantized(converted, _NETS[row.net].dequantize(codes))
    verification = verify.compare(converted, inputs[:, np.newaxis], name=row.net)
    row.num_tensors = len(verification.tensors)
    row.is_exact = verification.is_exact
    compared = fidelity.compare(converted, twin, inputs)
    worst = min(compared.layers, key=lambda match: match.equal_share)
    row.is_faithful = compared.holds()
    row.least_equal_share = worst.equal_share
    row.least_equal_layer = worst.layer
    row.max_abs_difference = max(match.max_abs_difference for match in compared.layers)
    row.refusal = verification.reason if not row.is_exact else ", ".join(compared.unmatched)


def _quantized(model: bytes, pictures: np.ndarray) -> np.ndarray:
    """Returns pictures as codes of the model's input, whatever its type."""
    tensor = evaluate.input_tensor(model)
    assert tensor.quantization is not None  # It is integer-only.
    return tensor.quantization.quantize(pictures, tensor.dtype)


def _build(net: str, pictures: tf.Tensor) -> tf_keras.Model:
    """Returns the network; its batch normalizations know the statistics of the pictures."""
    tf_keras.utils.set_random_seed(_SEED.value)
    build: Any = getattr(tf_keras.applications, net)
    arguments = json.loads(_ARGUMENTS.value)
    model = build(input_shape=(_SIZE.value, _SIZE.value, 3), weights=None, **arguments)
    norms: list[Any] = [
        it for it in model.layers if isinstance(it, tf_keras.layers.BatchNormalization)
    ]
    momenta = [norm.momentum for norm in norms]
    rng = np.random.default_rng(_SEED.value)
    for norm in norms:
        if norm.scale:
            norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
        norm.beta.assign(rng.normal(0.0, 0.3, norm.beta.shape))
        norm.momentum = 0.0
    model(pictures, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    classifier: Any = [it for it in model.layers if getattr(it, "use_bias", False)][-1]
    classifier.bias.assign(rng.normal(0.0, _LOGIT_STD, classifier.bias.shape))
    return model


def _print(rows: list[Row]) -> None:
    table = Table(
        *("network", "parameters", "layers", "ops", "integer-only", "exact", "faithful"),
        *("least equal", "refused because", "s"),
        box=rich.box.SIMPLE_HEAD,
        title=f"tf_keras.applications at {_SIZE.value}x{_SIZE.value}, {_SCHEME.value}",
    )
    for row in rows:
        table.add_row(
            row.net,
            f"{row.num_parameters:,}",
            _text(row.num_layers),
            "" if row.op_counts is None else str(sum(row.op_counts.values())),
            _text(row.is_integer_only),
            _text(row.is_exact),
            _text(row.is_faithful),
            "" if row.least_equal_share is None else f"{row.least_equal_share:.3%}",
            row.refusal[:_SHOWN_REASON],
            f"{row.seconds:.0f}",
        )
    cli.console().print(table)


def _text(value: bool | int | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


if __name__ == "__main__":
    cli.run(main)
