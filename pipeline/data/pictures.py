"""Encoded pictures (JPEG, PNG, ...) to uint8 pixels at an InputSpec's size, in one way everywhere.

What is decided here:
  * The EXIF orientation is honoured: pixels come out upright, as a viewer shows the picture.
  * Color pictures become gray by Pillow's luma, (19595 R + 38470 G + 7471 B + 32768) >> 16, and
    gray ones become color by repeating the channel.
  * Alpha and color profiles are dropped, CMYK and palettes go through Pillow's conversion.
  * 16-bit samples keep their high byte.
  * Of an animation the first frame counts.
  * The whole picture (or a given box of it) is stretched to the size; nothing is cropped silently.
"""

import io
import os
import pathlib

import numpy as np
from PIL import Image, ImageOps

from pipeline.data.input_spec import RESIZE_FILTERS, InputSpec
from pipeline.errors import DataError

# Pixels left, top, right, bottom; right and bottom are exclusive.
Box = tuple[float, float, float, float]

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)

_MODES = {1: "L", 3: "RGB"}


def load_image(source: os.PathLike[str] | str | bytes, spec: InputSpec) -> np.ndarray:
    """Returns uint8[height, width, channels] of one picture: a file's path or its content.

    Raises:
      DataError: The file cannot be read or does not decode.
    """
    if isinstance(source, bytes):
        return fit(decode(source), spec)
    path = pathlib.Path(source)
    try:
        return fit(decode(path.read_bytes()), spec)
    except OSError as error:
        raise DataError(f"cannot read picture {path}: {error.strerror}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def decode(content: bytes) -> Image.Image:
    """Returns the picture, upright, with 8-bit samples.

    Raises:
      DataError: The content is no picture, is cut off, or has samples of no fixed range.
    """
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
        image = ImageOps.exif_transpose(image)
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        raise DataError(f"does not decode as a picture ({error})") from error
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError(
            f"has 32-bit samples (mode {image.mode}), whose range is not defined; save it with "
            "8 or 16 bits a sample"
        )
    return image


def fit(image: Image.Image, spec: InputSpec, box: Box | None = None) -> np.ndarray:
    """Returns uint8[height, width, channels]: `box` of the image (None: all of it), resized."""
    image = image.convert(_MODES[spec.channels])
    if box is not None or image.size != (spec.width, spec.height):
        image = image.resize((spec.width, spec.height), RESIZE_FILTERS[spec.resize], box=box)
    return np.asarray(image).reshape(spec.shape)


def fit_arrays(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Returns uint8[N, height, width, channels] of decoded pictures, uint8[N, h, w, c].

    c is 1 or 3.
    """
    if pixels.shape[1:] == spec.shape:
        return pixels
    if pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    return np.stack([fit(Image.fromarray(picture), spec) for picture in pixels])
