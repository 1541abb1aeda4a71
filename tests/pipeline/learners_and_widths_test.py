"""Every range learner with every width of every scheme: what is trained is what is computed.

The quick suite takes a few combinations; INTONLY_CASES=200 (`make test-ops`) takes them all.
"""

import dataclasses
import itertools
import os

import numpy as np
import pytest

from pipeline import certificate, clamping, convert, fidelity, flatbuffer, qat, verify
from pipeline.errors import SchemeError
from pipeline.graph import Graph
from pipeline.interpreter import Interpreter
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_INPUT = QuantParams((1 / 128,), (0,))
_STEPS = 2


@dataclasses.dataclass(frozen=True)
class Case:
    """One combination."""

    scheme: str
    learner: str
    weight_bits: int
    activation_bits: int

    @property
    def spec(self) -> qat.LayerSpec:
        """LSQ learns weight ranges too, where they are symmetric; PACT comes with noise."""
        scheme = SCHEMES[self.scheme].with_bits(self.weight_bits, self.activation_bits)
        learns_weights = self.learner.startswith("lsq") and scheme.symmetric_weights
        return qat.LayerSpec(
            scheme,
            self.learner,
            weight_learner="lsq" if learns_weights else "max",
            quant_noise=0.5 if self.learner == "pact" else 1.0,
        )


_EIGHT_BIT_SCHEMES = ("int8_per_channel", "int8_per_tensor", "uint8_asymmetric")
_ALL = (
    *itertools.starmap(
        Case, itertools.product(_EIGHT_BIT_SCHEMES, qat.LEARNERS, (8, 4, 2), (8, 4))
    ),
    *itertools.starmap(
        Case, itertools.product(["int16x8"], ["ema", "percentile"], (8, 4, 2), [16])
    ),
)
# With those of schemes_test.py each storage, learner and number of bits.
_QUICK = (
    Case("int8_per_tensor", "lsq_plus", 4, 4),
    Case("uint8_asymmetric", "pact", 2, 8),
    Case("int16x8", "percentile", 4, 16),
)
_CASES = _ALL if int(os.environ.get("INTONLY_CASES", "0")) >= len(_ALL) else _QUICK


def _codes(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (count, 8, 8, 3)).astype(np.int8)


def _batch(seed: int) -> tf.Tensor:
    return tf.constant(_INPUT.dequantize(_codes(16, seed)), tf.float32)


def _trained(spec: qat.LayerSpec) -> tf_keras.Model:
    """Returns a network after calibration and some steps."""
    tf_keras.utils.set_random_seed(0)
    # TFLite has no HARD_SWISH of int16.
    gate = "swish" if spec.scheme.storage == "int16" else "hard_swish"
    float_model = networks.squeeze_excite(gate)
    model = qat.apply(
        qat.annotate_model(float_model), lambda _: spec, _INPUT, storage=spec.scheme.storage
    )
    qat.calibrate(model, [_batch(0), _batch(1)])
    optimizer = tf_keras.optimizers.SGD(1e-3)
    optimizer.build(model.trainable_weights)

    @tf.function
    def step(pictures: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            shares = model(pictures, training=True)
            losses = tf_keras.losses.sparse_categorical_crossentropy(tf.range(16) % 5, shares)
            loss = tf.reduce_mean(losses) + sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_weights)
        pairs = zip(gradients, model.trainable_weights, strict=True)
        optimizer.apply_gradients([pair for pair in pairs if pair[0] is not None])

    for seed in range(_STEPS):
        step(_batch(seed))
    return model


def _inputs(graph: Graph, count: int) -> np.ndarray:
    """Returns [count, ...] codes of the model's input for the same real values in every type."""
    tensor = graph.main.tensors[graph.main.inputs[0]]
    assert tensor.quantization is not None
    return tensor.quantization.quantize(_INPUT.dequantize(_codes(count, 9)), tensor.dtype)


@pytest.fixture(
    scope="module", params=_CASES, ids=lambda case: "-".join(map(str, dataclasses.astuple(case)))
)
def converted(request):
    """(combination, trained model, its flatbuffer, inputs)."""
    model = _trained(request.param.spec)
    flat = convert.convert(model)
    return request.param, model, flat, _inputs(flatbuffer.read(flat), 4)


def test_is_integer_only_and_exact(converted):
    _, _, flat, codes = converted
    certified = certificate.certify(flatbuffer.read(flat))
    assert certified.passes, certified.failures
    result = verify.compare(flat, codes[:, np.newaxis])
    assert result.is_exact, result.reason


def test_every_layer_is_what_was_trained(converted):
    _, model, flat, codes = converted
    result = fidelity.compare(flat, model, codes)
    assert result.holds(), result
    assert {match.layer for match in result.layers} >= set(qat.ranges(model))


def test_codes_stay_in_their_bits(converted):
    case, model, flat, codes = converted
    forms = convert.forms(flat, model)
    graph = flatbuffer.read(flat).main
    learned = set(qat.ranges(model))
    checked = set()
    interpreter = Interpreter(flat, keep_tensors=True)
    for example in codes:
        interpreter.run(example[np.newaxis])
        for form in forms:
            if form.role == "weights":
                levels = np.unique(graph.tensors[form.index].data).size
                assert levels <= 2**case.weight_bits - 1, form
            elif form.layer in learned and not clamping.is_unclamped(form.name):
                values = interpreter.tensor(form.index)
                assert form.num_bits == case.activation_bits, form
                assert form.lowest_code <= values.min(), form
                assert values.max() <= form.highest_code, form
                assert np.unique(values).size <= 2**case.activation_bits
                checked.add(form.layer)
    assert checked == learned


_UINT8 = SCHEMES["uint8_asymmetric"]


@pytest.mark.parametrize(
    ("scheme", "learners", "told"),
    [
        (SCHEMES["int16x8"], {"range_learner": "pact"}, "range learner of ema, percentile"),
        (_UINT8, {"weight_learner": "lsq"}, "weight learner 'max'"),
        (dataclasses.replace(_UINT8, weight_granularity="per_channel"), {}, "per_tensor"),
    ],
)
def test_what_a_scheme_has_no_codes_for_is_refused(scheme, learners, told):
    with pytest.raises(SchemeError, match=told):
        qat.LayerSpec(scheme, **learners)
