"""How a pixel becomes a code, as exact arithmetic and as JSON; all that an app has to follow.

  real_value = (pixel - zero_pixel) * scale                     pixel: uint8, 0..255
  code = nearest(real_value / tensor_scale) + tensor_zero_point, ties up, clamped

Since there are 256 pixel values, an app needs no arithmetic: code = table[pixel].

Leaf module: imports no stage and no TensorFlow.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.errors import BundleError
from pipeline.quant_params import QUANTIZED_LIMITS, QuantParams

_HALF = Fraction(1, 2)
_MAX_SIDE = 1 << 16
_CHANNELS = {1: "GRAYSCALE", 3: "RGB"}


@dataclasses.dataclass(frozen=True)
class PixelRule:
    """What a picture has to be, and what its pixels stand for.

    Attributes:
      height, width: In pixels, after resizing.
      channels: 3 (in the order red, green, blue) or 1 (grayscale).
      resize: Pillow's filter that the network was trained with; yields uint8 pixels.
      zero_pixel: The pixel value that stands for real 0.0.
      scale: Real value of one pixel step, a float32.
    """

    height: int
    width: int
    channels: int
    resize: str
    zero_pixel: int
    scale: float

    def __post_init__(self) -> None:
        sides = _is_integer(self.height, 1, _MAX_SIDE) and _is_integer(self.width, 1, _MAX_SIDE)
        if not sides or not _is_integer(self.channels, 1, 3) or self.channels not in _CHANNELS:
            raise BundleError(
                "a picture needs a height, a width and 1 or 3 channels, got "
                f"{self.height!r}, {self.width!r}, {self.channels!r}"
            )
        if not _is_integer(self.zero_pixel, 0, 255):
            raise BundleError(f"zero_pixel must be a pixel value, got {self.zero_pixel!r}")
        limits = np.finfo(np.float32)
        largest = float(limits.max) / 255
        if not isinstance(self.scale, float) or not float(limits.tiny) <= self.scale <= largest:
            raise BundleError(f"scale must be a normal float32 > 0, got {self.scale!r}")
        if self.scale != float(np.float32(self.scale)):
            raise BundleError(f"scale must be a float32, got {self.scale!r}")

    @property
    def color_space(self) -> str:
        """RGB or GRAYSCALE."""
        return _CHANNELS[self.channels]

    @property
    def description(self) -> str:
        """One line for people."""
        return (
            f"{self.height} rows x {self.width} columns, {self.color_space}, resized by Pillow's "
            f"{self.resize}; pixel {self.zero_pixel} is 0.0, one step is {self.scale!r}"
        )

    def table(self, params: QuantParams, dtype: str) -> np.ndarray:
        """Returns the code of each pixel value, [256] of `dtype`; see `codes`."""
        return codes(real_values(self.zero_pixel, self.scale), params, dtype)

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "PixelRule":
        """Returns the rule that `to_json` wrote.

        Raises:
          BundleError: A field is missing, unknown or out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if set(fields) != known or not isinstance(fields["resize"], str):
            raise BundleError(f"a pixel rule has the fields {sorted(known)}, got {sorted(fields)}")
        return cls(**fields)


def real_values(zero_pixel: int, scale: float) -> np.ndarray:
    """Returns the real value of each pixel value: float32[256], each rounded once to even."""
    return (np.arange(256, dtype=np.float32) - np.float32(zero_pixel)) * np.float32(scale)


def codes(real: Iterable[float], params: QuantParams, dtype: str) -> np.ndarray:
    """Returns the code of each real value, computed exactly: nearest, ties up, clamped.

    Args:
      real: Real values.
      params: Per-tensor parameters of the tensor.
      dtype: Storage type of the codes, a key of QUANTIZED_LIMITS.
    """
    scale, zero_point = params.per_tensor
    low, high = QUANTIZED_LIMITS[dtype]
    nearest = [
        math.floor(Fraction(float(value)) / Fraction(scale) + _HALF) + zero_point for value in real
    ]
    return np.array([min(max(code, low), high) for code in nearest], dtype)


def _is_integer(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
