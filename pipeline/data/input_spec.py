"""The input contract: how a picture becomes an input tensor, decided once for every stage.

  real_value = (pixel - mean) * scale            pixel: uint8, 0..255

The integer side spends exactly one code on each pixel value. `params` has that scale, and the
zero point of the pixel nearest to mean (ties down), so that real 0.0 is exact and quantizing
real_value (nearest, ties up) gives pixel - 128 for every pixel and every mean. The float path is
the *dequantized* code, (pixel - nearest(mean)) * scale: it differs from real_value by at most half
a step, and it never lies on a rounding tie, so that every quantizer (exact, numpy's, fake-quant's)
returns the same code whatever its rule for ties.
"""

import dataclasses
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from pipeline import input_contract
from pipeline.errors import DataError, InputError
from pipeline.input_contract import PixelRule
from pipeline.lazy_tf import tf
from pipeline.quant_params import QuantParams

# Pillow's filters; all but nearest widen with the reduction factor, so that they do not alias.
RESIZE_FILTERS: dict[str, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}

_HALF = Fraction(1, 2)


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """Size and number range of a network's input.

    Attributes:
      height: Rows, >= 1.
      width: Columns, >= 1.
      channels: 3 (RGB) or 1 (grayscale).
      resize: Key of RESIZE_FILTERS. Resizing yields uint8 pixels: Pillow's fixed-point arithmetic
        (22 fraction bits), rounded to nearest, ties up, after each of its two passes.
      mean: Pixel value that stands for real 0.0, in [0, 255].
      scale: Real value of one pixel step; > 0. Kept as the nearest float32.
    """

    height: int
    width: int
    channels: int
    resize: str = "bilinear"
    mean: float = 128.0
    scale: float = 1 / 128

    def __post_init__(self) -> None:
        for name, size in (("height", self.height), ("width", self.width)):
            if not _is_integer(size) or size < 1:
                raise DataError(f"input {name} must be a whole number >= 1, got {size!r}")
        if not _is_integer(self.channels) or self.channels not in (1, 3):
            raise DataError(f"input channels must be 1 or 3, got {self.channels!r}")
        if self.resize not in RESIZE_FILTERS:
            known = ", ".join(RESIZE_FILTERS)
            raise DataError(f"resize must be one of {known}, got {self.resize!r}")
        if not _is_real(self.mean) or not 0 <= self.mean <= 255:
            raise DataError(f"input mean must be a pixel value in [0, 255], got {self.mean!r}")
        if not _is_real(self.scale) or not _fits_float32(self.scale):
            raise DataError(
                f"input scale must be > 0, with scale and 255 * scale normal float32 numbers, "
                f"got {self.scale!r}"
            )
        object.__setattr__(self, "mean", float(self.mean))
        object.__setattr__(self, "scale", float(np.float32(self.scale)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels

    @property
    def params(self) -> QuantParams:
        """Int8 parameters of the input tensor: code = pixel - 128."""
        return QuantParams(scale=(self.scale,), zero_point=(self._zero_pixel - 128,))

    def table(self, params: QuantParams | None = None, dtype: str = "int8") -> np.ndarray:
        """Returns the code of each pixel value, computed exactly: nearest, ties up, clamped.

        Args:
          params: Per-tensor parameters of the input tensor; `self.params` when None.
          dtype: Storage type of the codes, such as "int8" or "uint8".

        Returns:
          Codes of `float_table()`, shape [256], of `dtype`.
        """
        return input_contract.codes(self.float_table(), params or self.params, dtype)

    def float_table(self) -> np.ndarray:
        """Returns the float path of each pixel value: float32[256], each rounded once to even."""
        return input_contract.real_values(self._zero_pixel, self.scale)

    def float_pixels(self, pixels: "tf.Tensor") -> "tf.Tensor":
        """Returns `float_table()[pixels]` for a uint8 tensor of any shape, bit for bit.

        The same two float32 operations as in the table, since a gather takes 25 times as long.
        """
        return (tf.cast(pixels, tf.float32) - np.float32(self._zero_pixel)) * np.float32(self.scale)

    def quantize_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Returns int8 codes `table()[pixels]` of uint8 pixels of any shape.

        Raises:
          InputError: `pixels` is not uint8.
        """
        if pixels.dtype != np.uint8:
            raise InputError(f"needed uint8 pixels, got {pixels.dtype}")
        return self.table()[pixels]

    def pixel_rule(self) -> PixelRule:
        """Returns the same contract for those who have neither Pillow nor TensorFlow."""
        return PixelRule(
            *(self.height, self.width, self.channels, self.resize),
            zero_pixel=self._zero_pixel,
            scale=self.scale,
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values; `from_json` reads them back unchanged."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "InputSpec":
        """Returns the spec that `to_json` wrote.

        Raises:
          DataError: A field is missing, unknown or out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if set(fields) != known:
            raise DataError(f"an input spec has the fields {sorted(known)}, got {sorted(fields)}")
        return cls(**fields)

    @property
    def _zero_pixel(self) -> int:
        """The pixel value nearest to mean, ties down."""
        return math.ceil(Fraction(self.mean) - _HALF)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _fits_float32(scale: float) -> bool:
    limits = np.finfo(np.float32)
    return float(limits.tiny) <= scale <= float(limits.max) / 255
