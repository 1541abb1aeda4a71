"""The figures of layers against numpy, and against the integer model that is made of them."""

import dataclasses
import json

import numpy as np
import pytest

from pipeline import convert, flatbuffer, layer_figures, qat, tensor_names
from pipeline.errors import InputError
from pipeline.interpreter import Interpreter
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import layer_report
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_keras = tf_keras.layers
_INPUT = QuantParams((1 / 128,), (0,))


def _pixels(count, seed, shape=(6, 6, 2)):
    codes = np.random.default_rng(seed).integers(-128, 128, (count, *shape))
    return (codes / 128).astype(np.float32)


def _network():
    """A convolution with batch normalization and ReLU, and logits; statistics are not fresh."""
    tf_keras.utils.set_random_seed(1)
    x = inputs = _keras.Input((6, 6, 2), name="input")
    x = _keras.Conv2D(4, 3, name="conv")(x)
    x = _keras.BatchNormalization(name="norm")(x)
    x = _keras.ReLU(6.0, name="relu")(x)
    x = _keras.Flatten(name="flatten")(x)
    model = tf_keras.Model(inputs, _keras.Dense(5, name="logits")(x), name="net")
    random = np.random.default_rng(2)
    gamma, variance = np.array([1.0, -0.7, 0.4, 0.0]), np.array([0.5, 2.0, 1.0, 3.0])
    beta, mean = np.array([0.5, 0.3, 0.8, 0.2]), random.normal(size=4)
    model.get_layer("norm").set_weights([gamma, beta, mean, variance])
    return model


def _round(x, scale):
    return np.floor(x / scale + 0.5) * scale


def _weights(folded, *, per_channel):
    """Returns (rounded weights, scale) of the learner "max"."""
    axes = tuple(range(folded.ndim - 1)) if per_channel else None
    scale = np.maximum(np.abs(folded).max(axes), 1e-9) / 127
    return _round(folded, scale), scale


def _convolution(x, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))  # [n, 4, 4, c, 3, 3]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel)


def _decibel(signal, value):
    return 10 * np.log10((signal**2).sum() / ((value - signal) ** 2).sum())


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("learner", qat.LEARNERS)
def test_figures_equal_numpy(learner, per_channel):
    float_model = _network()
    scheme = SCHEMES["int8_per_channel" if per_channel else "int8_per_tensor"]
    spec = qat.LayerSpec(scheme, learner)
    model = qat.apply(qat.annotate_model(float_model), lambda _: spec, _INPUT)
    qat.calibrate(model, [_pixels(64, seed=3) / 2])  # So that some values saturate.
    x = _pixels(400, seed=4)
    float_model.get_layer("logits").bias.assign_add([0.0, 0.5, 0.0, 0.0, 0.0])
    conv, logits = (
        {figures.layer: figures for figures in _measure(model, x, float_model)}[name]
        for name in ("conv", "logits")
    )

    gamma, beta, mean, variance = (it.numpy() for it in float_model.get_layer("norm").weights)
    kernel, bias = (it.numpy() for it in float_model.get_layer("conv").weights)
    factor = gamma / np.sqrt(variance + 1e-3)
    folded, offset = kernel * factor, beta + (bias - mean) * factor
    rounded, weight_scale = _weights(folded, per_channel=per_channel)
    low, high = qat.ranges(model)["conv"]
    scale = (high - low) / 255

    result = _convolution(x, rounded) + offset
    activated = np.clip(result, 0, 6)
    codes = np.clip(np.floor((activated - low) / scale + 0.5), 0, 255)
    in_float = np.clip(_convolution(x, folded) + offset, 0, 6)
    assert (conv.kind, conv.num_channels, conv.output.bits) == ("Conv2D", 4, 8)
    np.testing.assert_allclose(
        [conv.output.minimum, conv.output.maximum, conv.output.scale],
        [low, high, scale],
        rtol=1e-6,
    )
    assert conv.output.zero_point == round(-low / scale) - 128
    assert conv.output.num_values == codes.size
    # float32 sums beside ties may go another way.
    assert abs(conv.output.num_used - len(np.unique(codes))) <= 1
    assert conv.output.num_saturated == np.count_nonzero(activated > high + scale / 2)
    assert conv.output.num_saturated > 0
    assert conv.noise.layer == pytest.approx(_decibel(in_float, codes * scale + low), abs=0.02)
    assert conv.noise.network == conv.noise.layer
    assert conv.noise.float_model == pytest.approx(conv.noise.layer, abs=0.01)
    assert conv.dead_channels == (3,)  # Its gamma is 0.
    assert conv.rounded_to_death == ()

    weight_codes = np.rint(rounded / weight_scale).reshape(-1, 4).T
    assert conv.weights.codes_used == tuple(len(np.unique(channel)) for channel in weight_codes)
    assert conv.weights.weights_per_channel == 18
    assert (conv.weights.bits, conv.weights.per_channel) == (8, per_channel)
    # Where gamma is 0, the bias alone decides.
    assert conv.weights.largest_scale == pytest.approx(np.max(weight_scale), rel=1e-5)

    raw = _convolution(x, rounded[..., :3] / factor[:3]) + bias[:3]
    deviation = np.sqrt(variance[:3] + 1e-3)
    shift = (raw.mean((0, 1, 2)) - mean[:3]) / deviation
    spread = (raw.std((0, 1, 2)) - np.sqrt(variance[:3])) / deviation
    np.testing.assert_allclose(conv.batch_norm.drift[:3], np.hypot(shift, spread), rtol=1e-4)
    assert conv.batch_norm.drift[3] is None

    features = (codes * scale + low).reshape(len(x), -1)
    matrix, vector = (it.numpy() for it in model.get_layer("logits").folded_weights())
    low, high = qat.ranges(model)["logits"]
    scale = (high - low) / 255
    result = features @ _weights(matrix, per_channel=False)[0] + vector
    codes = np.clip(np.floor((result - low) / scale + 0.5), 0, 255)
    y = codes * scale + low
    unrounded = in_float.reshape(len(x), -1) @ matrix + vector
    outside = (result > high + scale / 2) | (result < low - scale / 2)
    assert abs(logits.output.num_saturated - np.count_nonzero(outside)) <= 1
    assert abs(logits.output.num_used - len(np.unique(codes))) <= 2
    assert logits.noise.layer == pytest.approx(_decibel(features @ matrix + vector, y), abs=0.1)
    assert logits.noise.network == pytest.approx(_decibel(unrounded, y), abs=0.1)
    moved = unrounded + np.array([0.0, 0.5, 0.0, 0.0, 0.0])
    assert logits.noise.float_model == pytest.approx(_decibel(moved, y), abs=0.1)
    assert logits.dead_channels == ()
    assert logits.batch_norm is None


def _measure(model, x, float_model=None):
    batches = [tf.constant(x[:30]), tf.constant(x[30:])]
    return layer_report.measure(model, batches, float_model)


@pytest.fixture(scope="module")
def measured():
    """(model, float model, pictures, figures by layer) of a network with every layer."""
    tf_keras.utils.set_random_seed(0)
    float_model = networks.every_layer()
    model = qat.apply(qat.annotate_model(float_model), SCHEMES["int8_per_channel"], _INPUT)
    qat.calibrate(model, [_pixels(32, 0, (16, 16, 3))])
    x = _pixels(40, 1, (16, 16, 3))
    return model, float_model, x, {it.layer: it for it in _measure(model, x, float_model)}


def test_all_layers_in_the_order_of_the_model(measured):
    model, _, _, figures = measured
    assert list(figures) == [layer.name for layer in qat.quantized_layers(model)]


def test_figures_are_those_of_the_integer_model(measured):
    """Grids, codes of outputs and codes of weights, from the flatbuffer and its interpreter."""
    model, _, x, figures = measured
    flat = convert.convert(model)
    graph = flatbuffer.read(flat).main
    interpreter = Interpreter(flat, keep_tensors=True)
    stacks = {}
    for codes in np.rint(x * 128).astype(np.int8):
        interpreter.run(codes[np.newaxis])
        for op in graph.operators:
            stacks.setdefault(op.index, []).append(interpreter.tensor(op.outputs[0]))
    seen = set()
    for op in graph.operators:
        tensor = graph.tensors[op.outputs[0]]
        layer = figures.get(tensor_names.keras_layer(tensor.name, figures))
        if layer is None or layer.output is None or op.op == "SOFTMAX":
            continue
        seen.add(layer.layer)
        scale, zero_point = tensor.quantization.per_tensor
        assert layer.output.scale == pytest.approx(scale, rel=1e-6), layer.layer
        assert layer.output.zero_point == zero_point, layer.layer
        codes = np.concatenate(stacks[op.index])
        assert layer.output.num_values == codes.size
        assert abs(layer.output.num_used - len(np.unique(codes))) <= 2, layer.layer
        if layer.weights is not None:
            weights = graph.tensors[op.inputs[1]]
            axis = 3 if op.op == "DEPTHWISE_CONV_2D" else 0
            channels = np.moveaxis(weights.data, axis, 0).reshape(weights.shape[axis], -1)
            assert layer.weights.codes_used == tuple(len(np.unique(it)) for it in channels)
            scales = weights.quantization.scale
            assert layer.weights.smallest_scale == pytest.approx(min(scales), rel=1e-6)
            assert layer.weights.largest_scale == pytest.approx(max(scales), rel=1e-6)
    assert seen >= {"conv", "depthwise", "project", "add", "concat", "mix", "classes"}


@pytest.mark.parametrize(
    "scheme",
    [
        SCHEMES["uint8_asymmetric"],
        SCHEMES["int16x8"],
        SCHEMES["int8_per_channel"].with_bits(4, 4),
    ],
    ids=["uint8_asymmetric", "int16x8", "w4a4"],
)
def test_grids_and_weights_of_every_scheme_are_those_of_the_flatbuffer(scheme):
    model = qat.apply(qat.annotate_model(_network()), scheme, _INPUT)
    x = tf.constant(_pixels(32, seed=3))
    qat.calibrate(model, [x])
    figures = {it.layer: it for it in layer_report.measure(model, [x])}
    graph = flatbuffer.read(convert.convert(model)).main
    seen = set()
    for op in graph.operators:
        if op.op not in ("CONV_2D", "FULLY_CONNECTED"):
            continue
        output, weights = graph.tensors[op.outputs[0]], graph.tensors[op.inputs[1]]
        layer = figures[tensor_names.keras_layer(output.name, figures)]
        seen.add(layer.layer)
        scale, zero_point = output.quantization.per_tensor
        assert layer.output.scale == pytest.approx(scale, rel=1e-5)
        assert layer.output.zero_point == zero_point
        assert layer.output.bits == scheme.activation_bits
        assert layer.weights.bits == scheme.weight_bits
        channels = weights.data.reshape(weights.shape[0], -1)
        assert layer.weights.codes_used == tuple(len(np.unique(it)) for it in channels)
    assert seen == {"conv", "logits"}


def test_what_has_no_range_of_its_own(measured):
    *_, figures = measured
    assert figures["left"].output is None  # The concatenation quantizes it.
    assert figures["left"].noise.layer > 30
    assert figures["average_pool"].output.learner is None
    assert figures["average_pool"].output.scale == figures["concat"].output.scale
    assert figures["classes_softmax"].output.maximum == 255 / 256
    # The float model has no logits: its dense layer ends with the softmax.
    assert figures["classes"].noise.float_model is None
    assert figures["input_quantized"].noise.layer is None  # A pixel is a code: no noise.


def test_the_model_is_left_as_it_is(measured):
    model, _, x, _ = measured
    layers = qat.quantized_layers(model)
    weights, phases = model.get_weights(), [layer.phase for layer in layers]
    before = model(x).numpy()
    _measure(model, x)
    for now, then in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)
    assert [layer.phase for layer in layers] == phases
    assert not any("call" in vars(layer) for layer in layers)
    np.testing.assert_array_equal(model(x), before)


def test_figures_survive_json(measured):
    *_, figures = measured
    for layer in figures.values():
        text = json.dumps(dataclasses.asdict(layer))
        assert layer_figures.from_json(json.loads(text)) == layer


def test_a_shared_layer_is_measured_over_all_its_calls():
    a, b = (_keras.Input((6, 6, 2), name=name) for name in "ab")
    shared = _keras.Conv2D(4, 3, name="shared")
    float_model = tf_keras.Model([a, b], _keras.Add(name="add")([shared(a), shared(b)]), name="net")
    model = qat.apply(qat.annotate_model(float_model), SCHEMES["int8_per_channel"], _INPUT)
    batch = [tf.constant(_pixels(8, seed)) for seed in (0, 1)]
    qat.calibrate(model, [batch])
    figures = {it.layer: it for it in layer_report.measure(model, [batch, batch], float_model)}
    assert figures["shared"].output.num_values == 2 * 2 * 8 * 4 * 4 * 4
    assert figures["shared"].noise.float_model is None  # It has two outputs to compare with.
    assert figures["add"].noise.float_model > 30


def test_without_a_batch(measured):
    with pytest.raises(InputError, match="every_layer"):
        layer_report.measure(measured[0], [])
