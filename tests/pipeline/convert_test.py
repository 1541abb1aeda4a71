"""Conversion: integer-only, named after Keras layers, faithful, the same bytes every time."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from pipeline import certificate, convert, fidelity, flatbuffer, qat, tensor_names, verify
from pipeline.errors import NotIntegerOnlyError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_INPUT = QuantParams((1 / 128,), (0,))


def _codes(count):
    return np.random.default_rng(5).integers(-128, 128, (count, 16, 16, 3)).astype(np.int8)


@pytest.fixture(scope="module", params=["int8_per_channel", "int8_per_tensor"])
def converted(request, tmp_path_factory):
    """(quantization-aware model, its flatbuffer, the .keras file)."""
    tf_keras.utils.set_random_seed(0)
    model = networks.every_layer()
    twin = qat.apply(qat.annotate_model(model), SCHEMES[request.param], _INPUT)
    qat.calibrate(twin, [tf.constant(_codes(16) / 128, tf.float32)])
    path = tmp_path_factory.mktemp("convert") / "twin.keras"
    twin.save(path)
    return twin, convert.convert(twin), path


def test_is_integer_only(converted):
    _, model, _ = converted
    certified = certificate.certify(flatbuffer.read(model))
    assert certified.passes, certified.failures
    assert "SHAPE" not in certified.op_counts
    assert "QUANTIZE" not in certified.op_counts


def test_names_lead_back_to_keras_layers(converted):
    twin, model, _ = converted
    graph = flatbuffer.read(model).main
    layers = {layer.name for layer in twin.layers}
    for op in graph.operators:
        assert tensor_names.keras_layer(graph.tensors[op.outputs[0]].name) in layers, op


def test_scales_are_the_learned_ranges(converted):
    twin, model, _ = converted
    graph = flatbuffer.read(model).main
    ranges = qat.ranges(twin)
    seen = set()
    for op in graph.operators:
        tensor = graph.tensors[op.outputs[0]]
        layer = tensor_names.keras_layer(tensor.name)
        if layer in ranges:
            low, high = ranges[layer]
            scale, zero_point = tensor.quantization.per_tensor
            assert scale == pytest.approx((high - low) / 255, rel=1e-6)
            assert zero_point == round(-low / scale) - 128
            seen.add(layer)
    assert seen == set(ranges)


def test_equals_the_reference_kernels_and_the_fake_quantized_model(converted):
    twin, model, _ = converted
    codes = _codes(4)
    assert verify.compare(model, codes[:, np.newaxis]).is_exact
    result = fidelity.compare(model, twin, codes)
    softmax = [match for match in result.layers if match.op == "SOFTMAX"]
    others = [match for match in result.layers if match.op != "SOFTMAX"]
    assert all(match.equal_share >= 0.999 for match in others), result
    assert all(match.max_abs_difference <= 1 for match in (*softmax, *others)), result


@pytest.mark.parametrize("converted", ["int8_per_channel"], indirect=True)
def test_another_process_writes_the_same_bytes(converted):
    _, model, path = converted
    code = (
        "import sys, hashlib; from pipeline import convert, qat\n"
        "from pipeline.legacy_keras import tf_keras\n"
        "tf_keras.layers.Dense(3)(tf_keras.Input((3,)))  # shifts Keras's counters\n"
        "model = convert.convert(qat.load(sys.argv[1]))\n"
        "print(hashlib.sha256(model).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == hashlib.sha256(model).hexdigest()


def test_layer_left_in_float_is_refused_by_name():
    inputs = tf_keras.Input((8, 8, 3), name="input")
    x = tf_keras.layers.Conv2D(4, 3, name="quantized")(inputs)
    x = tf_keras.layers.Conv2D(4, 3, name="forgotten")(x)
    model = tf_keras.Model(inputs, x, name="net")
    annotated = tf_keras.models.clone_model(
        model,
        clone_function=lambda layer: (
            qat.annotate_layer(layer) if layer.name == "quantized" else layer
        ),
    )
    twin = qat.apply(annotated, SCHEMES["int8_per_channel"], _INPUT)
    qat.calibrate(twin, [tf.zeros((1, 8, 8, 3))])
    with pytest.raises(NotIntegerOnlyError, match="forgotten"):
        convert.convert(twin)
