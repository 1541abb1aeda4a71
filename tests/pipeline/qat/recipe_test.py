"""Recipes: what they may say, which rule wins, and what becomes of it."""

import json

import numpy as np
import pytest

from pipeline import qat
from pipeline.errors import RecipeError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import recipe
from pipeline.qat.ranges import EmaRange, LsqPlusRange, LsqRange, LsqWeightRange
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_keras = tf_keras.layers
_INPUT = QuantParams((1 / 128,), (0,))
_DEFAULT = qat.LayerSpec(SCHEMES["int8_per_channel"], ema_decay=0.5)


def _apply(model, rules, default=_DEFAULT):
    return recipe.apply(qat.annotate_model(model), recipe.parse(rules), default, _INPUT)


def _network():
    x = inputs = _keras.Input((8, 8, 3), name="input")
    x = _keras.Conv2D(4, 3, name="conv1")(x)
    x = _keras.BatchNormalization(name="conv1_bn")(x)
    x = _keras.ReLU(name="conv1_relu")(x)
    x = _keras.AveragePooling2D(2, name="pool")(x)
    x = _keras.Conv2D(4, 3, name="conv2")(x)
    x = _keras.Flatten(name="flatten")(x)
    x = _keras.Dense(5, activation="softmax", name="classes")(x)
    return tf_keras.Model(inputs, x, name="network")


def test_no_rules_leave_the_default():
    layer = _apply(_network(), []).get_layer("conv1")
    assert (layer.weight_spec.num_bits, layer.weight_spec.per_channel) == (8, True)
    assert (layer.output_spec.num_bits, layer.output_spec.ema_decay) == (8, 0.5)
    assert type(layer.output_range) is EmaRange


def test_later_rules_win_key_by_key():
    model = _apply(
        _network(),
        [
            {"layers": ".*", "weight_bits": 4, "learner": "lsq_plus", "weight_learner": "lsq"},
            {"layers": "conv[12]", "activation_bits": 5, "quant_noise": 0.25},
            {"layers": "conv2", "weight_bits": 3, "weight_granularity": "per_tensor"},
        ],
    )
    first, second, classes = (model.get_layer(name) for name in ("conv1", "conv2", "classes"))
    assert (first.weight_spec.num_bits, first.weight_spec.per_channel) == (4, True)
    assert (second.weight_spec.num_bits, second.weight_spec.per_channel) == (3, False)
    assert (first.weight_spec.quant_noise, classes.weight_spec.quant_noise) == (0.25, 1.0)
    bits = [layer.output_spec.num_bits for layer in (first, second, classes)]
    assert bits == [5, 5, 8]
    assert type(first.output_range) is LsqRange  # Behind a ReLU an offset has nothing to learn.
    assert type(second.output_range) is LsqPlusRange
    assert type(classes.weight_range) is LsqWeightRange
    # They keep their input's codes, and SOFTMAX has its own.
    assert model.get_layer("pool").output_spec.num_bits == 5
    assert model.get_layer("classes_softmax").output_spec.num_bits == 8
    assert model.get_layer("input_quantized").output_spec.num_bits == 8


def test_a_scheme_gives_way_to_what_stands_beside_it_and_replaces_what_came_before():
    rules = [
        {"layers": ".*", "weight_bits": 4, "activation_bits": 6},
        {"layers": "conv2", "scheme": "int8_per_tensor", "activation_bits": 7},
    ]
    layer = _apply(_network(), rules).get_layer("conv2")
    assert (layer.weight_spec.num_bits, layer.weight_spec.per_channel) == (8, False)
    assert layer.output_spec.num_bits == 7


def test_skipped_layers_stay_in_float_and_a_later_rule_takes_them_back():
    rules = [
        {"layers": "conv.", "skip": True},
        {"layers": "conv2", "skip": False},
    ]
    model = _apply(_network(), rules)
    for name in ("conv1", "conv1_bn", "conv1_relu"):
        assert not isinstance(model.get_layer(name), qat.QuantizedLayer)
    assert isinstance(model.get_layer("conv2"), qat.QuantizedLayer)


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(2, 4), (3, 5), (5, 7), (8, 6)])
def test_values_lie_on_the_levels_of_their_bits(weight_bits, activation_bits):
    model = networks.every_layer()
    rule = {"layers": ".*", "weight_bits": weight_bits, "activation_bits": activation_bits}
    twin = _apply(model, [rule])
    codes = np.random.default_rng(0).integers(-128, 128, (8, 16, 16, 3))
    pixels = tf.constant(codes / 128, tf.float32)
    qat.calibrate(twin, [pixels])
    names = [layer.name for layer in qat.quantized_layers(twin) if layer.output_range is not None]
    names += ["late_relu", "average_pool"]
    probe = tf_keras.Model(twin.inputs, [twin.get_layer(name).output for name in names])
    for training in (False, True):
        for name, (values, grid) in zip(names, probe(pixels, training=training), strict=True):
            steps = (values - grid[0]) / grid[2]
            np.testing.assert_allclose(steps, np.rint(steps), atol=2e-3, err_msg=name)
            assert np.min(steps) >= -1e-3, name
            assert np.max(steps) <= 2**activation_bits - 1 + 1e-3, name
    for layer in qat.quantized_layers(twin):
        if hasattr(layer, "kernel"):
            rounded, scale = layer.rounded_weights(tf.constant(0.01))
            steps = (rounded / scale).numpy()
            np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
            assert np.abs(steps).max() == pytest.approx(2 ** (weight_bits - 1) - 1, abs=1e-3)


@pytest.mark.parametrize("pattern", ["conv", "conv1_bn", "flatten", "Conv1", "conv1 "])
def test_a_pattern_that_matches_no_deciding_layer_is_named(pattern):
    rules = [{"layers": "conv1"}, {"layers": pattern, "weight_bits": 4}]
    with pytest.raises(RecipeError) as refusal:
        _apply(_network(), rules)
    assert "rule 2: needed a regular expression that matches the whole name of a layer" in str(
        refusal.value
    )
    assert f"got {pattern!r}" in str(refusal.value)
    assert "conv1, pool, conv2, classes" in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"layers": ".*"}, "needed a list of rules, got dict"),
        ("conv", "needed a list of rules, got str"),
        ([["conv"]], r'rule 1: needed an object, got \["conv"\]'),
        ([{"layers": "a"}, {"weight_bits": 4}], 'rule 2: needed "layers"'),
        ([{"layers": ".*", "bits": 4}], 'needed keys of layers, scheme, .*, got "bits"'),
        ([{"layers": "conv("}], r'layers: needed a regular expression .*, got "conv\("'),
        ([{"layers": 3}], "layers: needed a regular expression"),
        ([{"layers": ".*", "scheme": "int9"}], 'scheme: needed one of int8_.*, got "int9"'),
        ([{"layers": ".*", "weight_bits": 9}], "weight_bits: needed one of 2, .*8, got 9"),
        ([{"layers": ".*", "activation_bits": 3}], "activation_bits: needed one of 4, .*8, got 3"),
        ([{"layers": ".*", "weight_bits": 1}], "got 1"),
        ([{"layers": ".*", "weight_bits": 4.0}], r"got 4\.0"),
        ([{"layers": ".*", "activation_bits": True}], "activation_bits: .*, got true"),
        ([{"layers": ".*", "activation_bits": None}], "activation_bits: .*, got null"),
        ([{"layers": ".*", "weight_granularity": "per_row"}], 'got "per_row"'),
        ([{"layers": ".*", "learner": "lsq+"}], 'learner: needed one of ema, .*, got "lsq\\+"'),
        ([{"layers": ".*", "weight_learner": "pact"}], "weight_learner: needed one of max, lsq"),
        ([{"layers": ".*", "quant_noise": 0}], "quant_noise: needed a number above 0"),
        ([{"layers": ".*", "quant_noise": 1.5}], r"got 1\.5"),
        ([{"layers": ".*", "quant_noise": True}], "got true"),
        ([{"layers": ".*", "skip": 1}], "skip: needed true or false, got 1"),
    ],
)
def test_what_is_no_recipe_is_refused(content, told, tmp_path):
    with pytest.raises(RecipeError, match=told):
        recipe.parse(content)
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(content))
    with pytest.raises(RecipeError, match=rf"recipe\.json: .*{told}"):
        recipe.read(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "Expecting value"),
        ('[{"layers": "a", "layers": "b"}]', 'key "layers" stands twice'),
    ],
)
def test_what_is_no_json_is_refused(text, told, tmp_path):
    file = tmp_path / "recipe.json"
    file.write_text(text)
    with pytest.raises(RecipeError, match=told):
        recipe.read(file)


def test_read_returns_what_the_file_says(tmp_path):
    rules = [{"layers": "conv.*", "weight_bits": 4, "quant_noise": 0.5, "skip": False}]
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(rules))
    assert recipe.read(file) == rules
    assert recipe.parse(rules) == (
        recipe.Rule("conv.*", weight_bits=4, quant_noise=0.5, skip=False),
    )
