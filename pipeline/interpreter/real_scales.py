"""What real scales become while an op is prepared: the last place where floats occur.

Scales are float32 in the flatbuffer, and each op of a runtime widens them to double at a moment
of its own. The moment decides the last bits of a multiplier, so every product has a name here.
All operations are IEEE-754: round to nearest, ties to even.

Source: the Prepare functions in TFLite, lite/kernels/*.cc and kernel_util.cc.
"""

import math

import numpy as np

_LOG2_TOLERANCE = 1e-3


def double_product(first: float, second: float, output: float) -> float:
    """Returns first * second / output in double; the product of two float32 is exact there."""
    return first * second / output


def mixed_product(first: float, second: float, output: float) -> float:
    """Returns first * second / output: the product rounded to float32, the quotient in double."""
    return float(np.float32(first) * np.float32(second)) / output


def double_quotient(input_: float, output: float) -> float:
    """Returns input / output in double."""
    return input_ / output


def float32_product(first: float, second: float, output: float) -> float:
    """Returns first * second / output, both operations rounded to float32."""
    return float(np.float32(first) * np.float32(second) / np.float32(output))


def float32_quotient(input_: float, output: float) -> float:
    """Returns input / output, rounded to float32."""
    return float(np.float32(input_) / np.float32(output))


def power_of_two(scale: float) -> int | None:
    """Returns the exponent of the power of two that a scale is; None where it is none.

    TFLite takes what lies within 0.07 % of one for it: its logarithm, to 1 / 1000.
    """
    exponent = math.log2(scale)
    nearest = round(exponent)
    return nearest if abs(exponent - nearest) < _LOG2_TOLERANCE else None


def double_inverse_sqrt(input_: float, output: float) -> float:
    """Returns 1 / (sqrt(input) * output) in double."""
    return 1 / (math.sqrt(input_) * output)


def float32_inverse_sqrt(input_: float, output: float) -> float:
    """Returns 1 / (sqrt(input) * output): root and product in float32, quotient in double."""
    return 1 / float(np.sqrt(np.float32(input_)) * np.float32(output))


def float32_code(real: float, scale: float, zero_point: int) -> int:
    """Returns zero_point + round(real / scale): quotient in float32, ties away from zero."""
    quotient = float32_quotient(real, scale)
    return zero_point + int(math.copysign(math.floor(abs(quotient) + 0.5), quotient))


def float32_codes(
    codes: np.ndarray, input_: tuple[float, int], output: tuple[float, int]
) -> np.ndarray:
    """Returns codes of (scale, zero point) `input_` as int64 codes of `output`, not clamped.

    round(code * scale + bias) + output zero point, all in float32, ties away from zero, where
    scale = input scale * (1 / output scale) and bias = -input zero point * scale.
    """
    (input_scale, input_zero_point), (output_scale, output_zero_point) = input_, output
    scale = np.float32(input_scale) * (np.float32(1) / np.float32(output_scale))
    bias = np.float32(-input_zero_point) * scale
    real = (codes.astype(np.float32) * scale + bias).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(real) + 0.5), real)
    return rounded.astype(np.int64) + output_zero_point


def float32_bound(real: float, scale: float, zero_point: int, limits: tuple[int, int]) -> int:
    """Returns round(clamp(real / scale + zero_point)): float32, ties to even."""
    code = np.float32(float32_quotient(real, scale)) + np.float32(zero_point)
    return int(np.rint(np.clip(code, *limits)))
