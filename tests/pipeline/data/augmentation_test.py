"""Augmented batches against slicing, picture by picture."""

import numpy as np
import pytest

from pipeline.data import augmentation
from pipeline.legacy_keras import tf

_SHIFT = 2
_SIZE = 8 * _SHIFT
_PIXELS = np.random.default_rng(0).integers(0, 256, (64, _SIZE, _SIZE, 3), np.uint8)


def _run(function, seed=(1, 2), pixels=_PIXELS):
    return function(tf.constant(pixels), tf.constant(seed, tf.int64)).numpy()


def _variants(picture, mode, flips):
    """Returns {(row shift, column shift, flipped): picture} of everything that may come out."""
    padded = np.pad(picture, [(_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)], mode)
    shifted = {
        (row, column): padded[row : row + _SIZE, column : column + _SIZE]
        for row in range(2 * _SHIFT + 1)
        for column in range(2 * _SHIFT + 1)
    }
    return {
        (*key, flip): value[:, ::-1] if flip else value
        for key, value in shifted.items()
        for flip in flips
    }


@pytest.mark.parametrize(
    ("function", "mode", "flips"),
    [
        (augmentation.shift_and_flip, "reflect", (False, True)),
        (augmentation.shift, "constant", (False,)),
    ],
)
def test_every_picture_is_one_of_its_variants_and_all_shifts_occur(function, mode, flips):
    seen = set()
    for before, after in zip(_PIXELS, _run(function), strict=True):
        matches = [
            key
            for key, variant in _variants(before, mode, flips).items()
            if np.array_equal(variant, after)
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    rows, columns, flipped = (set(values) for values in zip(*seen, strict=True))
    assert rows == columns == set(range(2 * _SHIFT + 1))
    assert flipped == set(flips)


def test_flip_flips_about_half():
    after = _run(augmentation.flip)
    flipped = [np.array_equal(a, b[:, ::-1]) for a, b in zip(after, _PIXELS, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(after, _PIXELS, strict=True)]
    assert np.logical_xor(flipped, kept).all()
    assert 16 <= sum(flipped) <= 48


@pytest.mark.parametrize(
    "function", [augmentation.shift_and_flip, augmentation.shift, augmentation.flip]
)
def test_equal_seeds_give_equal_pictures(function):
    np.testing.assert_array_equal(_run(function), _run(function))
    assert not np.array_equal(_run(function), _run(function, (1, 3)))
    assert not np.array_equal(_run(function), _run(function, (2, 2)))


def test_no_global_random_state_is_involved():
    tf.random.set_seed(1)
    first = _run(augmentation.shift_and_flip)
    tf.random.set_seed(2)
    np.testing.assert_array_equal(first, _run(augmentation.shift_and_flip))


def test_tiny_pictures_stay_in_place():
    pixels = _PIXELS[:, :7, :5]
    np.testing.assert_array_equal(_run(augmentation.shift, pixels=pixels), pixels)
