"""The coarsest layer is the most sensitive one; what is measured is what the states differ in."""

import dataclasses
import functools

import numpy as np
import pytest

from pipeline import qat, sensitivity
from pipeline.errors import ModelError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_keras = tf_keras.layers
_INPUT = QuantParams((1 / 128,), (0,))
_SCHEME = SCHEMES["int8_per_channel"]
_CODES = np.random.default_rng(7).integers(-128, 128, (12, 16, 16, 3)).astype(np.int8)
_PICTURES = tf.constant(_INPUT.dequantize(_CODES), tf.float32)
_LABELS = np.arange(12) % 5
_ROUNDED_ONCE = dataclasses.replace(qat.EVALUATION, rounding="single")


def _twin(network, **weight_bits):
    """The network calibrated, single layers with fewer bits of weights."""

    def spec(name):
        bits = weight_bits.get(name, _SCHEME.weight_bits)
        return qat.LayerSpec(dataclasses.replace(_SCHEME, weight_bits=bits))

    twin = qat.apply(qat.annotate_model(network), spec, _INPUT)
    qat.calibrate(twin, [_PICTURES])
    return twin


@functools.cache
def _every_layer():
    tf_keras.utils.set_random_seed(3)
    return networks.every_layer()


@functools.cache
def _coarse(layer):
    """(twin of every layer, one with weights of 2 bits; its sensitivity in both modes)."""
    twin = _twin(_every_layer(), **{layer: 2})
    batches = [_PICTURES[:8], _PICTURES[8:]]
    return twin, sensitivity.measure(twin, batches, _LABELS, ["one", "all_but_one"])


def _small(**weight_bits):
    tf_keras.utils.set_random_seed(4)
    inputs = _keras.Input((16, 16, 3), name="input")
    x = _keras.Conv2D(4, 3, strides=4, activation="relu", name="first")(inputs)
    x = _keras.Conv2D(4, 1, activation="relu", name="second")(x)
    outputs = _keras.Dense(5, name="logits")(_keras.Flatten(name="flatten")(x))
    return _twin(tf_keras.Model(inputs, outputs, name="small"), **weight_bits)


@pytest.mark.parametrize("layer", ["depthwise", "mix"])
def test_a_layer_with_weights_of_2_bits_comes_first(layer):
    _, found = _coarse(layer)
    first, second = found.layers[:2]
    assert first.layer == layer
    assert first.one.mean_kl > 3 * second.one.mean_kl
    assert first.one.logits_db < second.one.logits_db - 5
    others = [it.all_but_one.mean_kl for it in found.layers[1:]]
    assert first.all_but_one.mean_kl < min(others) / 3
    assert first.all_but_one.mean_kl < found.quantized.mean_kl / 3


@pytest.mark.parametrize("layer", ["first", "second", "logits"])
@pytest.mark.parametrize("mode", ["one", "all_but_one"])
def test_one_mode_alone_ranks_as_well(layer, mode):
    found = sensitivity.measure(_small(**{layer: 2}), [_PICTURES], _LABELS, [mode])
    assert found.layers[0].layer == layer
    kls = [getattr(it, mode).mean_kl for it in found.layers]
    assert kls == sorted(kls, reverse=mode == "one")
    assert len(kls) == 4
    (other,) = {"one", "all_but_one"} - {mode}
    assert {getattr(it, other) for it in found.layers} == {None}


def test_all_layers_have_their_keras_names_and_both_modes():
    _, found = _coarse("mix")
    by_name = {it.layer: it for it in found.layers}
    names = {"input_quantized", "conv", "depthwise", "add", "left", "concat", "late_relu", "mix"}
    assert names < set(by_name)
    assert not any("softmax" in name for name in by_name)
    # The pictures lie on the input's grid already: there is nothing to round.
    untouched = by_name["input_quantized"]
    assert untouched.one == sensitivity.Harm(None, 0.0, 0, found.float_correct)
    assert untouched.all_but_one == found.quantized


def test_figures_are_those_of_the_network_in_that_state():
    twin, found = _coarse("mix")
    layers = {layer.name: layer for layer in qat.quantized_layers(twin)}
    logits = tf_keras.Model(twin.inputs, layers["classes"].output[0])
    with qat.in_phase(layers.values(), qat.FLOAT):
        real = logits(_PICTURES).numpy()
        with qat.in_phase([layers["mix"]], _ROUNDED_ONCE):
            rounded = logits(_PICTURES).numpy()
    p, q = (np.exp(it) / np.exp(it).sum(-1, keepdims=True) for it in (real, rounded))
    harm = found.layers[0].one
    assert found.num_images == 12
    assert found.float_correct == np.sum(real.argmax(-1) == _LABELS)
    assert harm.num_correct == np.sum(rounded.argmax(-1) == _LABELS)
    assert harm.num_flipped == np.sum(rounded.argmax(-1) != real.argmax(-1))
    assert harm.mean_kl == pytest.approx((p * np.log(p / q)).sum(-1).mean(), rel=1e-3)
    noise = np.square(rounded - real).sum()
    assert harm.logits_db == pytest.approx(10 * np.log10(np.square(real).sum() / noise), rel=1e-3)


def test_the_cost_is_as_told_and_the_model_is_left_as_it_is():
    twin = _small()
    phases = [layer.phase for layer in qat.quantized_layers(twin)]
    told = []

    def progress(jobs, count):
        told.append(count)
        return jobs

    modes = ["one", "all_but_one"]
    sensitivity.measure(twin, [_PICTURES[:1]], _LABELS[:1], modes, progress)
    assert told == [8]  # Two modes of the input, two convolutions and the logits.
    assert sensitivity.num_runs(twin, modes) == 2 + 8
    assert [layer.phase for layer in qat.quantized_layers(twin)] == phases


def test_nothing_rounds_in_the_float_phase():
    """Batch normalizations are folded; float32's own error remains."""
    twin = _twin(_every_layer())
    with qat.in_phase(qat.quantized_layers(twin), qat.FLOAT):
        np.testing.assert_allclose(twin(_PICTURES), _every_layer()(_PICTURES), atol=1e-6)


def test_a_model_without_classes():
    inputs = _keras.Input((16, 16, 3), name="input")
    outputs = _keras.Conv2D(2, 1, name="picture")(inputs)
    twin = _twin(tf_keras.Model(inputs, outputs, name="no_classifier"))
    with pytest.raises(ModelError, match=r"needed one output \[pictures, classes\]"):
        sensitivity.measure(twin, [_PICTURES], _LABELS, ["one"])
