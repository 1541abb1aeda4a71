"""Distillation against numpy."""

import numpy as np
import pytest

from pipeline import distillation
from pipeline.distillation import Distillation
from pipeline.errors import TrainingError
from pipeline.legacy_keras import tf, tf_keras

_PICTURES = np.random.default_rng(0).normal(size=(5, 2, 2, 1)).astype(np.float32)
_LABELS = np.array([0, 2, 1, 1, 0], np.int32)


def _model(units: int = 3, activation: str | None = None) -> tf_keras.Model:
    x = inputs = tf_keras.Input((2, 2, 1))
    x = tf_keras.layers.Flatten()(x)
    return tf_keras.Model(inputs, tf_keras.layers.Dense(units, activation)(x), name="teacher")


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _expected(student: np.ndarray, teacher: np.ndarray, temperature, alpha, beta) -> float:
    hard = -np.log(_softmax(student)[np.arange(5), _LABELS]).mean()
    p, q = _softmax(teacher / temperature), _softmax(student / temperature)
    return alpha * hard + beta * temperature**2 * (p * np.log(p / q)).sum(axis=-1).mean()


@pytest.mark.parametrize("weights", [(1.0, 0.0, 1.0), (4.0, 0.3, 0.7), (0.5, 1.0, 2.0)])
def test_equals_the_formula(weights: tuple[float, float, float]) -> None:
    teacher = _model()
    logits = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    loss = Distillation(*weights).loss(teacher)(_PICTURES, _LABELS, logits)
    expected = _expected(logits.astype(float), teacher(_PICTURES).numpy().astype(float), *weights)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_gradients_reach_the_student_alone() -> None:
    teacher, student = _model(), _model()
    with tf.GradientTape() as tape:
        loss = Distillation(2.0, 0.0, 1.0).loss(teacher)(_PICTURES, _LABELS, student(_PICTURES))
    variables = [*teacher.trainable_variables, *student.trainable_variables]
    gradients = tape.gradient(loss, variables)
    assert [gradient is None for gradient in gradients] == [True, True, False, False]


def test_a_student_that_agrees_has_no_loss() -> None:
    teacher = _model()
    loss = Distillation(3.0, 0.0, 1.0).loss(teacher)
    assert float(loss(_PICTURES, _LABELS, teacher(_PICTURES))) == pytest.approx(0, abs=1e-6)


def test_teachers_that_do_not_fit() -> None:
    distillation.check_teacher(_model(), (2, 2, 1), 3)
    with pytest.raises(TrainingError, match=r"needed a model from \(None, 2, 2, 3\)"):
        distillation.check_teacher(_model(), (2, 2, 3), 3)
    with pytest.raises(TrainingError, match=r"to \(None, 4\), as the student is"):
        distillation.check_teacher(_model(), (2, 2, 1), 4)
    with pytest.raises(TrainingError, match="needed logits"):
        distillation.check_teacher(_model(activation="softmax"), (2, 2, 1), 3)
