"""Rebuilding annotated models: where ranges are, what is refused, what survives a file."""

import numpy as np
import pytest
import tensorflow_model_optimization as tfmot

from pipeline import qat
from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_keras = tf_keras.layers
_SCHEME = SCHEMES["int8_per_channel"]
_INPUT = QuantParams((1 / 128,), (0,))


def _pixels(count=8):
    codes = np.random.default_rng(0).integers(-128, 128, (count, 16, 16, 3))
    return tf.constant(codes / 128, tf.float32)


@pytest.fixture(scope="module")
def calibrated():
    tf_keras.utils.set_random_seed(0)
    model = networks.every_layer()
    twin = qat.apply(qat.annotate_model(model), _SCHEME, _INPUT)
    qat.calibrate(twin, [_pixels()])
    return model, twin


def test_ranges_are_where_the_integer_graph_has_them(calibrated):
    _, twin = calibrated
    # None for left, right (the concatenation's), the pools, late_relu, pad, flatten, dropout.
    assert set(qat.ranges(twin)) == {
        *("conv", "depthwise", "project", "add", "concat", "mix"),
        *("global_pool", "classes"),
    }


def test_weights_are_copied(calibrated):
    model, twin = calibrated
    folded = twin.get_layer("conv")
    np.testing.assert_array_equal(folded.kernel, model.get_layer("conv").kernel)
    np.testing.assert_array_equal(folded.moving_mean, model.get_layer("conv_bn").moving_mean)
    assert folded.absorbed == ("conv_bn", "conv_relu")


def test_calibrated_model_is_near_the_float_model(calibrated):
    model, twin = calibrated
    np.testing.assert_allclose(twin(_pixels()), model(_pixels()), atol=0.03)


def test_calibration_moves_only_ranges(calibrated):
    _, twin = calibrated
    before = {w.name: w.numpy() for layer in twin.layers for w in layer.weights}
    qat.calibrate(twin, [_pixels(4)])
    names = ("minimum", "maximum", "decay_power")
    for layer in twin.layers:
        for weight in layer.weights:
            if not any(name in weight.name for name in names):
                np.testing.assert_array_equal(weight, before[weight.name])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_saved_model_comes_back_equal(calibrated, suffix, tmp_path):
    _, twin = calibrated
    twin.save(tmp_path / f"twin{suffix}")
    loaded = qat.load(tmp_path / f"twin{suffix}")
    np.testing.assert_array_equal(loaded(_pixels()), twin(_pixels()))
    assert [layer.phase for layer in qat.quantized_layers(loaded)] == [
        layer.phase for layer in qat.quantized_layers(twin)
    ]


def test_quant_delay_leaves_values_unrounded(calibrated):
    _, twin = calibrated
    qat.set_phase(twin, qat.Phase(quantize_activations=False))
    free = twin(_pixels()).numpy()
    qat.set_phase(twin, qat.Phase())
    assert np.abs(free * 256 - np.rint(free * 256)).max() > 0.01
    quantized = twin(_pixels()).numpy()
    np.testing.assert_allclose(quantized * 256, np.rint(quantized * 256), atol=1e-3)


def test_shared_convolution_with_two_batch_norms_is_refused():
    a, b = (_keras.Input((8, 8, 4), name=name) for name in "ab")
    shared = _keras.Conv2D(4, 3, name="shared")
    x = _keras.Add(name="add")(
        [
            _keras.BatchNormalization(name="bn_a")(shared(a)),
            _keras.BatchNormalization(name="bn_b")(shared(b)),
        ]
    )
    with pytest.raises(UnsupportedLayerError, match="shared"):
        qat.apply(qat.annotate_model(tf_keras.Model([a, b], x, name="net")), _SCHEME, _INPUT)


def test_shared_convolution_keeps_one_kernel():
    a, b = (_keras.Input((8, 8, 4), name=name) for name in "ab")
    shared = _keras.Conv2D(4, 3, name="shared")
    model = tf_keras.Model([a, b], _keras.Add(name="add")([shared(a), shared(b)]), name="net")
    twin = qat.apply(qat.annotate_model(model), _SCHEME, _INPUT)
    assert len(twin.trainable_weights) == 2


def test_unannotated_layers_stay_in_float():
    annotate = tfmot.quantization.keras.quantize_annotate_layer
    inputs = _keras.Input((8, 8, 4), name="input")
    x = annotate(_keras.Conv2D(4, 3, name="quantized"))(inputs)
    x = _keras.Conv2D(4, 3, name="plain")(x)
    twin = qat.apply(tf_keras.Model(inputs, x, name="net"), _SCHEME, _INPUT)
    assert type(twin.get_layer("plain")) is _keras.Conv2D
    assert isinstance(twin.get_layer("quantized"), qat.QuantizedLayer)


def test_custom_quantize_config_is_honoured():
    class OutputOnly(tfmot.quantization.keras.QuantizeConfig):
        def get_weights_and_quantizers(self, layer):
            return []

        def get_activations_and_quantizers(self, layer):
            return []

        def set_quantize_weights(self, layer, quantize_weights):
            pass

        def set_quantize_activations(self, layer, quantize_activations):
            pass

        def get_output_quantizers(self, layer):
            quantizers = tfmot.quantization.keras.quantizers
            return [
                quantizers.MovingAverageQuantizer(
                    num_bits=8, per_axis=False, symmetric=False, narrow_range=False
                )
            ]

        def get_config(self):
            return {}

    annotate = tfmot.quantization.keras.quantize_annotate_layer
    inputs = _keras.Input((8, 8, 4), name="input")
    x = annotate(_keras.Activation("tanh", name="custom"), OutputOnly())(inputs)
    twin = qat.apply(tf_keras.Model(inputs, x, name="net"), _SCHEME, _INPUT)
    wrappers = [
        layer
        for layer in twin.layers
        if isinstance(layer, tfmot.quantization.keras.QuantizeWrapperV2)
    ]
    assert len(wrappers) == 1
