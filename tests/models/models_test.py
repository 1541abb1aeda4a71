"""The architectures: shapes, sizes, names, and clear answers to wrong requests."""

import math
import pathlib

import pytest

import models
from pipeline.errors import ModelError
from pipeline.legacy_keras import tf_keras

_LAYERS = tf_keras.layers
_NOT_ARCHITECTURES = {"__init__", "blocks"}


def _multiply_accumulates(model: tf_keras.Model) -> int:
    total = 0
    for layer in model.layers:
        if isinstance(layer, _LAYERS.DepthwiseConv2D):
            total += math.prod(layer.output_shape[1:]) * math.prod(layer.kernel_size)
        elif isinstance(layer, _LAYERS.Conv2D):
            taps = math.prod(layer.kernel_size) * layer.input_shape[-1]
            total += math.prod(layer.output_shape[1:]) * taps
        elif isinstance(layer, _LAYERS.Dense):
            total += math.prod(layer.kernel.shape)
    return total


def test_table_lists_the_files():
    folder = pathlib.Path(models.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - _NOT_ARCHITECTURES == set(models.MODELS)


@pytest.mark.parametrize(
    ("name", "size", "num_classes", "args", "num_parameters", "multiply_accumulates"),
    [
        ("resnet_cifar", (32, 32, 3), 10, {"depth": 8}, 78714, 12501632),
        ("resnet_cifar", (32, 32, 3), 10, {"depth": 20}, 274042, 40813184),
        ("mobilenet_v1", (32, 32, 3), 10, {"alpha": 0.25}, 221114, 3331072),
        ("mobilenet_v1", (32, 32, 3), 10, {"alpha": 0.25, "small_input": False}, 221114, 834688),
        ("mobilenet_v1", (224, 224, 3), 1000, {"alpha": 1.0}, 4253864, 568740352),
        ("mobilenet_v1", (224, 224, 3), 1000, {"alpha": 0.25}, 475544, 41030272),
    ],
)
def test_sizes_are_those_in_the_docstrings(
    name, size, num_classes, args, num_parameters, multiply_accumulates
):
    model = models.build(name, size, num_classes, **args)
    assert model.count_params() == num_parameters
    assert _multiply_accumulates(model) == multiply_accumulates
    for number in (num_parameters, multiply_accumulates):
        assert f"{number}" in models.MODELS[name].__doc__


@pytest.mark.parametrize("name", models.MODELS)
def test_names_do_not_depend_on_what_was_built_before(name):
    first, second = (models.build(name, (32, 32, 3), 10) for _ in range(2))
    names = [layer.name for layer in first.layers]
    assert names == [layer.name for layer in second.layers]
    assert first.name == second.name
    assert (names[0], names[-1]) == ("input", "logits")


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize(("activation", "ceiling"), [("relu", None), ("relu6", 6.0)])
def test_structure(name, activation, ceiling):
    model = models.build(name, (32, 32, 1), 7, activation=activation)
    assert model.output_shape == (None, 7)
    assert model.layers[-1].activation is tf_keras.activations.linear
    relus = [layer for layer in model.layers if isinstance(layer, _LAYERS.ReLU)]
    assert relus
    assert all(layer.max_value == ceiling for layer in relus)
    convolutions = [layer for layer in model.layers if isinstance(layer, _LAYERS.Conv2D)]
    for layer in convolutions:
        (following,) = layer.outbound_nodes
        assert isinstance(following.layer, _LAYERS.BatchNormalization)
        assert not layer.use_bias


@pytest.mark.parametrize(("size", "last"), [(32, 2), (64, 4), (65, 3), (96, 3)])
def test_mobilenet_keeps_small_inputs_at_full_size(size, last):
    model = models.build("mobilenet_v1", (size, size, 3), 10, alpha=0.25)
    assert model.get_layer("average_pool").input_shape[1:3] == (last, last)


@pytest.mark.parametrize("depth", [8, 20])
def test_resnet_depth_counts_layers_with_weights(depth):
    model = models.build("resnet_cifar", (32, 32, 3), 10, depth=depth)
    weighted = [
        layer
        for layer in model.layers
        if isinstance(layer, (_LAYERS.Conv2D, _LAYERS.Dense)) and "shortcut" not in layer.name
    ]
    assert len(weighted) == depth


def test_depthwise_kernels_do_not_decay():
    model = models.build("mobilenet_v1", (32, 32, 3), 10, alpha=0.25)
    assert len(model.losses) == 1 + 13 + 1


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("resnet_ciffar", {}, "'resnet_cifar'"),
        ("x", {}, "mobilenet_v1, resnet_cifar"),
        ("resnet_cifar", {"depht": 8}, "did you mean 'depth'"),
        ("resnet_cifar", {"depth": 9}, "6n"),
        ("resnet_cifar", {"depth": 2}, "6n"),
        ("resnet_cifar", {"depth": "deep"}, "cannot be built"),
        ("resnet_cifar", {"activation": "swish"}, "relu or relu6, got 'swish'"),
        ("mobilenet_v1", {"alpha": 0}, "alpha > 0"),
        ("mobilenet_v1", {"alpha": "wide"}, "cannot be built"),
        ("mobilenet_v1", {"input_shape": 3}, "no argument 'input_shape'"),
    ],
)
def test_wrong_requests(name, args, message):
    with pytest.raises(ModelError, match=message):
        models.build(name, (32, 32, 3), 10, **args)


def test_parse_args():
    assert models.parse_args("") == {}
    assert models.parse_args("alpha=0.25, activation=relu,depth=20,small_input=True") == {
        "alpha": 0.25,
        "activation": "relu",
        "depth": 20,
        "small_input": True,
    }


@pytest.mark.parametrize("text", ["alpha", "alpha=", "=1", "a=1,a=2", "1a=2"])
def test_parse_args_refuses(text):
    with pytest.raises(ModelError, match="name=value"):
        models.parse_args(text)
