"""MobileNetV1: depthwise-separable convolutions, width multiplier alpha.

Source: Howard et al. 2017, MobileNets (arXiv 1704.04861), table 1: a 3x3 convolution, then 13
pairs of a 3x3 depthwise and a 1x1 convolution, average pooling, fully connected. The last depthwise
convolution has stride 1; the table's "s2" is a misprint, since the size stays 7x7.

Where it differs from the paper:
  * Inputs of at most 64 pixels keep their size in the first convolution (small_input), so that
    32x32 ends at 2x2 instead of 1x1.
  * Filters are int(alpha * filters), at least 1; all of the paper's alphas divide evenly.
  * ReLU6 instead of ReLU by default, as in the authors' published networks.

Accuracy in the paper, ImageNet top-1 at 224x224 (tables 6 and 7): alpha 1.0 70.6 %, 0.75 68.4 %,
0.5 63.7 %, 0.25 50.6 %. CIFAR-10 is not in the paper; alpha 0.25 at 32x32, trained here for 8
epochs in float on JPEG copies of the pictures: 73.5 % (mean of 3 seeds, `make bench-accuracy`).

Size:
  alpha  input       classes  small_input  parameters  multiply-accumulates
  1.0    224x224x3   1000     no              4253864             568740352
  0.25   224x224x3   1000     no               475544              41030272
  0.25   32x32x3     10       yes              221114               3331072
  0.25   32x32x3     10       no               221114                834688
"""

from typing import Any

from models import blocks
from pipeline.errors import ModelError
from pipeline.lazy_tf import tf, tf_keras

_FIRST_FILTERS = 32

# Stride of the depthwise convolution, filters of the 1x1 convolution at alpha 1.
_PAIRS = (
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    *((1, 512),) * 5,
    (2, 1024),
    (1, 1024),
)

_SMALL_INPUT_SIZE = 64


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    alpha: float = 1.0,
    activation: str = "relu6",
    small_input: bool | None = None,
    weight_decay: float = 5e-4,
) -> "tf_keras.Model":
    """Builds the network.

    Args:
      input_shape: (height, width, channels).
      num_classes: Number of logits.
      alpha: Width multiplier, > 0.
      activation: "relu6" or "relu".
      small_input: Whether the first convolution has stride 1 instead of 2; by default, whether
        height and width are at most 64.
      weight_decay: Of all kernels but the depthwise ones (section 3.2: little or none there).

    Raises:
      ModelError: alpha is not positive, or the activation is unknown.
    """
    blocks.check_activation("mobilenet_v1", activation)
    if not alpha > 0:
        raise ModelError(f"mobilenet_v1: needed alpha > 0, got {alpha}")
    if small_input is None:
        small_input = max(input_shape[:2]) <= _SMALL_INPUT_SIZE

    def width(filters: int) -> int:
        return max(1, int(filters * alpha))

    inputs: Any = tf_keras.Input(input_shape, name="input")
    x = inputs
    strides = 1 if small_input else 2
    x = blocks.conv(x, width(_FIRST_FILTERS), 3, strides, weight_decay, "conv1")
    x = blocks.activate(x, activation, "conv1")
    for index, (strides, filters) in enumerate(_PAIRS, start=1):
        x = _depthwise(x, strides, f"depthwise{index}")
        x = blocks.activate(x, activation, f"depthwise{index}")
        x = blocks.conv(x, width(filters), 1, 1, weight_decay, f"pointwise{index}")
        x = blocks.activate(x, activation, f"pointwise{index}")
    outputs = blocks.logits(x, num_classes, weight_decay)
    return tf_keras.Model(inputs, outputs, name="mobilenet_v1")


def _depthwise(x: "tf.Tensor", strides: int, name: str) -> "tf.Tensor":
    x = tf_keras.layers.DepthwiseConv2D(
        3,
        strides,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=name,
    )(x)
    return blocks.batch_norm(x, name)
