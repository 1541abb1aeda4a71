"""AVERAGE_POOL_2D and MAX_POOL_2D of 8 bits."""

from typing import Any

import numpy as np

from pipeline.interpreter import pool
from pipeline.interpreter.fast import NumpyOp, int8, simd
from pipeline.interpreter.fast.command import OUTPUT, SCRATCH, Command, record
from pipeline.interpreter.fast.compiled import Kernel, compiled, view
from pipeline.interpreter.kernels import average_pool_2d

# (code + n / 2) / n by a product with 2**32 / n is exact up to this n.
_MAX_TAPS = 4096

_RECORD = np.dtype(
    [
        ("input", "i8"),
        ("output", "i8"),
        ("num_images", "i8"),
        ("input_height", "i8"),
        ("input_width", "i8"),
        ("channels", "i8"),
        ("output_height", "i8"),
        ("output_width", "i8"),
        ("filter_height", "i8"),
        ("filter_width", "i8"),
        ("stride_height", "i8"),
        ("stride_width", "i8"),
        ("padding_top", "i8"),
        ("padding_left", "i8"),
        ("code_offset", "i8"),
        ("activation_min", "i8"),
        ("activation_max", "i8"),
    ]
)


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless all has 8 bits."""
    params = op.params
    is_average = isinstance(params, average_pool_2d.Params)
    shared: pool.Params = params.pool if is_average else params
    if int8.dtypes(op.context) != ("int8", "int8"):
        return None
    height, width = shared.window.height, shared.window.width
    if height.size * width.size > _MAX_TAPS:
        return None
    batch, input_height, input_width, channels = op.context.input(0).shape
    code_offset = int8.offset(op.context.output.dtype)
    made = record(
        _RECORD,
        num_images=batch,
        input_height=input_height,
        input_width=input_width,
        channels=channels,
        output_height=height.count,
        output_width=width.count,
        filter_height=height.size,
        filter_width=width.size,
        stride_height=height.stride,
        stride_width=width.stride,
        padding_top=height.padding[0],
        padding_left=width.padding[0],
        code_offset=code_offset,
        activation_min=shared.activation_min - code_offset,
        activation_max=shared.activation_max - code_offset,
    )
    run = average if is_average else largest
    slots = {"input": 0, "output": OUTPUT}
    return Command(run.address, made, slots, scratch_bytes=4 * channels)


@compiled
def _inside(start, taps, size):
    """Returns the first tap inside the image, and the first behind it."""
    return max(-start, 0), max(min(taps, size - start), 0)


@compiled
def _largest_of(p, image, top, left, _, target):
    first_row, last_row = _inside(top, p.filter_height, p.input_height)
    first_column, last_column = _inside(left, p.filter_width, p.input_width)
    line_bytes = p.input_width * p.channels
    corner = image + (top + first_row) * line_bytes + (left + first_column) * p.channels
    smallest, largest = simd.splat(p.activation_min), simd.splat(p.activation_max)
    for channel in range(0, p.channels, simd.NUM_LANES):
        codes = simd.splat(-128)
        for i in range(last_row - first_row):
            place = corner + i * line_bytes + channel
            for _ in range(last_column - first_column):
                codes = simd.maximum(codes, simd.load_codes(place))
                place += p.channels
        codes = simd.minimum(simd.maximum(codes, smallest), largest)
        if p.channels - channel >= simd.NUM_LANES:
            simd.store_codes(target + channel, codes)
        else:
            simd.store_some_codes(target + channel, codes, p.channels - channel)


@compiled
def _average_of(p, image, top, left, scratch, target):
    first_row, last_row = _inside(top, p.filter_height, p.input_height)
    first_column, last_column = _inside(left, p.filter_width, p.input_width)
    totals = view(scratch, p.channels, np.int32)
    for channel in range(p.channels):
        totals[channel] = 0
    for i in range(first_row, last_row):
        for j in range(first_column, last_column):
            tap = ((top + i) * p.input_width + left + j) * p.channels
            taps = view(image + tap, p.channels, np.int8)
            for channel in range(p.channels):
                totals[channel] += taps[channel]
    num_taps = (last_row - first_row) * (last_column - first_column)
    reciprocal = 2**32 // num_taps + 1
    codes = view(target, p.channels, np.int8)
    for channel in range(p.channels):
        total = np.int64(totals[channel]) + num_taps * p.code_offset
        magnitude = ((abs(total) + num_taps // 2) * reciprocal) >> 32
        mean = (-magnitude if total < 0 else magnitude) - p.code_offset
        codes[channel] = min(max(mean, p.activation_min), p.activation_max)


def _define(name: str, pool_window: Any) -> Kernel:
    """Returns the kernel of one kind of pool."""

    def run(record_address: int, values_address: int) -> None:
        p = view(record_address, 1, _RECORD)[0]
        values = view(values_address, max(p.input, p.output) + 1, np.int64)
        target = values[p.output]
        for image in range(p.num_images):
            source = values[p.input] + image * p.input_height * p.input_width * p.channels
            for y in range(p.output_height):
                for x in range(p.output_width):
                    top = y * p.stride_height - p.padding_top
                    left = x * p.stride_width - p.padding_left
                    pool_window(p, source, top, left, values[SCRATCH], target)
                    target += p.channels

    return Kernel(run, name)


average = _define("average_pool", _average_of)
largest = _define("max_pool", _largest_of)
