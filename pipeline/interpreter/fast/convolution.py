"""CONV_2D and FULLY_CONNECTED as a product of matrices: windows x depth by depth x channels.

Windows are copied, a few at a time, to rows of scratch memory, as codes + 128; a bias that knows
the sum of each channel's weights takes the 128 back, together with the input's zero point:

  sum of weight * (code - zero_point)
      = sum of weight * (code + 128) - (zero_point + 128) * (sum of weights)

Weights have no zero point: it is subtracted when the op is prepared. Two kernels do the same with
the two forms of dot(); that of bytes takes weights of 8 bits only.
"""

import dataclasses
from typing import Any

import numpy as np

from pipeline.interpreter import filtered
from pipeline.interpreter.fast import int8, rounding, simd
from pipeline.interpreter.fast.command import (
    OUTPUT,
    SCRATCH,
    SLACK_BYTES,
    Command,
    aligned,
    record,
)
from pipeline.interpreter.fast.compiled import Kernel, compiled, view
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.window import Window

_CODE_OFFSET = 128  # Codes + 128 are unsigned.
_ROW_BYTES_AT_ONCE = 2**17  # Rows that stay in the second-level cache while channels pass by.
_BYTES_PER_UNIT = 4
_TOTALS_BYTES = simd.MAX_TILE * 64  # Of scratch memory; the windows lie behind them.

_RECORD = np.dtype(
    [
        ("input", "i8"),
        ("output", "i8"),
        ("weights", "i8"),
        ("bias", "i8"),
        ("num_images", "i8"),
        ("input_height", "i8"),
        ("input_width", "i8"),
        ("depth", "i8"),
        ("output_height", "i8"),
        ("output_width", "i8"),
        ("channels", "i8"),
        ("num_units", "i8"),
        ("filter_height", "i8"),
        ("filter_width", "i8"),
        ("stride_height", "i8"),
        ("stride_width", "i8"),
        ("dilation_height", "i8"),
        ("dilation_width", "i8"),
        ("padding_top", "i8"),
        ("padding_left", "i8"),
        ("padding_code", "i8"),
        ("is_pointwise", "i8"),
        ("rows_at_once", "i8"),
        *rounding.FIELDS,
    ]
)


@dataclasses.dataclass(frozen=True, eq=False)
class Constants:
    """What an op with a filter multiplies with and adds, as compiled memory has codes.

    Attributes:
      input_zero_point: Of the data.
      filters: int16, weights less their zero point.
      bias: int32[channels].
      output: The last step.
    """

    input_zero_point: int
    filters: np.ndarray
    bias: np.ndarray
    output: OutputStage

    @property
    def fit_bytes(self) -> bool:
        """Whether the CPU multiplies bytes, and the weights are such."""
        limits = np.iinfo(np.int8)
        fit = limits.min <= self.filters.min() and self.filters.max() <= limits.max
        return simd.HAS_VNNI and bool(fit)

    def bound(self, num_taps: int) -> int:
        """Returns what no accumulator of so many products exceeds in magnitude."""
        largest = int(np.abs(self.filters).max())
        return 255 * num_taps * largest + int(np.abs(self.bias.astype(np.int64)).max())

    def folded_bias(self, filters: np.ndarray) -> np.ndarray:
        """Returns int32, padded to whole blocks: the bias where data are codes + 128.

        Args:
          filters: The same weights as [channels, taps].
        """
        channels, sums = len(filters), filters.sum(axis=1, dtype=np.int64)
        folded = np.zeros(-(-channels // simd.NUM_LANES) * simd.NUM_LANES, np.int64)
        folded[:channels] = self.bias - (self.input_zero_point + _CODE_OFFSET) * sums
        return aligned(folded.astype(np.int32))  # Wraps, as accumulators do.


def constants(context: OpContext, params: filtered.Params) -> Constants | None:
    """Returns the constants of an op; None unless it has them, and data of 8 bits."""
    input_, filter_, bias = context.input(0), context.input(1), context.optional_input(2)
    offsets = np.zeros(context.output.shape[-1], np.int32) if bias is None else bias.data
    if input_.dtype not in int8.TYPES or filter_.data is None or offsets is None:
        return None
    return Constants(
        int8.zero_point(input_, params.input_zero_point),
        filter_.data.astype(np.int16) - np.int16(params.filter_zero_point),
        offsets,
        params.output,
    )


def prepare(
    constants: Constants, window: Window, image: tuple[int, ...], generic: bool
) -> Command | None:
    """Returns the command of a convolution, or None where it does not apply.

    Args:
      constants: Of the op; filters are [channels, height, width, depth].
      window: How the filter slides.
      image: The input's shape, [batch, height, width, depth].
      generic: Whether to do without VNNI instructions.
    """
    channels, filter_height, filter_width, depth = constants.filters.shape
    filters = constants.filters.reshape(channels, -1)
    size = filters.shape[1]
    stage = rounding.prepare(constants.output, channels, constants.bound(size))
    if stage is None:
        return None
    height, width = window.height, window.width
    uses_bytes = constants.fit_bytes and not generic
    codes_per_unit = _BYTES_PER_UNIT if uses_bytes else _BYTES_PER_UNIT // 2
    num_units = -(-size // codes_per_unit)
    row_bytes = num_units * _BYTES_PER_UNIT
    num_rows = height.count * width.count
    rows_at_once = min(max(_ROW_BYTES_AT_ONCE // row_bytes, 1), num_rows)
    if rows_at_once > simd.TILE_ROWS:
        rows_at_once -= rows_at_once % simd.TILE_ROWS
    weights = pack(filters, uses_bytes)
    folded = constants.folded_bias(filters)
    made = record(
        _RECORD,
        weights=weights.ctypes.data,
        bias=folded.ctypes.data,
        num_images=image[0],
        input_height=image[1],
        input_width=image[2],
        depth=depth,
        output_height=height.count,
        output_width=width.count,
        channels=channels,
        num_units=num_units,
        filter_height=filter_height,
        filter_width=filter_width,
        stride_height=height.stride,
        stride_width=width.stride,
        dilation_height=height.dilation,
        dilation_width=width.dilation,
        padding_top=height.padding[0],
        padding_left=width.padding[0],
        padding_code=constants.input_zero_point,
        # Then rows of scratch memory follow each other as they do in the image.
        is_pointwise=filter_height * filter_width * height.stride * width.stride == 1
        and depth % codes_per_unit == 0
        and not any(height.padding + width.padding),
        rows_at_once=rows_at_once,
        **stage.fields,
    )
    scratch = _TOTALS_BYTES + rows_at_once * row_bytes + SLACK_BYTES
    run = convolve_bytes if uses_bytes else convolve_pairs
    slots = {"input": 0, "output": OUTPUT}
    return Command(run.address, made, slots, (weights, folded, stage.table), scratch)


def pack(filters: np.ndarray, uses_bytes: bool) -> np.ndarray:
    """Returns [blocks, units, 16 channels, weights of a unit] of filters[channels, size]."""
    per_unit, dtype = (4, np.int8) if uses_bytes else (2, np.int16)
    channels, size = filters.shape
    blocks, units = -(-channels // simd.NUM_LANES), -(-size // per_unit)
    padded = np.zeros((blocks * simd.NUM_LANES, units * per_unit), dtype)
    padded[:channels, :size] = filters
    parts = padded.reshape(blocks, simd.NUM_LANES, units, per_unit)
    return aligned(parts.transpose(0, 2, 1, 3))


@compiled
def copy_as_bytes(target, source, count):
    """Writes `count` codes + 128 as bytes; up to 63 more bytes are touched."""
    start = 0
    while count - start > 16:
        simd.copy_64_as_bytes(target + start, source + start)
        start += 64
    if start < count:
        simd.copy_16_as_bytes(target + start, source + start)


@compiled
def copy_as_pairs(target, source, count):
    """Writes `count` codes + 128 as 16-bit integers; up to 62 more bytes are touched."""
    start = 0
    while count - start > 16:
        simd.copy_32_as_pairs(target + 2 * start, source + start)
        start += 32
    if start < count:
        simd.copy_16_as_pairs(target + 2 * start, source + start)


@compiled
def _fill(target, code, count):
    values = view(target, count, np.uint8)
    for index in range(count):
        values[index] = code + _CODE_OFFSET


@compiled
def _fill_pairs(target, code, count):
    values = view(target, count, np.int16)
    for index in range(count):
        values[index] = code + _CODE_OFFSET


def _define(name: str, copy: Any, fill: Any, code_bytes: int, product: Any) -> Kernel:
    """Returns the kernel for one form of dot(): how codes are copied, and how multiplied."""

    @compiled
    def copy_window(p, image, top, left, target):
        """Copies one window, taps outside the image as the zero point; targets only grow."""
        line_bytes = p.input_width * p.depth
        tap_bytes = p.depth * code_bytes
        bottom = top + (p.filter_height - 1) * p.dilation_height
        right = left + p.filter_width - 1
        if (
            p.dilation_width == 1
            and min(top, left) >= 0
            and bottom < p.input_height
            and right < p.input_width
        ):
            source = image + top * line_bytes + left * p.depth
            for _ in range(p.filter_height):
                copy(target, source, p.filter_width * p.depth)
                target += p.filter_width * tap_bytes
                source += p.dilation_height * line_bytes
            return
        for i in range(p.filter_height):
            y = top + i * p.dilation_height
            if y < 0 or y >= p.input_height:
                fill(target, p.padding_code, p.filter_width * p.depth)
            elif p.dilation_width == 1:
                before = min(max(-left, 0), p.filter_width)
                after = max(min(p.filter_width, p.input_width - left), before)
                fill(target, p.padding_code, before * p.depth)
                source = image + y * line_bytes + (left + before) * p.depth
                copy(target + before * tap_bytes, source, (after - before) * p.depth)
                fill(target + after * tap_bytes, p.padding_code, (p.filter_width - after) * p.depth)
            else:
                for j in range(p.filter_width):
                    x = left + j * p.dilation_width
                    if x < 0 or x >= p.input_width:
                        fill(target + j * tap_bytes, p.padding_code, p.depth)
                    else:
                        source = image + y * line_bytes + x * p.depth
                        copy(target + j * tap_bytes, source, p.depth)
            target += p.filter_width * tap_bytes

    @compiled
    def copy_rows(p, image, first, count, target):
        if p.is_pointwise:
            copy(target, image + first * p.depth, count * p.depth)
            return
        y, x = first // p.output_width, first % p.output_width
        for _ in range(count):
            top = y * p.stride_height - p.padding_top
            left = x * p.stride_width - p.padding_left
            copy_window(p, image, top, left, target)
            target += p.num_units * _BYTES_PER_UNIT
            x += 1
            if x == p.output_width:
                x, y = 0, y + 1

    @compiled
    def multiply(p, rows, first, count, begin, end, totals, target):
        """Computes the channels of blocks begin to end for `count` rows of windows."""
        row_bytes, block_bytes = p.num_units * _BYTES_PER_UNIT, p.num_units * 64
        row = 0
        while row < count:
            height, width = simd.TILE_ROWS, simd.TILE_BLOCKS
            if count - row < height:
                height = simd.FEW_ROWS
            if count - row < height:
                height, width = 1, simd.ROW_BLOCKS
            block = begin
            while block < end:
                if end - block < width:
                    width = 1
                data, weights = rows + row * row_bytes, p.weights + block * block_bytes
                bias = p.bias + block * 64
                product(
                    height, width, data, row_bytes, weights, block_bytes, p.num_units, bias, totals
                )
                for index in range(width):
                    channel = (block + index) * simd.NUM_LANES
                    rounding.requantize(
                        p,
                        block + index,
                        totals + index * height * 64,
                        height,
                        target + (first + row) * p.channels + channel,
                        p.channels,
                        min(simd.NUM_LANES, p.channels - channel),
                    )
                block += width
            row += height

    def convolve(record_address: int, values_address: int) -> None:
        p = view(record_address, 1, _RECORD)[0]
        values = view(values_address, max(p.input, p.output) + 1, np.int64)
        totals, target = values[SCRATCH], values[p.output]
        rows = totals + _TOTALS_BYTES
        num_rows = p.output_height * p.output_width
        num_blocks = (p.channels + simd.NUM_LANES - 1) // simd.NUM_LANES
        for image_index in range(p.num_images):
            image = values[p.input] + image_index * p.input_height * p.input_width * p.depth
            for first in range(0, num_rows, p.rows_at_once):
                count = min(p.rows_at_once, num_rows - first)
                copy_rows(p, image, first, count, rows)
                for block in range(0, num_blocks, simd.ROW_BLOCKS):
                    end = min(block + simd.ROW_BLOCKS, num_blocks)
                    multiply(p, rows, first, count, block, end, totals, target)
            target += num_rows * p.channels

    return Kernel(convolve, name)


convolve_bytes = _define("convolve_bytes", copy_as_bytes, _fill, 1, simd.bytes_product)
convolve_pairs = _define("convolve_pairs", copy_as_pairs, _fill_pairs, 2, simd.pairs_product)
