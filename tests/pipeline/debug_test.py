"""A fault planted in one layer is the first suspect, with its cause."""

import dataclasses

import numpy as np
import pytest

from pipeline import convert, debug, flatbuffer, qat
from pipeline.errors import ModelError
from pipeline.interpreter import Interpreter
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_INPUT = QuantParams((1 / 128,), (0,))
_CODES = np.random.default_rng(7).integers(-128, 128, (6, 16, 16, 3)).astype(np.int8)


@pytest.fixture(scope="module")
def healthy():
    """A calibrated quantization-aware model with biases, and its flatbuffer."""
    tf_keras.utils.set_random_seed(3)
    network = networks.every_layer()
    rng = np.random.default_rng(3)
    for layer in network.layers:
        for weight in layer.weights:
            if any(name in weight.name for name in ("bias", "beta", "moving_mean")):
                weight.assign(rng.uniform(-0.5, 0.5, weight.shape))
    twin = qat.apply(qat.annotate_model(network), SCHEMES["int8_per_channel"], _INPUT)
    qat.calibrate(twin, [tf.constant(_INPUT.dequantize(_CODES), tf.float32)])
    return twin, convert.convert(twin)


def _suspect(model, twin):
    return debug.suspects(debug.measure(model, twin, _CODES))[0]


def _with_constant(model, layer, position, change):
    """The model with the constant operand of a layer's op changed."""
    graph = flatbuffer.read(model)
    (op,) = (
        op
        for op in graph.main.operators
        if op.op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
        and f"/{layer}/" in graph.main.tensors[op.outputs[0]].name
    )
    tensors = list(graph.main.tensors)
    tensor = tensors[op.inputs[position]]
    data = tensor.data.copy()
    change(data)
    tensors[tensor.index] = dataclasses.replace(tensor, data=data)
    main = dataclasses.replace(graph.main, tensors=tuple(tensors))
    return flatbuffer.write(dataclasses.replace(graph, subgraphs=(main,)))


def test_a_healthy_model_has_no_layer_far_behind(healthy):
    twin, model = healthy
    errors = debug.measure(model, twin, _CODES)
    assert {"conv", "depthwise", "project", "add", "mix", "classes"} <= {it.layer for it in errors}
    for it in errors:
        assert it.integer_db is None or it.integer_db > 25, it
        assert it.cosine is None or it.cosine > 0.99, it
        assert sum(it.parts.values()) == pytest.approx(1.0) or not any(it.parts.values())
        assert it.parts.get("folding", 0.0) < 1e-3, it
        if it.integer_db is not None and it.fake_quant_db is not None:
            assert abs(it.integer_db - it.fake_quant_db) < 1.0, it


@pytest.mark.parametrize("layer", ["depthwise", "project", "mix"])
def test_range_halved(healthy, layer):
    twin, _ = healthy
    learner = next(it for it in qat.quantized_layers(twin) if it.name == layer).output_range
    before = float(learner.minimum), float(learner.maximum)
    try:
        learner.minimum.assign(before[0] / 2)
        learner.maximum.assign(before[1] / 2)
        found = _suspect(convert.convert(twin), twin)
    finally:
        learner.minimum.assign(before[0])
        learner.maximum.assign(before[1])
    assert (found.layer, found.cause) == (layer, "clipping")


def test_wrong_zero_point(healthy):
    """The range lies too high by a third of its width; its step is the same."""
    twin, _ = healthy
    learner = next(it for it in qat.quantized_layers(twin) if it.name == "project").output_range
    before = float(learner.minimum), float(learner.maximum)
    shift = min((before[1] - before[0]) / 3, -before[0])
    try:
        learner.minimum.assign(before[0] + shift)
        learner.maximum.assign(before[1] + shift)
        found = _suspect(convert.convert(twin), twin)
    finally:
        learner.minimum.assign(before[0])
        learner.maximum.assign(before[1])
    assert (found.layer, found.cause) == ("project", "clipping")


@pytest.mark.parametrize("layer", ["depthwise", "project", "mix", "classes"])
def test_bias_clipped(healthy, layer):
    twin, model = healthy

    def clip(bias):
        bias[:] = np.clip(bias, -abs(bias).max() // 8, abs(bias).max() // 8)

    found = _suspect(_with_constant(model, layer, 2, clip), twin)
    assert (found.layer, found.cause) == (layer, "bias rounding")


@pytest.mark.parametrize("layer", ["conv", "depthwise", "project", "mix", "classes"])
def test_channel_zeroed(healthy, layer):
    twin, model = healthy

    def zero(weights):
        axis = 3 if layer == "depthwise" else 0
        np.moveaxis(weights, axis, 0)[2] = 0

    found = _suspect(_with_constant(model, layer, 1, zero), twin)
    assert (found.layer, found.cause) == (layer, "weight rounding")
    assert found.worst_channels[0][0] == 2
    assert found.worst_channels[0][1] > 0.9


def test_model_of_another_run(healthy):
    _, model = healthy
    inputs = tf_keras.Input((8, 8, 3), name="input")
    outputs = tf_keras.layers.Conv2D(2, 1, name="elsewhere")(inputs)
    other = tf_keras.Model(inputs, outputs, name="other")
    twin = qat.apply(qat.annotate_model(other), SCHEMES["int8_per_channel"], _INPUT)
    with pytest.raises(ModelError, match="no op of the flatbuffer is named after a layer"):
        debug.measure(model, twin, _CODES)


def test_error_through_the_network_enters_where_the_fault_is(healthy):
    """It shows at the faulty layer and behind it, and at nothing before."""
    twin, model = healthy

    def zero(weights):
        weights[2] = 0

    right = {it.layer: it.network for it in debug.measure(model, twin, _CODES)}
    faulty = debug.measure(_with_constant(model, "project", 1, zero), twin, _CODES)
    wrong = {it.layer: it.network for it in faulty}
    for name in ("conv", "depthwise"):
        assert wrong[name] == right[name]
        assert right[name].db > 25
    for name in ("project", "add", "concat", "mix"):
        assert wrong[name].db < right[name].db - 10
        assert wrong[name].cosine < right[name].cosine
    steepest = min(faulty, key=lambda it: it.network.change_db or 0.0)
    assert steepest.layer == "project"
    assert wrong["project"].change_db == wrong["project"].db - wrong["depthwise"].db
    # "add" reads from "project" and from "conv": what counts is the worse of the two.
    assert wrong["add"].change_db == wrong["add"].db - wrong["project"].db
    assert wrong["conv"].change_db is None


def test_error_through_the_network_against_the_whole_models(healthy):
    """At the last layer it is that of the interpreter's answers to the float model's."""
    twin, model = healthy
    (last,) = (it for it in debug.measure(model, twin, _CODES) if it.op == "SOFTMAX")
    interpreter = Interpreter(model)
    output = interpreter.output_details[0].quantization
    integer = np.concatenate(
        [output.dequantize(interpreter.run(codes[np.newaxis])[0]) for codes in _CODES]
    )
    with qat.in_phase(qat.quantized_layers(twin), qat.FLOAT):
        real = twin(_INPUT.dequantize(_CODES).astype(np.float32)).numpy()
    ratio = np.square(real).sum() / np.square(integer - real).sum()
    assert last.network.db == pytest.approx(10 * np.log10(ratio), abs=1e-3)
