"""Conv2D with folded batch normalization and fused activation; CONV_2D in the integer graph."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.folded import FoldedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedConv2D(FoldedLayer):
    """float32[n, h, w, in] -> float32[n, h', w', filters]."""

    def __init__(self, filters, kernel_size, strides, padding, dilation_rate, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.padding = padding
        self.dilation_rate = tuple(dilation_rate)

    def kernel_shape(self, input_shape):
        return (*self.kernel_size, input_shape[-1], self.filters)

    def kernel_op(self, x, kernel):
        return tf.nn.conv2d(
            x, kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
        }
