"""CONV_2D in tflite-micro: as the reference, also without a bias.

Source: tensorflow/lite/micro/kernels/conv.cc.
"""

from pipeline.interpreter.kernels.conv_2d import evaluate
from pipeline.interpreter.kernels.conv_2d import prepare_optional_bias as prepare

__all__ = ["evaluate", "prepare"]
