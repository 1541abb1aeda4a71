"""ResNet for small pictures, depth 6n + 2.

Source: He et al. 2015, Deep Residual Learning for Image Recognition, section 4.2 (arXiv
1512.03385): a 3x3 convolution with 16 filters, then three stages of n blocks with 16, 32 and 64
filters, two 3x3 convolutions a block, strides 2 at the start of the second and third stage.

Where it differs from the paper:
  * Shortcuts that change the shape are projections (1x1 convolution with stride 2 and batch
    normalization: the paper's option B). Section 4.2 uses option A, strided slices padded with zero
    channels, which has no weights but needs PAD and STRIDED_SLICE with one quantization for the
    shortcut and its source.
  * The activation may be relu6.
MLPerf Tiny's ResNet8 is another network: its convolutions have biases before batch normalization,
and its shortcut convolutions have no batch normalization.

Accuracy in the paper, CIFAR-10 test, 64k steps with augmentation: depth 20 91.25 %, 32 92.49 %,
56 93.03 % (option A). Depth 8 is not in the paper; ours, trained here for 8 epochs in float on
JPEG copies of the pictures: 78.5 % (mean of 3 seeds, `make bench-accuracy`).

At 32x32x3 with 10 classes:
  depth  parameters  multiply-accumulates
  8           78714              12501632
  20         274042              40813184
  32         469370              69124736
  56         860026             125747840
"""

from typing import Any

from models import blocks
from pipeline.errors import ModelError
from pipeline.lazy_tf import tf, tf_keras

_STAGE_FILTERS = (16, 32, 64)


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: int = 8,
    activation: str = "relu",
    weight_decay: float = 5e-4,
) -> "tf_keras.Model":
    """Builds the network.

    Args:
      input_shape: (height, width, channels); each stage but the first halves height and width.
      num_classes: Number of logits.
      depth: Number of layers with weights on the longest path: 8, 14, 20, ...
      activation: "relu" or "relu6".
      weight_decay: Of the convolutions' and the last layer's kernels (1e-4 in the paper).

    Raises:
      ModelError: The depth is not 6n + 2, or the activation is unknown.
    """
    blocks.check_activation("resnet_cifar", activation)
    blocks_per_stage, rest = divmod(depth - 2, 6)
    if rest != 0 or blocks_per_stage < 1:
        raise ModelError(f"resnet_cifar: needed depth 6n + 2 (8, 14, 20, ...), got {depth}")

    inputs: Any = tf_keras.Input(input_shape, name="input")
    x = inputs
    x = blocks.conv(x, _STAGE_FILTERS[0], 3, 1, weight_decay, "conv1")
    x = blocks.activate(x, activation, "conv1")
    for stage, filters in enumerate(_STAGE_FILTERS, start=1):
        for block in range(1, blocks_per_stage + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            x = _block(x, filters, strides, activation, weight_decay, f"stage{stage}_block{block}")
    outputs = blocks.logits(x, num_classes, weight_decay)
    return tf_keras.Model(inputs, outputs, name=f"resnet{depth}_cifar")


def _block(
    x: "tf.Tensor", filters: int, strides: int, activation: str, weight_decay: float, name: str
) -> "tf.Tensor":
    shortcut = x
    x = blocks.conv(x, filters, 3, strides, weight_decay, f"{name}_conv1")
    x = blocks.activate(x, activation, f"{name}_conv1")
    x = blocks.conv(x, filters, 3, 1, weight_decay, f"{name}_conv2")
    if strides != 1:
        shortcut = blocks.conv(shortcut, filters, 1, strides, weight_decay, f"{name}_shortcut")
    x = tf_keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return blocks.activate(x, activation, f"{name}_add")
