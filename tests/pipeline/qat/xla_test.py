"""A training step compiled by XLA moves a quantization-aware model as one that is not."""

import numpy as np
import pytest

from pipeline import qat
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams

_keras = tf_keras.layers
_STEPS = 3


def _model(spec):
    tf_keras.utils.set_random_seed(0)
    x = inputs = _keras.Input((8, 8, 3), name="input")
    x = _keras.Conv2D(4, 3, use_bias=False, name="conv")(x)
    x = _keras.BatchNormalization(name="norm")(x)
    x = _keras.ReLU(6.0, name="relu")(x)
    x = _keras.GlobalAveragePooling2D(name="pool")(x)
    model = tf_keras.Model(inputs, _keras.Dense(5, name="logits")(x), name="net")
    return qat.apply(qat.annotate_model(model), lambda _: spec, QuantParams((1 / 128,), (0,)))


def _train(model, x, compiled):
    """Takes some steps and returns the weights after them."""

    @tf.function(jit_compile=compiled, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - 1.0)) + sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_weights)
        for gradient, weight in zip(gradients, model.trainable_weights, strict=True):
            if gradient is not None:
                weight.assign_sub(1e-3 * gradient)

    for _ in range(_STEPS):
        step()
    return model.get_weights()


@pytest.mark.parametrize(
    ("learner", "frozen"), [*((learner, False) for learner in qat.LEARNERS), ("ema", True)]
)
def test_a_compiled_step_is_the_same(learner, frozen):
    scheme = SCHEMES["int8_per_tensor" if frozen else "int8_per_channel"]
    weight_learner = "lsq" if learner.startswith("lsq") else "max"
    model = _model(qat.LayerSpec(scheme, learner, weight_learner))
    codes = np.random.default_rng(0).integers(-128, 128, (16, 8, 8, 3))
    x = tf.constant(codes / 128, tf.float32)
    qat.calibrate(model, [x])
    qat.set_phase(model, qat.Phase(freeze_batch_norm=frozen))
    start = model.get_weights()
    plain = _train(model, x, compiled=False)
    model.set_weights(start)
    compiled = _train(model, x, compiled=True)
    moved = max(np.abs(after - before).max() for after, before in zip(plain, start, strict=True))
    assert moved > 1e-3
    # XLA sums in another order, so that a value beside a tie may be rounded the other way; a
    # learned step feels that most.
    for got, expected in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=0.02 * moved)
