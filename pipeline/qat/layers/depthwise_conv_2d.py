"""DepthwiseConv2D with folded batch normalization and fused activation; DEPTHWISE_CONV_2D."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.folded import FoldedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedDepthwiseConv2D(FoldedLayer):
    """float32[n, h, w, in] -> float32[n, h', w', in * depth_multiplier]."""

    def __init__(self, kernel_size, strides, padding, dilation_rate, depth_multiplier, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.padding = padding
        self.dilation_rate = tuple(dilation_rate)
        self.depth_multiplier = depth_multiplier

    def kernel_shape(self, input_shape):
        return (*self.kernel_size, input_shape[-1], self.depth_multiplier)

    def channels_last(self, kernel):
        return tf.reshape(kernel, (*self.kernel_size, -1))

    def _channels(self, kernel_shape):
        return kernel_shape[-1] * kernel_shape[-2]

    def kernel_op(self, x, kernel):
        return tf.nn.depthwise_conv2d(
            x, kernel, (1, *self.strides, 1), self.padding.upper(), dilations=self.dilation_rate
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "depth_multiplier": self.depth_multiplier,
        }
