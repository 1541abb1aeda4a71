"""MobileNetV1: depthwise-separable convolutions, width multiplier alpha.

Source: Howard et al. 2017, MobileNets (arXiv 1704.04861), table 1: a 3x3 convolution, then 13
pairs of a 3x3 depthwise and a 1x1 convolution, average pooling, fully connected. The last depthwise
convolution has stride 1; the table's "s2" is a misprint, since the size stays 7x7.
"""

from models import blocks
from pipeline.errors import ModelError
from pipeline.legacy_keras import tf, tf_keras

_FIRST_FILTERS = 32

# (stride of the depthwise convolution, filters of the 1x1 convolution), at alpha 1.
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
) -> tf_keras.Model:
    """Builds the network."""
    blocks.check_activation("mobilenet_v1", activation)
    if small_input is None:
        small_input = max(input_shape[:2]) <= _SMALL_INPUT_SIZE
    full_size = 2 if small_input else 0  # Number of leading halvings left out.

    x = inputs = tf_keras.Input(input_shape, name="input")
    return inputs, x
