"""Losses of training: cross-entropy with the labels, and with a teacher's softened answers.

  loss = alpha * H(labels, softmax(student))
       + beta * T**2 * KL(softmax(teacher / T) || softmax(student / T))

The factor T**2 keeps the size of the second gradient as T changes. Source: Hinton, Vinyals, Dean:
Distilling the Knowledge in a Neural Network (2015), section 2.
"""

import dataclasses
from collections.abc import Callable

from pipeline.errors import TrainingError
from pipeline.legacy_keras import tf, tf_keras

# Takes float32[B, H, W, C] pictures, int32[B] labels, float32[B, classes] logits; gives a scalar.
Loss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Distillation:
    """How much a student listens to whom.

    Attributes:
      temperature: T, above 0; high ones show how the teacher ranks wrong classes.
      alpha: Weight of the labels.
      beta: Weight of the teacher.
    """

    temperature: float
    alpha: float
    beta: float

    def loss(self, teacher: tf_keras.Model) -> Loss:
        """Returns the loss of a student of this teacher, which maps the same pictures to logits."""

        def distilled(pictures: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
            softened = tf.stop_gradient(teacher(pictures, training=False)) / self.temperature
            divergence = tf.reduce_sum(
                tf.nn.softmax(softened)
                * (tf.nn.log_softmax(softened) - tf.nn.log_softmax(logits / self.temperature)),
                axis=-1,
            )
            taught = self.beta * self.temperature**2 * tf.reduce_mean(divergence)
            return self.alpha * cross_entropy(pictures, labels, logits) + taught

        return distilled


def cross_entropy(pictures: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the mean cross-entropy of int32[B] labels and float32[B, classes] logits."""
    del pictures
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def check_teacher(teacher: tf_keras.Model, input_shape: tuple[int, ...], num_classes: int) -> None:
    """Checks that a teacher takes the student's pictures and answers with logits of its classes.

    Raises:
      TrainingError: It does not.
    """
    needed = (None, *input_shape), (None, num_classes)
    got = teacher.input_shape, teacher.output_shape
    if got != needed:
        raise TrainingError(
            f"--teacher: needed a model from {needed[0]} to {needed[1]}, as the student is, got "
            f"{teacher.name!r} from {got[0]} to {got[1]}"
        )
    last = teacher.layers[-1]
    is_softmax = isinstance(last, tf_keras.layers.Softmax)
    if is_softmax or getattr(last, "activation", None) is tf_keras.activations.softmax:
        raise TrainingError(
            f"--teacher: needed logits, got {teacher.name!r}, whose layer {last.name!r} is a "
            "softmax; save it without"
        )
