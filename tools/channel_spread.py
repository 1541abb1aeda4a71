"""Makes a network ill-conditioned: its channels differ a lot before batch normalization.

Half of each convolution's output channels, drawn at random, are multiplied by a factor, and batch
normalization divides by it. The function stays the same. Quantizing the folded weights cannot see
the factors; quantizing the raw weights with one scale loses the small channels.
"""

from typing import Any

import numpy as np

from pipeline.legacy_keras import tf_keras


def spread_channel_scales(model: tf_keras.Model, spread: float, seed: int) -> None:
    """Multiplies half of the channels by `spread`; their batch normalization takes it back."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if not isinstance(layer, tf_keras.layers.BatchNormalization):
            continue
        convolution: Any = layer.inbound_nodes[0].inbound_layers
        kernel = convolution.weights[0]
        gamma, beta, mean, variance = layer.get_weights()
        factors = np.where(rng.random(len(gamma)) < 0.5, spread, 1.0)
        depthwise = isinstance(convolution, tf_keras.layers.DepthwiseConv2D)
        shape = kernel.shape[2:] if depthwise else (-1,)
        kernel.assign(kernel.numpy() * factors.reshape(shape))
        # Such that the square root of variance + epsilon grows by the factor.
        rescaled = factors**2 * (variance + layer.epsilon) - layer.epsilon
        layer.set_weights([gamma, beta, mean * factors, rescaled])
