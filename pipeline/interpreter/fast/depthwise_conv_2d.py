"""DEPTHWISE_CONV_2D of 8 bits.

Four taps that lie above each other make one unit of dot(): of 16 channels, the codes + 128 of four
rows become the four bytes of 16 lanes (`_column`). Neighbouring outputs of a 3x3 filter share
columns, so that each is put together once. Rows outside the image, and those that fill up a unit,
are a row of zero points; their taps may then stay in the sum.

Where each input channel has several outputs, only images of one channel are taken: that is a plain
convolution.
"""

import dataclasses
from typing import Any

import numpy as np

from pipeline.interpreter.fast import NumpyOp, convolution, rounding, simd
from pipeline.interpreter.fast.command import (
    OUTPUT,
    SCRATCH,
    SLACK_BYTES,
    Command,
    aligned,
    record,
)
from pipeline.interpreter.fast.compiled import Kernel, compiled, view
from pipeline.interpreter.kernels import depthwise_conv_2d
from pipeline.interpreter.window import Window

_ROWS_PER_UNIT = 4

_RECORD = np.dtype(
    [
        ("input", "i8"),
        ("output", "i8"),
        ("weights", "i8"),
        ("bias", "i8"),
        ("num_images", "i8"),
        ("input_height", "i8"),
        ("input_width", "i8"),
        ("channels", "i8"),
        ("output_height", "i8"),
        ("output_width", "i8"),
        ("num_groups", "i8"),
        ("filter_height", "i8"),
        ("filter_width", "i8"),
        ("stride_height", "i8"),
        ("stride_width", "i8"),
        ("dilation_height", "i8"),
        ("dilation_width", "i8"),
        ("padding_top", "i8"),
        ("padding_left", "i8"),
        ("input_zero_point", "i8"),
        ("totals_bytes", "i8"),
        *rounding.FIELDS,
    ]
)


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless filter and bias are constants and data has 8 bits."""
    params: depthwise_conv_2d.Params = op.params
    constants = convolution.constants(op.context, params.convolution)
    if constants is None:
        return None
    window, image = params.convolution.window, op.context.input(0).shape
    if params.depth_multiplier == 1:
        return _prepare(constants, window, image, op.generic)
    if image[3] == 1:
        filters = constants.filters.transpose(3, 1, 2, 0)
        transposed = dataclasses.replace(constants, filters=filters)
        return convolution.prepare(transposed, window, image, op.generic)
    return None


def _prepare(
    constants: convolution.Constants, window: Window, image: tuple[int, ...], generic: bool
) -> Command | None:
    filter_height, filter_width, channels = constants.filters.shape[1:]
    bound = constants.bound(filter_height * filter_width)
    stage = rounding.prepare(constants.output, channels, bound)
    if stage is None:
        return None
    height, width = window.height, window.width
    uses_bytes = constants.fit_bytes and not generic
    weights = _pack(constants.filters[0], uses_bytes)
    folded = constants.folded_bias(constants.filters.reshape(-1, channels).T)
    num_groups = -(-filter_height // _ROWS_PER_UNIT)
    row_bytes = image[2] * channels + SLACK_BYTES
    totals_bytes = width.count * 64
    made = record(
        _RECORD,
        weights=weights.ctypes.data,
        bias=folded.ctypes.data,
        num_images=image[0],
        input_height=image[1],
        input_width=image[2],
        channels=channels,
        output_height=height.count,
        output_width=width.count,
        num_groups=num_groups,
        filter_height=filter_height,
        filter_width=filter_width,
        stride_height=height.stride,
        stride_width=width.stride,
        dilation_height=height.dilation,
        dilation_width=width.dilation,
        padding_top=height.padding[0],
        padding_left=width.padding[0],
        input_zero_point=constants.input_zero_point,
        totals_bytes=totals_bytes,
        **stage.fields,
    )
    scratch = totals_bytes + num_groups * _ROWS_PER_UNIT * 8 + row_bytes
    run = convolve_bytes if uses_bytes else convolve_pairs
    slots = {"input": 0, "output": OUTPUT}
    return Command(run.address, made, slots, (weights, folded, stage.table), scratch)


def _pack(filter_: np.ndarray, uses_bytes: bool) -> np.ndarray:
    """Returns units [blocks, width, groups, ...] of filters[height, width, channels]."""
    height, width, channels = filter_.shape
    groups, blocks = -(-height // _ROWS_PER_UNIT), -(-channels // simd.NUM_LANES)
    padded = np.zeros((groups * _ROWS_PER_UNIT, width, blocks * simd.NUM_LANES), np.int16)
    padded[:height, :, :channels] = filter_
    parts = padded.reshape(groups, _ROWS_PER_UNIT, width, blocks, simd.NUM_LANES)
    units = parts.transpose(3, 2, 0, 4, 1)  # [blocks, width, groups, 16, 4]
    if uses_bytes:
        return aligned(units.astype(np.int8))
    # Taps 0 and 2 of all lanes, then 1 and 3: see _dot_split.
    return aligned(np.stack([units[..., ::2], units[..., 1::2]], axis=3))


@compiled
def _column(rows, offset):
    """Returns 16 lanes of four bytes: codes + 128 of four rows, at one offset from their begin."""
    first = simd.load_bytes(rows[0] + offset)
    second = simd.shift_left(simd.load_bytes(rows[1] + offset), simd.splat(8))
    third = simd.shift_left(simd.load_bytes(rows[2] + offset), simd.splat(16))
    fourth = simd.shift_left(simd.load_bytes(rows[3] + offset), simd.splat(24))
    return ((first | second) | (third | fourth)) ^ simd.splat(0x80808080)


@compiled
def _column_of_three(rows, offset):
    """As _column, of three rows; the fourth counts nothing."""
    first = simd.load_bytes(rows[0] + offset)
    second = simd.shift_left(simd.load_bytes(rows[1] + offset), simd.splat(8))
    third = simd.shift_left(simd.load_bytes(rows[2] + offset), simd.splat(16))
    return ((first | second) | third) ^ simd.splat(0x80808080)


@compiled
def _dot_bytes(total, column, weights):
    return simd.dot_bytes(total, column, simd.load_ints(weights))


@compiled
def _dot_split(total, column, weights):
    """Multiplies bytes as pairs of 16-bit integers."""
    low_bytes = simd.splat(0x00FF00FF)
    even = simd.and_ints(column, low_bytes)
    odd = simd.and_ints(simd.shift_right_logical(column, simd.splat(8)), low_bytes)
    total = simd.dot_pairs(total, even, simd.load_ints(weights))
    return simd.dot_pairs(total, odd, simd.load_ints(weights + 64))


@compiled
def _place_rows(p, image, top, padding_row, rows):
    """Writes where the rows begin that windows of one output row touch."""
    row_bytes = p.input_width * p.channels
    for index in range(p.num_groups * _ROWS_PER_UNIT):
        y = top + index * p.dilation_height
        inside = index < p.filter_height and 0 <= y < p.input_height
        rows[index] = image + y * row_bytes if inside else padding_row


def _define(name: str, dot: Any, unit_bytes: int) -> Kernel:
    """Returns the kernel for one form of dot()."""

    @compiled
    def any_filter(p, rows, channel, outside, weights, bias, totals):
        """Writes int32 totals[output_width, 16] of 16 channels of one output row."""
        for x in range(p.output_width):
            total = bias
            left = x * p.stride_width - p.padding_left
            place = weights
            for j in range(p.filter_width):
                column_x = left + j * p.dilation_width
                offset = column_x * p.channels + channel
                for group in range(p.num_groups):
                    column = outside
                    if 0 <= column_x < p.input_width:
                        column = _column(rows[_ROWS_PER_UNIT * group :], offset)
                    total = dot(total, column, place)
                    place += unit_bytes
            simd.store_ints(totals + 64 * x, total)

    @compiled
    def column_at(p, rows, channel, outside, x):
        if 0 <= x < p.input_width:
            return _column_of_three(rows, x * p.channels + channel)
        return outside

    @compiled
    def three_by_three(p, rows, channel, outside, weights, bias, totals):
        """As any_filter, of 3x3 filters without dilation and strides of 1 or 2."""
        x = -p.padding_left
        first = column_at(p, rows, channel, outside, x)
        if p.stride_width == 1:
            second = column_at(p, rows, channel, outside, x + 1)
            for index in range(p.output_width):
                third = column_at(p, rows, channel, outside, x + index + 2)
                total = dot(bias, first, weights)
                total = dot(total, second, weights + unit_bytes)
                total = dot(total, third, weights + 2 * unit_bytes)
                simd.store_ints(totals + 64 * index, total)
                first, second = second, third
        else:
            for index in range(p.output_width):
                second = column_at(p, rows, channel, outside, x + 2 * index + 1)
                third = column_at(p, rows, channel, outside, x + 2 * index + 2)
                total = dot(bias, first, weights)
                total = dot(total, second, weights + unit_bytes)
                total = dot(total, third, weights + 2 * unit_bytes)
                simd.store_ints(totals + 64 * index, total)
                first = third

    def convolve(record_address: int, values_address: int) -> None:
        p = view(record_address, 1, _RECORD)[0]
        values = view(values_address, max(p.input, p.output) + 1, np.int64)
        totals, target = values[SCRATCH], values[p.output]
        num_rows = p.num_groups * _ROWS_PER_UNIT
        rows = view(totals + p.totals_bytes, num_rows, np.int64)
        padding_row = totals + p.totals_bytes + 8 * num_rows
        row_bytes = p.input_width * p.channels
        codes = view(padding_row, row_bytes, np.int8)
        for index in range(row_bytes):
            codes[index] = p.input_zero_point
        outside = simd.splat((p.input_zero_point + 128) * 0x01010101)
        is_simple = (
            p.filter_height == 3
            and p.filter_width == 3
            and p.dilation_width == 1
            and p.stride_width <= 2
        )
        for image in range(p.num_images):
            source = values[p.input] + image * p.input_height * row_bytes
            for y in range(p.output_height):
                top = y * p.stride_height - p.padding_top
                _place_rows(p, source, top, padding_row, rows)
                for channel in range(0, p.channels, simd.NUM_LANES):
                    block = channel // simd.NUM_LANES
                    units = block * p.filter_width * p.num_groups
                    weights = p.weights + units * unit_bytes
                    bias = simd.load_ints(p.bias + 64 * block)
                    if is_simple:
                        three_by_three(p, rows, channel, outside, weights, bias, totals)
                    else:
                        any_filter(p, rows, channel, outside, weights, bias, totals)
                    rounding.requantize(
                        p,
                        block,
                        totals,
                        p.output_width,
                        target + channel,
                        p.channels,
                        min(simd.NUM_LANES, p.channels - channel),
                    )
                target += p.output_width * p.channels

    return Kernel(convolve, name)


convolve_bytes = _define("depthwise_bytes", _dot_bytes, 64)
convolve_pairs = _define("depthwise_pairs", _dot_split, 128)
