"""Batch normalization with the statistics of the whole batch, whoever computes which part of it.

With one replica this is TensorFlow's fused kernel. With several, each measures its part, and the
parts' means m and variances v are merged as Chan, Golub and LeVeque do (1979, "Updating Formulae
and a Pairwise Algorithm for Computing Sample Variances"): mean(m) and mean(v) + mean((m - mean)^2),
which loses nothing where a mean is large against its variance, as E[x^2] - E[x]^2 would.
"""

import functools
from typing import Any

from pipeline import replica_ops
from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras


def normalize(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalizes a batch, of which every replica holds an equal part.

    Args:
      x: float32[n, h, w, channels].
      gamma: float32[channels].
      beta: float32[channels].
      epsilon: Added to the variance.

    Returns:
      y like x; mean and variance of the whole batch, float32[channels], the latter with Bessel's
      correction, as Keras keeps it.
    """
    if replica_ops.count() == 1:
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, gamma, beta, epsilon=epsilon, is_training=True
        )
        return y, mean, variance
    mean, variance = _moments(x, [0, 1, 2])
    y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
    return y, mean, _unbiased(variance, x)


def synchronize(model: tf_keras.Model) -> None:
    """Makes a model's Keras batch normalizations measure the whole batch when they train.

    Keras's own `synchronized=True` drops the fused kernel and with it Bessel's correction, so that
    two replicas would learn other variances than one; and it is saved with the model. This changes
    the layers of this model in memory, and only where there are several replicas.

    Raises:
      UnsupportedLayerError: A layer normalizes in a way that only one replica can.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return
    for layer in model.submodules:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            _check(layer)
            layer.call = functools.partial(_call, layer)


def _call(layer: Any, inputs: tf.Tensor, training: Any = None, mask: Any = None) -> tf.Tensor:
    """Stands in for BatchNormalization.call."""
    if not (training and layer.trainable):
        return type(layer).call(layer, inputs, training=False, mask=mask)
    mean, variance = _moments(inputs, list(range(inputs.shape.rank - 1)))
    for moving, batch in (
        (layer.moving_mean, mean),
        # Keras corrects where it uses the fused kernel.
        (layer.moving_variance, _unbiased(variance, inputs) if layer.fused else variance),
    ):
        moving.assign_sub((1.0 - layer.momentum) * (moving - batch))
    return tf.nn.batch_normalization(inputs, mean, variance, layer.beta, layer.gamma, layer.epsilon)


def _check(layer: Any) -> None:
    is_plain = not (layer.renorm or layer.virtual_batch_size or layer.adjustment)
    if not is_plain or list(layer.axis) != [layer.input_spec.ndim - 1]:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed batch normalization over the last axis without renorm "
            "and virtual batches, which is what several replicas can do together; train with "
            "--strategy=one_device"
        )


def _moments(x: tf.Tensor, axes: list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    parts = replica_ops.every(tf.stack(tf.nn.moments(x, axes)))  # [replicas, 2, channels]
    mean = tf.reduce_mean(parts[:, 0], 0)
    between = tf.reduce_mean(tf.square(parts[:, 0] - mean), 0)
    return mean, tf.reduce_mean(parts[:, 1], 0) + between


def _unbiased(variance: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    num_values = tf.cast(replica_ops.count() * tf.size(x) // tf.size(variance), tf.float32)
    return variance * (num_values / tf.maximum(num_values - 1.0, 1.0))
