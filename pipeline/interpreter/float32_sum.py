"""The sum of many float32 numbers in order, every addition rounded.

Of few rows of many numbers, a loop over the numbers is slow. But as long as a running sum stays
below the next power of two, its unit in the last place is the same, and every addition adds a whole
number of units: the addend, rounded. Where the addend ends in exactly half a unit, the sum becomes
even, which takes the parity of the sum before. So the numbers up to the one that takes a sum over a
power of two are added as integers; that one is added alone.
"""

import math

import numpy as np

from pipeline.interpreter.float32 import Float32

_BITS = 24
# Exponent of a sum of nothing: whatever is added to it takes it over a power of two.
_NOTHING = np.int64(-(2**20))
# Numbers at a time: a few, so that little is done in vain where a sum crosses a power of two.
_WIDTH = 128
# In a loop, so many cost less.
_FEW = 16


def in_order(values: Float32) -> Float32:
    """Returns the sums of numbers >= 0 over the last axis, which stays."""
    *rows, columns = values.significand.shape
    if columns <= max(_FEW, math.prod(rows)):
        return _one_by_one(values)
    return _in_stretches(values)


def _one_by_one(values: Float32) -> Float32:
    result = values.at((..., slice(0, 1)))
    for index in range(1, values.significand.shape[-1]):
        result = result.plus(values.at((..., slice(index, index + 1))))
    return result


def _in_stretches(values: Float32) -> Float32:
    *rows, columns = values.significand.shape
    addends = Float32(
        values.significand.reshape(-1, columns), values.exponent.reshape(-1, columns)
    ).normalized()
    nothing = np.zeros((len(addends.significand), 1), np.int64)
    total = Float32(nothing, nothing + _NOTHING)
    for start in range(0, columns, _WIDTH):
        total = _plus_some(total, addends.at((slice(None), slice(start, start + _WIDTH))))
    return Float32(total.significand.reshape(*rows, 1), total.exponent.reshape(*rows, 1))


def _plus_some(total: Float32, addends: Float32) -> Float32:
    """Returns [rows, 1] sums, of 24 bits, after some more numbers, [rows, columns], of 24 bits."""
    columns = np.arange(addends.significand.shape[1])
    added = np.zeros_like(total.significand)  # How many columns of each row are in its sum.
    while (added < columns.size).any():
        sums = total.significand + np.cumsum(_increments(total, addends, columns >= added), axis=1)
        larger = (addends.exponent > total.exponent) & (addends.significand > 0)
        crosses = ((sums >= 2**_BITS) | larger) & (columns >= added)
        first = crosses.argmax(axis=1, keepdims=True)
        end = np.where(crosses.any(axis=1, keepdims=True), first, columns.size)
        last = np.take_along_axis(sums, np.maximum(end - 1, 0), axis=1)
        total = Float32(np.where(end > added, last, total.significand), total.exponent)
        total = total.plus(_column(addends, end)).normalized()
        added = end + 1
    return total


def _increments(total: Float32, addends: Float32, wanted: np.ndarray) -> np.ndarray:
    """Returns by how many units the sums grow with each wanted addend, if none of them crosses."""
    dropped = np.clip(total.exponent - addends.exponent, 0, _BITS + 2)
    units = np.where(wanted, addends.significand >> dropped, 0)
    rest = addends.significand - (units << dropped)
    half = (np.int64(1) << dropped) >> 1
    ties = wanted & (dropped > 0) & (rest == half)
    plain = np.where(ties, 0, units + (wanted & (dropped > 0) & (rest > half)))
    # Sums before each addend, as if ties added nothing; a tie leaves an even sum.
    before = total.significand + np.cumsum(plain, axis=1) - plain
    at_last_tie = np.maximum.accumulate(np.where(ties, before, 0), axis=1)
    at_last_tie = np.concatenate([np.zeros_like(total.significand), at_last_tie[:, :-1]], axis=1)
    odd = (before - at_last_tie + units) & 1
    return np.where(ties, units + odd, plain)


def _column(addends: Float32, index: np.ndarray) -> Float32:
    """Returns one number of each row; nothing behind the last column."""
    exists = index < addends.significand.shape[1]
    place = np.where(exists, index, 0)
    significand, exponent = (
        np.take_along_axis(part, place, axis=1) for part in (addends.significand, addends.exponent)
    )
    return Float32(np.where(exists, significand, 0), exponent)
