"""tools.convert on a run whose layers have different bits: what it tells is what it wrote."""

import json

import numpy as np
import pytest

from pipeline import data, fidelity, flatbuffer, qat, verify
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import recipe
from pipeline.quant_params import SCHEMES
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig

_keras = tf_keras.layers
_SPEC = data.default_spec("digits")
_RULES = [
    {"layers": "conv", "weight_bits": 4, "activation_bits": 6},
    {"layers": "up", "weight_bits": 3, "activation_bits": 4, "learner": "lsq_plus"},
    {"layers": "depthwise", "weight_bits": 2, "weight_granularity": "per_tensor"},
    {"layers": "classes", "weight_bits": 6},
]
# (layer, role): form, as far as it is not plain int8.
_FORMS = {
    ("conv", "weights"): "INT4, packed",
    ("conv", "activation"): "codes 64 to 127 of int8",
    # TRANSPOSE_CONV has no kernel for INT4.
    ("up", "weights"): "codes -3 to 3 of int8",
    ("up", "activation"): "codes 112 to 127 of int8",
    # MAX_POOL_2D keeps its input's codes.
    ("pool", "activation"): "codes 112 to 127 of int8",
    ("depthwise", "weights"): "INT4, packed",
    ("classes", "weights"): "codes -31 to 31 of int8",
}


def _network() -> tf_keras.Model:
    tf_keras.utils.set_random_seed(1)
    x = inputs = _keras.Input(_SPEC.shape, name="input")
    x = _keras.Conv2D(4, 3, strides=2, use_bias=False, name="conv")(x)
    x = _keras.BatchNormalization(name="conv_bn")(x)
    x = _keras.ReLU(6.0, name="conv_relu")(x)
    x = _keras.Conv2DTranspose(4, 2, strides=2, name="up")(x)
    x = _keras.MaxPooling2D(name="pool")(x)
    x = _keras.DepthwiseConv2D(3, name="depthwise")(x)
    x = _keras.GlobalAveragePooling2D(name="global_pool")(x)
    x = _keras.Dense(10, name="classes")(x)
    return tf_keras.Model(inputs, x, name="mixed")


def _codes() -> np.ndarray:
    return np.random.default_rng(2).integers(-128, 128, (8, *_SPEC.shape)).astype(np.int8)


@pytest.fixture(scope="module")
def converted(run_tool, tmp_path_factory):
    """(quantization-aware model, its flatbuffer, the terminal, the report's results)."""
    folder = tmp_path_factory.mktemp("convert")
    config = TrainConfig(model="mixed", dataset="digits", recipe=_RULES)
    run = RunDir(folder / "run", config, _SPEC, tuple("0123456789"), 1438)
    run.path.mkdir()
    run.save()
    default = qat.LayerSpec(SCHEMES["int8_per_channel"])
    rules = recipe.parse(_RULES)
    twin = recipe.apply(qat.annotate_model(_network()), rules, default, _SPEC.params)
    qat.calibrate(twin, [tf.constant(_SPEC.params.dequantize(_codes()), tf.float32)])
    twin.save(run.qat_model)
    flat, told = folder / "m.tflite", folder / "convert.json"
    done = run_tool("convert", f"--run_dir={run.path}", f"--output={flat}", f"--report={told}")
    assert done.returncode == 0, done.stderr
    return twin, flat.read_bytes(), done.stdout, json.loads(told.read_text())["results"]


def test_every_tensors_form_is_reported(converted):
    _, flat, _, results = converted
    told = {(it["layer"], it["role"]): it["form"] for it in results["tensors"]}
    assert {key: form for key, form in told.items() if form != "int8"} == _FORMS
    assert results["size_bytes"] == len(flat)
    graph = flatbuffer.read(flat).main
    for it in results["tensors"]:
        tensor = graph.tensors[it["index"]]
        assert tensor.name == it["name"]
        assert (tensor.dtype == "int4") == (it["form"] == "INT4, packed")
        if it["role"] == "weights":
            assert it["lowest_code"] <= tensor.data.min() <= tensor.data.max() <= it["highest_code"]


def test_the_terminal_shows_a_line_of_weights_and_one_of_activations(converted):
    _, _, shown, _ = converted
    lines = [line.strip() for line in shown.splitlines()]
    weights, activations = (set(line.split(": ")[1].split("; ")) for line in lines[-2:])
    assert [line.split(":")[0] for line in lines[-2:]] == ["weights", "activation"]
    assert weights == {
        "2 of INT4, packed",
        "1 of codes -3 to 3 of int8",
        "1 of codes -31 to 31 of int8",
    }
    assert {"1 of codes 64 to 127 of int8", "2 of codes 112 to 127 of int8"} < activations


def test_layers_of_different_bits_are_exact_and_faithful(converted):
    twin, flat, _, _ = converted
    assert verify.compare(flat, _codes()[:, np.newaxis]).is_exact
    result = fidelity.compare(flat, twin, _codes())
    assert result.holds(), result
    assert [match.layer for match in result.layers] == [
        *("conv", "up", "depthwise", "global_pool", "classes")
    ]
