"""Conv2DTranspose with folded batch normalization and fused activation; TRANSPOSE_CONV."""

from typing import Any

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.folded import FoldedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedConv2DTranspose(FoldedLayer):
    """float32[n, h, w, in] -> float32[n, h', w', filters]."""

    fuses_relu = False  # Not where there is no bias to add. The range does what it would.

    def __init__(self, filters, kernel_size, strides, padding, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.padding = padding

    def kernel_shape(self, input_shape):
        return (*self.kernel_size, self.filters, input_shape[-1])

    def channels_last(self, kernel):
        return tf.transpose(kernel, (0, 1, 3, 2))

    def from_channels_last(self, weights):
        return tf.transpose(weights, (0, 1, 3, 2))

    def _channels(self, kernel_shape):
        return kernel_shape[-2]

    def kernel_op(self, x, kernel):
        batch: Any = tf.shape(x)[0] if x.shape[0] is None else x.shape[0]
        padding: Any = self.padding.upper()
        sizes = [
            size * stride if self.padding == "same" else size * stride + max(kernel - stride, 0)
            for size, stride, kernel in zip(
                x.shape[1:3], self.strides, self.kernel_size, strict=True
            )
        ]
        shape: Any = (batch, *sizes, self.filters)
        return tf.nn.conv2d_transpose(x, kernel, shape, self.strides, padding)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
        }
