"""From encoded pictures to pixels: every mode, orientation and kind of damage."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.data import jpegs, pictures
from pipeline.data.archive import open_archive
from pipeline.data.input_spec import RESIZE_FILTERS, InputSpec
from pipeline.errors import DataError

_ORIENTATION = 0x0112
_RGB = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)


def _spec(channels=3, height=6, width=5, resize="bilinear"):
    return InputSpec(height, width, channels, resize)


def _encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_color_is_kept():
    content = _encoded(Image.fromarray(_RGB))
    np.testing.assert_array_equal(pictures.load_image(content, _spec()), _RGB)


def test_color_becomes_gray_by_the_stated_integers():
    gray = pictures.load_image(_encoded(Image.fromarray(_RGB)), _spec(channels=1))
    luma = (_RGB.astype(np.int64) @ np.array([19595, 38470, 7471]) + 32768) >> 16
    np.testing.assert_array_equal(gray[..., 0], luma)


def test_gray_becomes_color_by_repeating():
    gray = _RGB[..., 0]
    color = pictures.load_image(_encoded(Image.fromarray(gray)), _spec())
    np.testing.assert_array_equal(color, np.repeat(gray[..., None], 3, axis=-1))


def test_alpha_is_dropped():
    transparent = np.concatenate([_RGB, np.zeros_like(_RGB[..., :1])], axis=-1)
    content = _encoded(Image.fromarray(transparent))
    np.testing.assert_array_equal(pictures.load_image(content, _spec()), _RGB)


def test_a_palette_is_looked_up():
    image = Image.fromarray(_RGB // 128 * 255).quantize(8)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(pictures.load_image(_encoded(image), _spec()), expected)


def test_inks_become_color():
    image = Image.new("CMYK", (5, 6), (0, 255, 255, 0))
    pixels = pictures.load_image(_encoded(image, "TIFF"), _spec())
    np.testing.assert_array_equal(pixels, np.broadcast_to([255, 0, 0], (6, 5, 3)))


def test_16_bits_keep_the_high_byte():
    samples = np.array([[0, 255, 256, 0x1234, 0xFFFF]], np.uint16)
    pixels = pictures.load_image(_encoded(Image.fromarray(samples)), _spec(1, 1, 5))
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 0, 1, 0x12, 0xFF])


def test_32_bit_samples_are_refused():
    image = Image.fromarray(np.zeros((6, 5), np.float32))
    with pytest.raises(DataError, match="32-bit"):
        pictures.load_image(_encoded(image, "TIFF"), _spec())


# How a stored picture has to be turned to stand upright, by its EXIF orientation.
_UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", _UPRIGHT)
def test_orientation_is_honoured(orientation):
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    content = _encoded(Image.fromarray(_RGB), exif=exif)
    expected = _UPRIGHT[orientation](_RGB)
    spec = _spec(height=expected.shape[0], width=expected.shape[1])
    np.testing.assert_array_equal(pictures.load_image(content, spec), expected)


def test_halving_averages_and_rounds_ties_up():
    samples = np.array([[0, 1, 1, 1, 2, 3]], np.uint8)
    content = _encoded(Image.fromarray(samples))
    pixels = pictures.load_image(content, _spec(1, 1, 3, "area"))
    np.testing.assert_array_equal(pixels[0, :, 0], [1, 1, 3])


@pytest.mark.parametrize("resize", RESIZE_FILTERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_gives_the_shape_and_keeps_a_flat_color(resize, channels):
    content = _encoded(Image.new("RGB", (31, 17), (200, 200, 200)))
    spec = _spec(channels, 8, 12, resize)
    pixels = pictures.load_image(content, spec)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.full(spec.shape, 200))


@pytest.mark.parametrize("source_channels", [1, 3])
def test_arrays_take_the_same_way_as_files(source_channels):
    arrays = np.random.default_rng(1).integers(0, 256, (3, 9, 7, source_channels), np.uint8)
    images = [
        Image.fromarray(array.squeeze(-1) if source_channels == 1 else array) for array in arrays
    ]
    for channels in (1, 3):
        spec = _spec(channels)
        expected = [pictures.load_image(_encoded(image), spec) for image in images]
        np.testing.assert_array_equal(pictures.fit_arrays(arrays, spec), expected)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("keep", [0, 10, 0.6])
def test_a_cut_file_is_refused(kind, keep):
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    content = _encoded(Image.fromarray(noise), kind)
    cut = content[: keep if keep > 1 else int(keep * len(content))]
    with pytest.raises(DataError, match="does not decode"):
        pictures.load_image(cut, _spec())


def test_a_path_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.png"):
        pictures.load_image(tmp_path / "absent.png", _spec())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png.*does not decode"):
        pictures.load_image(tmp_path / "broken.png", _spec())


def _jpegs(count, **options):
    noise = np.random.default_rng(3).integers(0, 256, (count, 16, 24, 3), np.uint8)
    return [_encoded(Image.fromarray(pixels), "JPEG", **options) for pixels in noise]


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [30, 95])
def test_jpegs_in_one_call_have_the_same_pixels(quality, subsampling):
    contents = _jpegs(8, quality=quality, subsampling=subsampling)
    expected = [pictures.load_image(content, _spec(3, 16, 24)) for content in contents]
    np.testing.assert_array_equal(jpegs.decode(contents), expected)


def test_gray_jpegs_in_one_call():
    content = _encoded(Image.fromarray(_RGB[..., 0]), "JPEG")
    np.testing.assert_array_equal(jpegs.decode([content])[0], pictures.load_image(content, _spec()))


def test_odd_jpegs_take_the_slow_way():
    plain = _jpegs(1)[0]
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    odd = [
        plain[: len(plain) // 2],
        _encoded(Image.fromarray(_RGB)),
        _encoded(Image.fromarray(_RGB), "JPEG"),  # of another size
        _encoded(Image.new("CMYK", (24, 16)), "JPEG"),
        _jpegs(1, exif=exif)[0],
        b"",
    ]
    assert jpegs.decode([plain]) is not None
    for content in odd:
        assert jpegs.decode([plain, content]) is None


def test_real_jpegs_in_one_call(shared_dir):
    archive = open_archive(shared_dir / "data" / "cifar10.zip")
    contents = [archive.read(name) for name in archive.files[::997]]
    expected = [pictures.load_image(content, _spec(3, 32, 32)) for content in contents]
    np.testing.assert_array_equal(jpegs.decode(contents), expected)
