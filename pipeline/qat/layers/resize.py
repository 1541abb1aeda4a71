"""UpSampling2D and Resizing; RESIZE_NEAREST_NEIGHBOR, RESIZE_BILINEAR, on their input's grid."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.base import QuantizedLayer

RESIZE_METHODS = ("nearest", "bilinear")

_BITS = 10  # Behind the point of the kernel's coordinates.


@dataclasses.dataclass(frozen=True)
class Resize:
    """How an image is resized, with half-pixel centers.

    Attributes:
      method: One of RESIZE_METHODS.
      size: Height and width of the output; or None.
      factors: What height and width are multiplied by, where there is no size.
    """

    method: str
    size: tuple[int, int] | None = None
    factors: tuple[int, int] = (1, 1)


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedResize(QuantizedLayer):
    """float32[n, h, w, c] -> float32[n, h', w', c]; has no range of its own."""

    def __init__(self, resize: Mapping | Resize, **kwargs):
        super().__init__(**kwargs)
        self.resize = resize if isinstance(resize, Resize) else Resize(**resize)

    def call(self, x, input_grid=None, training=False):
        if input_grid is None:
            return self._resized(x)
        is_reference = not training and self.phase.rounding == "reference"
        resized = self._resized_by_kernel if is_reference else self._resized
        return self.average_codes(resized, x, input_grid, training), input_grid

    def _resized(self, x):
        return tf.image.resize(x, self._size(x), self.resize.method)

    def _resized_by_kernel(self, x):
        if self.resize.method == "nearest":
            return self._resized(x)
        rows, columns = (
            _weights(length, size) for length, size in zip(x.shape[1:3], self._size(x), strict=True)
        )
        # float64 holds the sums of the kernel, which counts in integers, exactly.
        y = tf.einsum("oh,pw,nhwc->nopc", rows, columns, tf.cast(x, tf.float64))
        return tf.cast(y, tf.float32)

    def _size(self, x) -> tuple[int, int]:
        if self.resize.size is not None:
            return self.resize.size
        height, width = (
            length * factor
            for length, factor in zip(x.shape[1:3], self.resize.factors, strict=True)
        )
        return height, width

    def get_config(self) -> dict:
        return {**super().get_config(), "resize": dataclasses.asdict(self.resize)}


def _weights(length: int, size: int) -> np.ndarray:
    """Returns float64[size, length]: what RESIZE_BILINEAR weighs one side of an image with."""
    scale = ((length << _BITS) + size // 2) // size
    sources = np.arange(size) * scale + scale // 2 - (1 << (_BITS - 1))
    lower = np.maximum(sources >> _BITS, 0)
    upper = np.minimum(-(-sources >> _BITS), length - 1)
    fraction = (sources - (lower << _BITS)) / 2**_BITS
    weights = np.zeros((size, length))
    np.add.at(weights, (np.arange(size), lower), 1.0 - fraction)
    np.add.at(weights, (np.arange(size), upper), fraction)
    return weights
