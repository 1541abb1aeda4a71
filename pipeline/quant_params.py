"""Everything numeric that crosses stages: how integers stand for real numbers.

  real_value = scale * (quantized_value - zero_point)          (Jacob et al. 2018, eq. 1)

Leaf module: imports no stage and no TensorFlow.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pipeline import errors

# Types that activations are stored in.
Storage = Literal["int8", "uint8", "int16"]

# Storage types of quantized tensors, as the flatbuffer schema names them, in lower case.
QUANTIZED_LIMITS: dict[str, tuple[int, int]] = {
    "int2": (-2, 1),
    "int4": (-8, 7),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}


@dataclasses.dataclass(frozen=True)
class QuantParams:
    """Affine map of one tensor.

    Per-tensor parameters have length-1 tuples and no quantized_dimension. Tuples, not arrays, so
    that == and hash() come for free.

    Attributes:
      scale: Real value of one quantized step, > 0 and finite; length 1 or number of channels. Each
        is exactly a float32, as the flatbuffer stores it.
      zero_point: Quantized value that stands for real 0.0; same length as scale.
      quantized_dimension: Axis the entries run along; None means per-tensor.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    quantized_dimension: int | None = None

    def __post_init__(self) -> None:
        if not self.scale or len(self.scale) != len(self.zero_point):
            raise ValueError(
                f"scale and zero_point must have the same length >= 1, got {len(self.scale)} "
                f"and {len(self.zero_point)}"
            )
        if self.quantized_dimension is None and len(self.scale) != 1:
            raise ValueError(f"per-tensor parameters need one scale, got {len(self.scale)}")
        for scale in self.scale:
            if not (math.isfinite(scale) and scale > 0.0):
                raise ValueError(f"scale must be positive and finite, got {scale}")

    @classmethod
    def from_range(cls, minimum: float, maximum: float, dtype: str) -> "QuantParams":
        """Returns per-tensor parameters under which real 0.0 has a code of its own.

        The range is first widened to contain 0, then nudged as TensorFlow's fake-quant ops do:

          scale = (maximum - minimum) / (code_max - code_min)
          zero_point = code_min + floor(-minimum / scale + 1/2)      clamped to the codes

        all in float32. Ties go up, counted from code_min; TensorFlow rounds half away from zero,
        which is the same because its codes start at 0.

        Raises:
          ValueError: The range is empty (minimum > maximum, or both 0) or not finite.
        """
        if not minimum <= maximum:
            raise ValueError(f"needed minimum <= maximum, got [{minimum}, {maximum}]")
        low, high = np.float32(min(minimum, 0.0)), np.float32(max(maximum, 0.0))
        code_min, code_max = QUANTIZED_LIMITS[dtype]
        scale = (high - low) / np.float32(code_max - code_min)
        if not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"needed a finite range wider than 0, got [{minimum}, {maximum}]")
        zero_point = code_min + math.floor(-low / scale + np.float32(0.5))
        return cls((float(scale),), (min(max(zero_point, code_min), code_max),))

    @property
    def per_tensor(self) -> tuple[float, int]:
        """(scale, zero_point) of per-tensor parameters.

        Raises:
          ValueError: The parameters are per-channel with more than one channel.
        """
        if len(self.scale) != 1:
            raise ValueError(f"needed per-tensor parameters, got {len(self.scale)} channels")
        return self.scale[0], self.zero_point[0]

    def quantize(self, real_value: np.ndarray, dtype: str) -> np.ndarray:
        """Returns codes of `real_value` (any shape), rounded to nearest, ties up, then clamped.

        Ties up is floor(x + 1/2), the rule of TensorFlow's fake-quant ops; computed in float64.
        """
        scale, zero_point = self._broadcast(real_value.ndim)
        low, high = QUANTIZED_LIMITS[dtype]
        codes = np.floor(np.asarray(real_value, np.float64) / scale + 0.5) + zero_point
        return np.clip(codes, low, high).astype(dtype)

    def dequantize(self, quantized_value: np.ndarray) -> np.ndarray:
        """Returns float64 real values of integer codes (any shape); exact for 8-bit codes."""
        scale, zero_point = self._broadcast(quantized_value.ndim)
        return (quantized_value.astype(np.float64) - zero_point) * scale

    def _broadcast(self, rank: int) -> tuple[np.ndarray, np.ndarray]:
        shape = [1] * rank
        if self.quantized_dimension is not None:
            shape[self.quantized_dimension] = len(self.scale)
        elif rank == 0:
            shape = []
        return (
            np.reshape(np.asarray(self.scale, np.float64), shape),
            np.reshape(np.asarray(self.zero_point, np.int64), shape),
        )


@dataclasses.dataclass(frozen=True)
class QuantizedMultiplier:
    """A positive real multiplier as integers: significand * 2**(shift - 31).

    Attributes:
      significand: In [2**30, 2**31), or 0 for a multiplier of zero.
      shift: Left shift when positive, right shift when negative.
    """

    significand: int
    shift: int

    def __post_init__(self) -> None:
        if self.significand != 0 and not 2**30 <= self.significand < 2**31:
            raise ValueError(f"significand must be 0 or in [2**30, 2**31), got {self.significand}")


@dataclasses.dataclass(frozen=True)
class QuantScheme:
    """How a network is quantized.

    Attributes:
      name: What the user says, for example "int8_per_channel".
      weight_bits: Bits of a weight. Symmetric and narrow: 8 bits give [-127, 127]; with uint8
        storage asymmetric and narrow, [1, 255].
      weight_granularity: One scale per output channel, or one per tensor.
      activation_bits: Bits of an activation; per-tensor, asymmetric but for int16's.
      storage: Type that activations are stored in. Fewer bits than it has use the upper end of its
        codes.
    """

    name: str
    weight_bits: int
    weight_granularity: Literal["per_channel", "per_tensor"]
    activation_bits: int
    storage: Storage = "int8"

    @property
    def weight_max(self) -> int:
        """Largest symmetric weight code; the smallest is its negative: -128 never occurs."""
        return 2 ** (self.weight_bits - 1) - 1

    @property
    def symmetric_weights(self) -> bool:
        """Whether weights have zero point 0; TFLite's uint8 kernels alone do without."""
        return self.storage != "uint8"

    @property
    def possible_activation_bits(self) -> Sequence[int]:
        """Numbers of bits that activations may have in this storage."""
        return (16,) if self.storage == "int16" else ACTIVATION_BITS

    def with_bits(self, weight_bits: int | None, activation_bits: int | None) -> "QuantScheme":
        """Returns this scheme with other numbers of bits; None keeps the scheme's own.

        Raises:
          SchemeError: Weights of other than 2 to 8 bits, activations of other than 4 to 8, or of
            other than 16 where they are stored in int16.
        """
        if weight_bits is not None and weight_bits not in WEIGHT_BITS:
            raise errors.SchemeError(f"needed weights of 2 to 8 bits, got {weight_bits}")
        allowed = self.possible_activation_bits
        if activation_bits is not None and activation_bits not in allowed:
            raise errors.SchemeError(
                f"needed activations of {allowed[0]} to {allowed[-1]} bits with scheme "
                f"{self.name}, got {activation_bits}"
            )
        return dataclasses.replace(
            self,
            weight_bits=weight_bits or self.weight_bits,
            activation_bits=activation_bits or self.activation_bits,
        )


WEIGHT_BITS = range(2, 9)
ACTIVATION_BITS = range(4, 9)

SCHEMES: dict[str, QuantScheme] = {
    scheme.name: scheme
    for scheme in (
        QuantScheme("int8_per_channel", 8, "per_channel", 8),
        QuantScheme("int8_per_tensor", 8, "per_tensor", 8),
        # Jacob et al. 2018: asymmetric weights too.
        QuantScheme("uint8_asymmetric", 8, "per_tensor", 8, storage="uint8"),
        QuantScheme("int16x8", 8, "per_channel", 16, storage="int16"),
    )
}
