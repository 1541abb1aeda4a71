"""Every scheme the whole way: trained, converted, certified, equal to the runtimes, faithful."""

import dataclasses

import numpy as np
import pytest

from pipeline import certificate, clamping, convert, fidelity, flatbuffer, qat, verify
from pipeline.errors import SchemeError
from pipeline.interpreter import Interpreter
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams, QuantScheme
from tests.pipeline.qat import networks

_INPUT = QuantParams((1 / 128,), (0,))
_STEPS = 2


@dataclasses.dataclass(frozen=True)
class Case:
    """A scheme, and what it has to become.

    Attributes:
      scheme: Name, bits of weights, bits of activations.
      engines: The runtimes that have its kernels.
      weights: Form of every weight tensor.
      activation: Form of every activation but input and softmax.
    """

    scheme: tuple[str, int, int]
    engines: tuple[str, ...]
    weights: str
    activation: str

    @property
    def quant_scheme(self) -> QuantScheme:
        name, weight_bits, activation_bits = self.scheme
        return SCHEMES[name].with_bits(weight_bits, activation_bits)


_INT8 = ("reference", "ruy", "xnnpack", "tflm")
_UINT8 = ("reference", "ruy", "xnnpack")

# Others, with every range learner, are in learners_and_widths_test.py.
CASES = (
    Case(("int8_per_channel", 4, 5), _INT8, "INT4, packed", "codes 96 to 127 of int8"),
    Case(("uint8_asymmetric", 4, 5), _UINT8, "codes 1 to 15 of uint8", "codes 224 to 255 of uint8"),
    Case(("int16x8", 8, 16), ("reference", "tflm"), "int8", "int16"),
)

(_UINT8_CASE,) = (case for case in CASES if case.quant_scheme.storage == "uint8")


def _codes(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(-128, 128, (count, 16, 16, 3)).astype(np.int8)


def _train(model: tf_keras.Model) -> None:
    optimizer = tf_keras.optimizers.SGD(0.05)
    inputs, labels = tf.constant(_codes(16) / 128, tf.float32), tf.range(16) % 5
    for _ in range(_STEPS):
        with tf.GradientTape() as tape:
            shares = model(inputs, training=True)
            loss = tf_keras.losses.sparse_categorical_crossentropy(labels, shares)
        # Batch normalization takes the depthwise convolution's bias out again.
        variables = [
            weight for weight in model.trainable_weights if "depthwise/bias" not in weight.name
        ]
        gradients = tape.gradient(loss, variables)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))


def _twin(scheme: QuantScheme) -> tf_keras.Model:
    tf_keras.utils.set_random_seed(0)
    model = qat.apply(qat.annotate_model(networks.every_layer()), scheme, _INPUT)
    qat.calibrate(model, [tf.constant(_codes(16) / 128, tf.float32)])
    return model


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case.scheme)))
def converted(request):
    """(case, quantization-aware model after some steps, its flatbuffer)."""
    model = _twin(request.param.quant_scheme)
    _train(model)
    return request.param, model, convert.convert(model)


def _inputs(model: bytes, count: int) -> np.ndarray:
    """Returns [count, ...] codes of the model's input for the same real values in every type."""
    graph = flatbuffer.read(model).main
    tensor = graph.tensors[graph.inputs[0]]
    return tensor.quantization.quantize(_INPUT.dequantize(_codes(count)), tensor.dtype)


def test_is_integer_only(converted):
    _, _, model = converted
    certified = certificate.certify(flatbuffer.read(model))
    assert certified.passes, certified.failures
    assert not certified.warnings
    assert "QUANTIZE" not in certified.op_counts


def test_every_tensor_equals_every_runtime(converted):
    case, _, model = converted
    for engine in case.engines:
        result = verify.compare(model, _inputs(model, 3)[:, np.newaxis], kernels=engine)
        assert result.is_exact, result.reason


def test_every_layer_is_what_was_trained(converted):
    _, twin, model = converted
    result = fidelity.compare(model, twin, _inputs(model, 4))
    assert result.holds(), result
    assert {match.layer for match in result.layers} >= set(qat.ranges(twin))


def test_forms_are_told(converted):
    case, twin, model = converted
    forms = convert.forms(model, twin)
    assert {form.form for form in forms if form.role == "weights"} == {case.weights}
    whole = {"uint8": "uint8", "int16": "int16"}.get(case.quant_scheme.storage, "int8")
    # The input's grid, a fixed one, and those that share the one of what follows.
    whole_layers = ("pad", "classes_softmax", "left", "right")
    for form in forms:
        if form.role == "activation":
            is_whole = form.layer in whole_layers or clamping.is_unclamped(form.name)
            assert form.form == (whole if is_whole else case.activation), form


def test_no_value_leaves_its_codes(converted):
    _, twin, model = converted
    bounds = {form.index: form for form in convert.forms(model, twin) if form.role == "activation"}
    result = {}
    interpreter = Interpreter(model, keep_tensors=True)
    for example in _inputs(model, 3):
        interpreter.run(example[np.newaxis])
        for index, form in bounds.items():
            values = interpreter.tensor(index)
            assert form.lowest_code <= values.min(), form
            assert values.max() <= form.highest_code, form
            result.setdefault(form.num_bits, []).append(np.unique(values).size)
    for num_bits, counts in result.items():
        assert max(counts) <= 2**num_bits


def test_weights_have_no_more_levels_than_bits(converted):
    case, twin, model = converted
    graph = flatbuffer.read(model).main
    for form in convert.forms(model, twin):
        if form.role == "weights":
            # The lowest of 2 ** bits codes is left out.
            codes = graph.tensors[form.index].data
            assert form.lowest_code <= codes.min() <= codes.max() <= form.highest_code
            assert form.highest_code - form.lowest_code == 2**case.quant_scheme.weight_bits - 2


def test_packing_halves_the_weights(converted):
    case, _, model = converted
    graph = flatbuffer.read(model)
    wide = tuple(
        dataclasses.replace(tensor, dtype="int8") if tensor.dtype == "int4" else tensor
        for tensor in graph.main.tensors
    )
    unpacked = dataclasses.replace(
        graph, subgraphs=(dataclasses.replace(graph.main, tensors=wide),)
    )
    saved = len(flatbuffer.write(unpacked)) - len(model)
    kernels = 3 * 3 * 3 * 8 + 3 * 3 * 8 + 8 * 8 + 2 * 8 * 4 + 8 * 8 + 8 * 5
    expected = kernels / 2 if case.weights == "INT4, packed" else 0
    assert saved == pytest.approx(expected, abs=64)  # Alignment.


@pytest.mark.parametrize("converted", [_UINT8_CASE], indirect=True)
def test_weights_of_uint8_have_zero_points_of_their_own(converted):
    _, twin, model = converted
    tensors = flatbuffer.read(model).main.tensors
    forms = [form for form in convert.forms(model, twin) if form.role == "weights"]
    zero_points = [tensors[form.index].quantization.per_tensor[1] for form in forms]
    assert {tensors[form.index].dtype for form in forms} == {"uint8"}
    # Symmetric ones would all be 8, the middle of 1 to 15.
    assert len(set(zero_points)) > 1
    assert all(1 <= zero_point <= 15 for zero_point in zero_points)


@pytest.mark.parametrize("converted", [_UINT8_CASE], indirect=True)
def test_saved_model_converts_to_the_same_bytes(converted, tmp_path):
    _, twin, model = converted
    twin.save(tmp_path / "twin.keras")
    assert convert.convert(qat.load(tmp_path / "twin.keras")) == model


def test_edges_of_another_type_are_refused(converted):
    case, twin, _ = converted
    storage = case.quant_scheme.storage
    for edges in {"int8", "uint8"} - {storage}:
        if storage != "int8":
            with pytest.raises(SchemeError, match="--inference_io"):
                convert.convert(twin, edges)


@pytest.mark.parametrize(
    ("name", "weight_bits", "activation_bits"),
    [
        *(("int8_per_channel", 1, 8), ("int8_per_channel", 9, 8), ("int8_per_channel", 8, 3)),
        *(("int8_per_channel", 8, 16), ("int16x8", 8, 8)),
    ],
)
def test_bits_without_a_form_are_refused(name, weight_bits, activation_bits):
    with pytest.raises(SchemeError, match="bits"):
        SCHEMES[name].with_bits(weight_bits, activation_bits)
