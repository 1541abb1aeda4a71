"""From int32 accumulators to output codes: one table, one row per engine's arithmetic.

A row says how the real multiplier input_scale * filter_scale / output_scale becomes integers when
an op is prepared, and how those integers round an accumulator at every run.
"""

import dataclasses
from collections.abc import Callable, Sequence

from pipeline.interpreter import real_scales
from pipeline.interpreter.requantizers import (
    DoublePrecision,
    DoubleRounding,
    DownThenUp,
    HalfUp,
    LongRounding,
    OneRounding,
    Requantizer,
    SinglePrecision,
    VectorRounding,
)
from pipeline.quant_params import QUANTIZED_LIMITS

# Takes input scale, filter scales (one or one per channel) and output scale.
MakeRequantizer = Callable[[float, Sequence[float], float], Requantizer]

# Fused activation -> real bounds; None leaves that side to the storage type.
_ACTIVATION_RANGES: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),  # An op of its own alone, never fused.
}


@dataclasses.dataclass(frozen=True)
class Filtered:
    """How an op with a filter rounds, by the type of its data.

    Attributes:
      int8: int8 data.
      uint8: uint8 data; None where the engine has none.
      int16: int16 data where accumulators are int32; None where the engine has none.
      long: int16 data where accumulators are int64; None where the engine has none.
    """

    int8: MakeRequantizer
    uint8: MakeRequantizer | None
    int16: MakeRequantizer | None
    long: MakeRequantizer | None


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """How one engine rounds.

    Attributes:
      convolution: CONV_2D.
      depthwise: DEPTHWISE_CONV_2D.
      transposed: TRANSPOSE_CONV.
      fully_connected: FULLY_CONNECTED.
      activation_bounds: Takes a fused activation's name, the output's scale, zero point and dtype;
        returns the smallest and the largest output code. KeyError for another activation.
      double_scales: Whether products of scales that TFLite rounds to float32 (in MUL, PRELU and
        others) are computed in double.
      trusts_bias_tensor: Whether the type of a bias tensor says what it holds; else the option
        quantized_bias_type does.
    """

    convolution: Filtered
    depthwise: Filtered
    transposed: Filtered
    fully_connected: Filtered
    activation_bounds: Callable[[str, float, int, str], tuple[int, int]]
    double_scales: bool = False
    trusts_bias_tensor: bool = False

    def scale_product(self, first: float, second: float, output: float) -> float:
        """Returns first * second / output as `double_scales` says."""
        if self.double_scales:
            return real_scales.double_product(first, second, output)
        return real_scales.float32_product(first, second, output)

    def scale_quotient(self, input_: float, output: float) -> float:
        """Returns input / output as `double_scales` says."""
        if self.double_scales:
            return real_scales.double_quotient(input_, output)
        return real_scales.float32_quotient(input_, output)


def _rounded_by(
    requantizer: Callable[[Sequence[float]], Requantizer],
    product: Callable[[float, float, float], float],
) -> MakeRequantizer:
    """Returns what rounds by `requantizer` after multiplying scales by `product`."""

    def make(
        input_scale: float, filter_scales: Sequence[float], output_scale: float
    ) -> Requantizer:
        return requantizer([product(input_scale, scale, output_scale) for scale in filter_scales])

    return make


def _bounds_rounded_before_zero_point(
    activation: str, scale: float, zero_point: int, dtype: str
) -> tuple[int, int]:
    """Rounds bound / scale half away from zero, adds the zero point, clamps to the dtype."""
    code_min, code_max = QUANTIZED_LIMITS[dtype]
    real_min, real_max = _ACTIVATION_RANGES[activation]
    if real_min is not None:
        code_min = max(code_min, real_scales.float32_code(real_min, scale, zero_point))
    if real_max is not None:
        code_max = min(code_max, real_scales.float32_code(real_max, scale, zero_point))
    return code_min, code_max


def _bounds_rounded_after_zero_point(
    activation: str, scale: float, zero_point: int, dtype: str
) -> tuple[int, int]:
    """Adds the zero point to bound / scale in float32, clamps to the dtype, rounds half to even."""
    limits = QUANTIZED_LIMITS[dtype]
    code_min, code_max = (
        limit if real is None else real_scales.float32_bound(real, scale, zero_point, limits)
        for real, limit in zip(_ACTIVATION_RANGES[activation], limits, strict=True)
    )
    return code_min, code_max


# In double, or first the product in float32 and then the quotient in double, or both in float32.
_DOUBLE_ROUNDING = _rounded_by(DoubleRounding.from_real, real_scales.double_product)
_DOUBLE_ROUNDING_MIXED = _rounded_by(DoubleRounding.from_real, real_scales.mixed_product)
_HALF_UP = _rounded_by(HalfUp.from_real, real_scales.double_product)
_HALF_UP_MIXED = _rounded_by(HalfUp.from_real, real_scales.mixed_product)
_DOWN_THEN_UP = _rounded_by(DownThenUp.from_real, real_scales.double_product)
_DOWN_THEN_UP_MIXED = _rounded_by(DownThenUp.from_real, real_scales.mixed_product)
_VECTORS = _rounded_by(VectorRounding.of_channels, real_scales.double_product)
_FLAT_VECTORS_MIXED = _rounded_by(VectorRounding.flat, real_scales.mixed_product)
_LONG_ROUNDING = _rounded_by(LongRounding.from_real, real_scales.double_product)
_DOUBLE_PRECISION = _rounded_by(DoublePrecision.from_real, real_scales.double_product)
_SINGLE_PRECISION = _rounded_by(SinglePrecision.from_real, real_scales.float32_product)
_ONE_ROUNDING_QUANTIZED = _rounded_by(OneRounding.quantized, real_scales.double_product)
_ONE_ROUNDING = _rounded_by(OneRounding.from_real, real_scales.float32_product)

_TWO_ROUNDINGS = Filtered(
    int8=_DOUBLE_ROUNDING,
    uint8=_DOUBLE_ROUNDING_MIXED,
    int16=_DOUBLE_ROUNDING,
    long=_LONG_ROUNDING,
)
_ONLY_INT8 = dataclasses.replace(_TWO_ROUNDINGS, uint8=None)
_IN_DOUBLE = Filtered(
    int8=_DOUBLE_PRECISION,
    uint8=_DOUBLE_PRECISION,
    int16=_DOUBLE_PRECISION,
    long=_DOUBLE_PRECISION,
)
_MATRICES = Filtered(_HALF_UP, _HALF_UP_MIXED, _HALF_UP, _LONG_ROUNDING)
_MATRICES_ON_ARM64 = Filtered(
    _DOWN_THEN_UP, _DOWN_THEN_UP_MIXED, _ONE_ROUNDING_QUANTIZED, _LONG_ROUNDING
)
_IN_FLOAT32 = Filtered(int8=_SINGLE_PRECISION, uint8=_SINGLE_PRECISION, int16=None, long=None)
_IN_FLOAT32_ON_ARM64 = dataclasses.replace(_IN_FLOAT32, uint8=_ONE_ROUNDING)

_RUY = Arithmetic(
    convolution=_MATRICES,
    depthwise=Filtered(_VECTORS, _DOUBLE_ROUNDING_MIXED, None, _LONG_ROUNDING),
    transposed=Filtered(_VECTORS, _FLAT_VECTORS_MIXED, _VECTORS, _LONG_ROUNDING),
    fully_connected=dataclasses.replace(_MATRICES, long=_DOUBLE_PRECISION),
    activation_bounds=_bounds_rounded_before_zero_point,
)

ARITHMETICS: dict[str, Arithmetic] = {
    # TFLite BUILTIN_REF: its FULLY_CONNECTED requantizes in double precision, alone of its ops.
    "reference": Arithmetic(
        convolution=_TWO_ROUNDINGS,
        depthwise=_TWO_ROUNDINGS,
        transposed=_TWO_ROUNDINGS,
        fully_connected=_IN_DOUBLE,
        activation_bounds=_bounds_rounded_before_zero_point,
    ),
    "tflm": Arithmetic(
        convolution=_ONLY_INT8,
        depthwise=_ONLY_INT8,
        transposed=dataclasses.replace(_ONLY_INT8, int16=None),
        fully_connected=_ONLY_INT8,
        activation_bounds=_bounds_rounded_before_zero_point,
        double_scales=True,
        trusts_bias_tensor=True,
    ),
    "ruy": _RUY,
    "ruy_arm64": dataclasses.replace(
        _RUY,
        convolution=_MATRICES_ON_ARM64,
        fully_connected=dataclasses.replace(_MATRICES_ON_ARM64, long=_DOUBLE_PRECISION),
    ),
    # Of the ops that XNNPACK's delegate takes; the others have the arithmetic of ruy.
    "xnnpack": Arithmetic(
        convolution=_IN_FLOAT32,
        depthwise=_IN_FLOAT32,
        transposed=_IN_FLOAT32,
        fully_connected=_IN_FLOAT32,
        activation_bounds=_bounds_rounded_after_zero_point,
    ),
    "xnnpack_arm64": Arithmetic(
        convolution=_IN_FLOAT32_ON_ARM64,
        depthwise=_IN_FLOAT32_ON_ARM64,
        transposed=_IN_FLOAT32_ON_ARM64,
        fully_connected=_IN_FLOAT32_ON_ARM64,
        activation_bounds=_bounds_rounded_after_zero_point,
    ),
}
