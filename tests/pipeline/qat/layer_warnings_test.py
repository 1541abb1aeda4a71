"""Every warning, by a network that was made to have just that defect; none for a healthy one."""

import json

import numpy as np
import pytest

from pipeline import layer_figures, layer_file, layer_warnings, qat
from pipeline.errors import ReportError
from pipeline.layer_file import LayerFile
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import layer_report
from pipeline.quant_params import SCHEMES, QuantParams, QuantScheme

_keras = tf_keras.layers
_INPUT = QuantParams((1 / 128,), (0,))
_PER_CHANNEL = qat.LayerSpec(SCHEMES["int8_per_channel"])
_PER_TENSOR = qat.LayerSpec(SCHEMES["int8_per_tensor"])


def _pictures(count, seed):
    """Smooth pictures of a common distribution: float32[count, 12, 12, 3]."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(-1, 1, (count, 4, 4, 3)).repeat(3, 1).repeat(3, 2)
    pictures = 0.7 * coarse + 0.3 * random.uniform(-1, 1, (count, 12, 12, 3))
    return tf.constant(np.clip(np.rint(pictures * 128), -128, 127) / 128, tf.float32)


def _float_model():
    """Two convolutions with batch normalization and ReLU, and logits; statistics have settled."""
    tf_keras.utils.set_random_seed(4)
    x = inputs = _keras.Input((12, 12, 3), name="input")
    for name in ("conv1", "conv2"):
        x = _keras.Conv2D(8, 3, use_bias=False, name=name)(x)
        x = _keras.BatchNormalization(momentum=0.5, name=f"{name}_norm")(x)
        x = _keras.ReLU(name=f"{name}_relu")(x)
    x = _keras.Conv2D(6, 1, name="mix")(x)
    x = _keras.GlobalAveragePooling2D(name="pool")(x)
    model = tf_keras.Model(inputs, _keras.Dense(5, name="logits")(x), name="net")
    for seed in range(8):
        model(_pictures(64, seed), training=True)
    return model


def _quantized(float_model, spec, batches=4):
    """Returns the model after calibration on so many batches."""
    model = qat.apply(qat.annotate_model(float_model), lambda _: spec, _INPUT)
    qat.calibrate(model, (_pictures(64, 100 + number) for number in range(batches)))
    return model


def _warnings(model):
    return layer_warnings.check(layer_report.measure(model, [_pictures(128, 999)]))


def _what(warnings):
    return [(warning.layer, warning.kind) for warning in warnings]


@pytest.fixture(scope="module")
def settled():
    return _float_model()


@pytest.fixture
def float_model(settled):
    model = tf_keras.models.clone_model(settled)
    model.set_weights(settled.get_weights())
    return model


@pytest.mark.parametrize("scheme", ["int8_per_channel", "int8_per_tensor"])
@pytest.mark.parametrize("learner", qat.LEARNERS)
def test_a_healthy_network_is_not_warned_of(float_model, learner, scheme):
    assert _warnings(_quantized(float_model, qat.LayerSpec(SCHEMES[scheme], learner))) == ()


@pytest.mark.parametrize("learner", ["lsq", "percentile"])
def test_nor_a_healthy_one_of_few_bits(float_model, learner):
    scheme = QuantScheme("w4a4", 4, "per_channel", 4)
    assert _warnings(_quantized(float_model, qat.LayerSpec(scheme, learner))) == ()


@pytest.mark.parametrize("learner", qat.LEARNERS)
def test_range_never_updated(float_model, learner):
    spec = qat.LayerSpec(SCHEMES["int8_per_channel"], learner)
    warnings = _warnings(_quantized(float_model, spec, batches=0))
    ranges = {warning.layer for warning in warnings if warning.kind == "range never updated"}
    assert ranges == {"conv1", "conv2", "mix", "pool", "logits"}
    assert "--calibration_batches" in warnings[0].remedy


def test_codes_unused(float_model):
    model = _quantized(float_model, _PER_CHANNEL)
    maximum = model.get_layer("conv2").output_range.maximum
    maximum.assign(1.7 * maximum)
    (warning,) = _warnings(model)
    assert (warning.layer, warning.kind) == ("conv2", "codes unused")
    assert "% of its 256 codes never occur" in warning.message
    assert "--range_learner=percentile" in warning.remedy


def test_saturation(float_model):
    model = _quantized(float_model, _PER_CHANNEL)
    maximum = model.get_layer("logits").output_range.maximum
    maximum.assign(0.6 * maximum)
    (warning,) = _warnings(model)
    assert (warning.layer, warning.kind) == ("logits", "saturation")
    assert "% of its values lie outside of its range" in warning.message
    assert "--range_learner=ema" in warning.remedy


def test_dead_channels(float_model):
    norm = float_model.get_layer("conv2_norm")
    norm.beta.assign([0, -50, 0, 0, -50, 0, 0, 0])
    (warning,) = _warnings(_quantized(float_model, _PER_CHANNEL))
    assert (warning.layer, warning.kind) == ("conv2", "dead channels")
    assert warning.message == "2 of 8 channels (1, 4) are constant, in float too"
    assert "narrower" in warning.remedy


def test_channels_that_rounding_kills(float_model):
    norm = float_model.get_layer("conv2_norm")
    norm.gamma.assign([1, 1, 1, 1e-4, 1, 1, 1, 1])
    (warning,) = _warnings(_quantized(float_model, _PER_CHANNEL))
    assert (warning.layer, warning.kind) == ("conv2", "dead channels")
    assert "1 of 8 channels (3) are constant, and not so in float" in warning.message
    assert "activation_bits" in warning.remedy


def test_weight_channels_of_few_codes_per_tensor(float_model):
    kernel = float_model.get_layer("mix").kernel
    small = np.where(np.arange(6) == 2, 0.005, 1.0)  # Of a range that others set.
    kernel.assign(kernel * small)
    warnings = _warnings(_quantized(float_model, _PER_TENSOR))
    assert ("mix", "few weight codes") in _what(warnings)
    assert {warning.layer for warning in warnings} == {"mix"}
    (warning,) = (warning for warning in warnings if warning.kind == "few weight codes")
    assert "1 of 6 channels (2) are left with fewer than 4 different codes" in warning.message
    assert "--scheme=int8_per_channel" in warning.remedy
    assert _warnings(_quantized(float_model, _PER_CHANNEL)) == ()


def test_weight_channels_of_few_codes_per_channel(float_model):
    kernel = float_model.get_layer("conv2").kernel
    values = kernel.numpy()
    values[..., 5] *= 1e-4
    values[1, 1, 2, 5] = 1.0  # It dwarfs the others.
    kernel.assign(values)
    for seed in range(8):
        float_model(_pictures(64, seed), training=True)
    (warning,) = _warnings(_quantized(float_model, _PER_CHANNEL))
    assert (warning.layer, warning.kind) == ("conv2", "few weight codes")
    assert "1 of 8 channels (5)" in warning.message
    assert "weight decay" in warning.remedy


def test_weights_of_two_bits_have_no_fourth_code(float_model):
    scheme = QuantScheme("w2a8", 2, "per_channel", 8)
    warnings = _warnings(_quantized(float_model, qat.LayerSpec(scheme)))
    assert "few weight codes" not in {warning.kind for warning in warnings}


def test_batch_norm_drift(float_model):
    norm = float_model.get_layer("conv2_norm")
    norm.moving_mean.assign_sub(2 * np.sqrt(norm.moving_variance))
    (warning,) = _warnings(_quantized(float_model, _PER_CHANNEL))
    assert (warning.layer, warning.kind) == ("conv2", "batch-norm drift")
    assert "are 2 standard deviations away" in warning.message
    assert "--freeze_bn_step" in warning.remedy


def test_stale_variance_is_drift_too(float_model):
    norm = float_model.get_layer("conv2_norm")
    norm.moving_variance.assign(norm.moving_variance / 4)
    assert _what(_warnings(_quantized(float_model, _PER_CHANNEL))) == [
        ("conv2", "batch-norm drift")
    ]


def _figures(**output):
    fields = {
        **{"learner": "ema", "updated": True, "minimum": 0.0, "maximum": 1.0, "scale": 1 / 255},
        **{"zero_point": -128, "num_codes": 256, "num_used": 256, "num_values": 10**6},
        "num_saturated": 0,
    }
    noise = layer_figures.NoiseFigures(40.0, 40.0, None)
    grid = layer_figures.RangeFigures(**{**fields, **output})
    return layer_figures.LayerFigures("it", "Conv2D", grid, noise, 4, (), (), None, None)


@pytest.mark.parametrize(
    ("output", "kinds"),
    [
        ({"num_used": 180}, []),  # 29.7 % unused.
        ({"num_used": 179}, ["codes unused"]),
        ({"num_used": 100, "num_values": 64 * 256 - 1}, []),  # Too few values to tell.
        ({"num_used": 100, "learner": None}, []),  # Its input's range, or a fixed one.
        ({"num_codes": 2**16, "num_used": 2**15, "num_values": 10**8}, []),
        ({"num_saturated": 20_000}, []),
        ({"num_saturated": 20_001}, ["saturation"]),
        ({"num_saturated": 50_000, "num_codes": 16, "num_used": 16}, []),
        ({"num_saturated": 90_000, "num_codes": 16, "num_used": 16}, ["saturation"]),
        ({"updated": False, "num_used": 1, "num_saturated": 10**6}, ["range never updated"]),
    ],
)
def test_thresholds(output, kinds):
    assert [it.kind for it in layer_warnings.check([_figures(**output)])] == kinds


def test_the_file_belongs_to_its_model(tmp_path):
    content = LayerFile(128, (_figures(), _figures(num_used=100)))
    model = tmp_path / "qat.keras"
    model.write_bytes(b"model")
    assert layer_file.read(tmp_path, model) is None
    layer_file.write(tmp_path, content, [model])
    assert layer_file.read(tmp_path, model) == content
    (warning,) = json.loads((tmp_path / "layers.json").read_text())["results"]["warnings"]
    assert warning["kind"] == "codes unused"
    model.write_bytes(b"another")
    assert layer_file.read(tmp_path, model) is None


def test_a_damaged_file_is_told(tmp_path):
    model = tmp_path / "qat.keras"
    model.write_bytes(b"model")
    layer_file.write(tmp_path, LayerFile(128, (_figures(),)), [model])
    file = tmp_path / "layers.json"
    file.write_text(file.read_text().replace('"noise"', '"sound"'))
    with pytest.raises(ReportError, match=r"layers\.json: is damaged"):
        layer_file.read(tmp_path, model)
