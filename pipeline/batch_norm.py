"""Batch normalization with the statistics of the whole batch, whoever computes which part of it.

With one replica this is TensorFlow's fused kernel. With several, each measures its part, and the
parts' means m and variances v are merged as Chan, Golub and LeVeque do (1979, "Updating Formulae
and a Pairwise Algorithm for Computing Sample Variances"): mean(m) and mean(v) + mean((m - mean)^2),
which loses nothing where a mean is large against its variance, as E[x^2] - E[x]^2 would. The kernel
for inference then normalizes, and serves for the gradient too (Ioffe and Szegedy 2015, section 3,
in terms of x): written out in single ops, both would cost two to three times as much.
"""

import functools
from typing import Any

from pipeline import replica_ops
from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import custom_gradient, tf, tf_keras


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
    y, mean, variance = _merged(x, gamma, beta, epsilon)
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
    size = layer.moving_mean.shape
    gamma, beta = (
        tf.fill(size, default) if variable is None else tf.convert_to_tensor(variable)
        for variable, default in ((layer.gamma, 1.0), (layer.beta, 0.0))
    )
    y, mean, variance = _merged(inputs, gamma, beta, layer.epsilon)
    for moving, batch in (
        (layer.moving_mean, mean),
        # Keras corrects where it uses the fused kernel.
        (layer.moving_variance, _unbiased(variance, inputs) if layer.fused else variance),
    ):
        moving.assign_sub((1.0 - layer.momentum) * (moving - batch))
    return y


def _check(layer: Any) -> None:
    is_plain = not (layer.renorm or layer.virtual_batch_size or layer.adjustment)
    if not is_plain or list(layer.axis) != [layer.input_spec.ndim - 1]:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed batch normalization over the last axis without renorm "
            "and virtual batches, which is what several replicas can do together; train with "
            "--strategy=one_device"
        )


def _merged(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns x normalized by, and the mean and variance of, all replicas' x: [..., channels]."""
    rows = tf.reshape(x, [-1, 1, 1, x.shape[-1]])  # The kernels' shape, and no copy.
    mean, variance = _moments(tf.stop_gradient(rows))
    y = _normalized(rows, gamma, beta, mean, variance, epsilon)
    return tf.reshape(y, tf.shape(x)), mean, variance


def _moments(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean and variance of every replica's float32[n, 1, 1, channels], without gradient."""
    ones = tf.ones(rows.shape[-1:])
    _, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=rows, scale=ones, offset=ones, mean=[], variance=[], is_training=True
    )
    count = tf.cast(tf.shape(rows)[0], tf.float32)
    parts = replica_ops.every(tf.stack([mean, variance * ((count - 1.0) / count)]))
    merged = tf.reduce_mean(parts[:, 0], 0)
    between = tf.reduce_mean(tf.square(parts[:, 0] - merged), 0)
    return merged, tf.reduce_mean(parts[:, 1], 0) + between


def _normalized(
    rows: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    epsilon: float,
) -> tf.Tensor:
    """Returns rows normalized by statistics that are theirs: the gradient goes through these too.

    As for a constant mean and variance dx = a dy, with a = gamma / deviation; with n values in all,
    they add to it -a / n * (sum(dy) + sum(dy * normalized x) * normalized x), which is linear in x.
    """

    @custom_gradient
    def forward(rows: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        def backward(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            dx, dgamma, dbeta, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=dy,
                x=rows,
                scale=gamma,
                reserve_space_1=mean,
                reserve_space_2=variance,
                reserve_space_3=[],
                epsilon=epsilon,
                is_training=False,
            )
            count = tf.cast(replica_ops.count() * tf.shape(rows)[0], tf.float32)
            sums = replica_ops.total(tf.stack([dgamma, dbeta]))
            per_deviation = tf.math.rsqrt(variance + epsilon)
            slope = -gamma * tf.square(per_deviation) * sums[0] / count
            offset = -gamma * per_deviation * sums[1] / count
            return dx + _affine(rows, slope, offset, mean, tf.ones_like(mean)), dgamma, dbeta

        return _affine(rows, gamma, beta, mean, variance + epsilon), backward

    return forward(rows, gamma, beta)


def _affine(
    rows: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
) -> tf.Tensor:
    """Returns (rows - mean) / sqrt(variance) * scale + offset in one pass."""
    y, *_ = tf.raw_ops.FusedBatchNormV3(
        x=rows,
        scale=scale,
        offset=offset,
        mean=mean,
        variance=variance,
        epsilon=0.0,
        is_training=False,
    )
    return y


def _unbiased(variance: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    num_values = tf.cast(replica_ops.count() * tf.size(x) // tf.size(variance), tf.float32)
    return variance * (num_values / tf.maximum(num_values - 1.0, 1.0))
