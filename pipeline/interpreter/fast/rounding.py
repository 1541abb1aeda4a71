"""The output stage of compiled kernels: int32 accumulators become codes, 16 at a time.

Where it can, a stage computes (total * multiplier + offset) >> (31 + e) with one 64-bit product per
element; the rounding and the output's zero point are part of `offset`:

  UP    The two roundings of DoubleRounding and HalfUp together are one, ties up, for results that
        are not negative; of HalfUp for all.
  AWAY  DoubleRounding of negative totals: ties of the second rounding go down; those of
        VectorRounding in the last channels only.
  NEAR  DoublePrecision and SinglePrecision round more than once; but unless the exact product lies
        near a tie, one rounding of it gives the same integer. What lies near is computed again,
        by the rule itself.
  EXACT All by the rule itself, where a multiplier or its shift is out of the range above.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.fast import int8, simd
from pipeline.interpreter.fast.command import aligned
from pipeline.interpreter.fast.compiled import compiled, view
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import VectorRounding

# The forms a stage takes.
UP, AWAY, NEAR, EXACT = range(4)

# The rules.
_DOUBLE_ROUNDING, _HALF_UP, _DOUBLE_PRECISION, _SINGLE_PRECISION, _VECTOR_ROUNDING = range(5)
_RULES = {
    "DoubleRounding": _DOUBLE_ROUNDING,
    "HalfUp": _HALF_UP,
    "DoublePrecision": _DOUBLE_PRECISION,
    "SinglePrecision": _SINGLE_PRECISION,
    "VectorRounding": _VECTOR_ROUNDING,
}
# A result may differ from one rounding of the exact product within 2**-bits of a tie. Both rules
# round to 24 or 53 bits before; results that matter have 10 bits, since others are clamped.
_NEAR_BITS = {_DOUBLE_PRECISION: 18, _SINGLE_PRECISION: 12}
_SATURATED = 2**30  # What SinglePrecision gives for more: room to add a zero point.
# Beyond this, the zero point might not fit above the fraction bits.
_MAX_SHIFT = 23

# Fields that the record of each kernel with a stage has.
FIELDS = [
    ("table", "i8"),
    ("form", "i8"),
    ("rule", "i8"),
    ("has_shift_left", "i8"),
    ("zero_point", "i8"),  # Of the output's type.
    ("code_offset", "i8"),  # What compiled memory has subtracted from codes.
    ("activation_min", "i8"),
    ("activation_max", "i8"),
]

# A block of the table: 16 lines of 64 bytes. First those of 8 int64, for even and odd channels.
_MULTIPLIER, _OFFSET, _LESS, _TOLERANCE, _MASK = 0, 2, 4, 6, 8
_SIGNIFICAND, _EXPONENT = 10, 12  # For all 16 channels in order: what the rule itself takes.
_SHIFT_RIGHT, _SHIFT_LEFT = 14, 15  # 16 int32 each.
_LINES = 16
_LINE_BYTES = 64
_BLOCK_BYTES = _LINES * _LINE_BYTES


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """A prepared output stage.

    Attributes:
      table: int64[blocks, 16, 8].
      fields: Values of FIELDS; `table` stands for the table's address.
    """

    table: np.ndarray
    fields: dict[str, int]


def prepare(output: OutputStage, num_channels: int, bound: int) -> Stage | None:
    """Returns the compiled form of a stage, or None for a type or rounding unknown here.

    Args:
      output: The stage.
      num_channels: Of the accumulator's last axis.
      bound: What no accumulator exceeds in magnitude.
    """
    requantizer = output.requantizer
    rule = _RULES.get(type(requantizer).__name__)
    if rule is None or output.dtype.name not in int8.TYPES:
        return None
    significand, exponent, *_ = vars(requantizer).values()
    significand, exponent = (
        np.broadcast_to(values, num_channels).astype(np.int64) for values in (significand, exponent)
    )
    if rule in _NEAR_BITS:
        form = NEAR
        multiplier, shift = _normalized(significand, exponent)
    else:
        multiplier, shift = significand, -exponent
        hides_negative = output.activation_min >= output.zero_point
        form = UP if rule == _HALF_UP or hides_negative else AWAY

    shift_left = np.maximum(1 - shift, 0)
    shift = np.maximum(shift, 1)
    bound = min(bound, 2**31)  # Accumulators wrap.
    # (bound * multiplier) / 2**(31 + shift) is below 1/4: the result is 0.
    is_zero = shift > bound.bit_length() + 1
    multiplier, shift = np.where(is_zero, 0, multiplier), np.where(is_zero, 1, shift)
    # Half of an int32, so that no sum with the zero point wraps.
    fits = (shift <= _MAX_SHIFT) & (
        (shift_left == 0) | (bound << np.minimum(shift_left, 31) < 2**30)
    )
    if not np.all(fits & (shift_left < 31)):
        form = EXACT
        shift, shift_left = np.ones_like(shift), np.zeros_like(shift)

    in_memory = int8.stage(output)
    offset = (np.int64(1) << (30 + shift)) + (in_memory.zero_point << (31 + shift))
    if rule not in _NEAR_BITS:
        # The first rounding adds 2**30 below it; where there is no second, that is all.
        offset += np.where(shift_left == 0, 2**30, 0)
    less = np.where(shift_left == 0, 2**31, 0)
    if isinstance(requantizer, VectorRounding):
        less[: num_channels - num_channels % requantizer.lanes] = 0
    lines = aligned(np.zeros((-(-num_channels // simd.NUM_LANES), _LINES, 8), np.int64))
    near_bits = _NEAR_BITS.get(rule, 1)
    for line, values in (
        (_MULTIPLIER, multiplier),
        (_OFFSET, offset),
        (_LESS, less),
        (_TOLERANCE, np.int64(1) << (31 + shift - near_bits)),
        (_MASK, ((np.int64(1) << (near_bits - 1)) - 1) << (32 + shift - near_bits)),
    ):
        lanes = _padded(values)
        lines[:, line], lines[:, line + 1] = lanes[:, ::2], lanes[:, 1::2]
    for line, values in ((_SIGNIFICAND, significand), (_EXPONENT, exponent)):
        lines[:, line : line + 2] = _padded(values).reshape(-1, 2, 8)
    for line, values in ((_SHIFT_RIGHT, shift - 1), (_SHIFT_LEFT, shift_left)):
        lines[:, line] = np.ascontiguousarray(_padded(values), np.int32).view(np.int64)
    fields = {
        "table": lines.ctypes.data,
        "form": form,
        "rule": rule,
        "has_shift_left": int(np.any(shift_left)),
        "zero_point": output.zero_point,
        "code_offset": output.zero_point - in_memory.zero_point,
        "activation_min": in_memory.activation_min,
        "activation_max": in_memory.activation_max,
    }
    return Stage(lines, fields)


# What one multiplier for all channels comes to.
SCALE_FIELDS = ("multiplier", "offset", "less", "shift_right", "shift_left")


def of_all_channels(stage: Stage) -> dict[str, int]:
    """Returns SCALE_FIELDS of a stage with one channel, of form UP or AWAY."""
    lines = stage.table[0]
    longs = {"multiplier": _MULTIPLIER, "offset": _OFFSET, "less": _LESS}
    ints = {"shift_right": _SHIFT_RIGHT, "shift_left": _SHIFT_LEFT}
    values = {name: int(lines[line][0]) for name, line in longs.items()}
    values |= {name: int(lines[line].view(np.int32)[0]) for name, line in ints.items()}
    if stage.fields["form"] == UP:
        values["less"] = 0
    return values


def _normalized(significand: np.ndarray, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns m, e with m * 2**-(31 + e) the multiplier, m rounded to 31 bits."""
    num_bits = np.array([int(value).bit_length() for value in significand], np.int64)
    more, less = np.maximum(31 - num_bits, 0), np.maximum(num_bits - 31, 0)
    rounded = ((significand << more) + ((np.int64(1) << less) >> 1)) >> less
    exponent = exponent - more + less
    overflows = rounded == 2**31
    return np.where(overflows, 2**30, rounded), -(exponent + overflows) - 31


def _padded(values: np.ndarray) -> np.ndarray:
    """Returns int64[blocks, 16]; channels that are not there are 0."""
    blocks = -(-len(values) // simd.NUM_LANES)
    padded = np.zeros(blocks * simd.NUM_LANES, np.int64)
    padded[: len(values)] = values
    return padded.reshape(blocks, simd.NUM_LANES)


@compiled
def _line(stage, block, line):
    return stage.table + block * _BLOCK_BYTES + line * _LINE_BYTES


@compiled
def requantize(stage, block, totals, num_rows, target, target_stride, count):
    """Writes int8 codes of rows of int32 totals.

    Args:
      stage: A record with FIELDS.
      block: Which 16 channels.
      totals: Address of int32[num_rows, 16].
      num_rows: Rows.
      target: Address of the first row's code of the first of these channels.
      target_stride: Bytes from row to row.
      count: How many of the 16 channels there are.
    """
    if stage.form == EXACT:
        for row in range(num_rows):
            for lane in range(count):
                _requantize_one(stage, block, totals + 64 * row, lane, target + row * target_stride)
        return
    form, has_shift_left = stage.form, stage.has_shift_left != 0
    multiplier_even = simd.load_longs(_line(stage, block, _MULTIPLIER))
    multiplier_odd = simd.load_longs(_line(stage, block, _MULTIPLIER + 1))
    offset_even = simd.load_longs(_line(stage, block, _OFFSET))
    offset_odd = simd.load_longs(_line(stage, block, _OFFSET + 1))
    less_even = simd.load_longs(_line(stage, block, _LESS))
    less_odd = simd.load_longs(_line(stage, block, _LESS + 1))
    tolerance_even = simd.load_longs(_line(stage, block, _TOLERANCE))
    tolerance_odd = simd.load_longs(_line(stage, block, _TOLERANCE + 1))
    mask_even = simd.load_longs(_line(stage, block, _MASK))
    mask_odd = simd.load_longs(_line(stage, block, _MASK + 1))
    shift = simd.load_ints(_line(stage, block, _SHIFT_RIGHT))
    shift_left = simd.load_ints(_line(stage, block, _SHIFT_LEFT))
    smallest, largest = simd.splat(stage.activation_min), simd.splat(stage.activation_max)
    for row in range(num_rows):
        total = simd.load_ints(totals + 64 * row)
        if has_shift_left:
            total = simd.shift_left(total, shift_left)
        product_even = simd.multiply_even(total, multiplier_even)
        product_odd = simd.multiply_odd(total, multiplier_odd)
        even, odd = product_even + offset_even, product_odd + offset_odd
        if form == AWAY:
            even = simd.subtract_where_negative(even, product_even, less_even)
            odd = simd.subtract_where_negative(odd, product_odd, less_odd)
        codes = simd.shift_right(simd.high_halves(even, odd), shift)
        codes = simd.minimum(simd.maximum(codes, smallest), largest)
        place = target + row * target_stride
        if count == simd.NUM_LANES:
            simd.store_codes(place, codes)
        else:
            simd.store_some_codes(place, codes, count)
        if form == NEAR:
            near_even = simd.long_where_zero(even + tolerance_even, mask_even)
            near_odd = simd.long_where_zero(odd + tolerance_odd, mask_odd)
            if (near_even | near_odd) != 0:
                for lane in range(count):
                    near = near_odd if lane & 1 else near_even
                    if (near >> (lane >> 1)) & 1:
                        _requantize_one(stage, block, totals + 64 * row, lane, place)


@compiled
def _requantize_one(stage, block, totals, lane, target):
    total = np.int64(view(totals, simd.NUM_LANES, np.int32)[lane])
    significand = view(_line(stage, block, _SIGNIFICAND), simd.NUM_LANES, np.int64)[lane]
    exponent = view(_line(stage, block, _EXPONENT), simd.NUM_LANES, np.int64)[lane]
    if stage.rule == _DOUBLE_PRECISION:
        rounded = double_precision(total, significand, exponent)
    elif stage.rule == _SINGLE_PRECISION:
        rounded = single_precision(total, significand, exponent)
    else:
        away = stage.rule == _DOUBLE_ROUNDING
        if stage.rule == _VECTOR_ROUNDING:
            away = view(_line(stage, block, _LESS + (lane & 1)), 8, np.int64)[lane >> 1] != 0
        rounded = fixed_point(total, significand, exponent, away)
    # The sum wraps at 32 bits.
    code = np.int64(np.int32(rounded + stage.zero_point)) - stage.code_offset
    code = min(max(code, stage.activation_min), stage.activation_max)
    view(target, simd.NUM_LANES, np.int8)[lane] = code


@compiled
def fixed_point(total, significand, shift, away):
    """Returns DoubleRounding's result, or HalfUp's; see requantizers.py."""
    shifted = np.int64(np.int32(total << max(shift, 0)))
    high = (shifted * significand + (1 << 30)) >> 31
    right_shift = max(-shift, 0)
    half = (np.int64(1) << right_shift) >> 1
    less = 1 if away and right_shift > 0 and high < 0 else 0
    return (high + half - less) >> right_shift


@compiled
def bit_length(value):
    """Returns the number of bits of an int64 >= 0."""
    length = np.int64(0)
    for bits in (32, 16, 8, 4, 2, 1):
        if value >> bits != 0:
            value >>= bits
            length += bits
    return length + value


@compiled
def double_precision(total, significand, exponent):
    """Returns DoublePrecision's result; see requantizers.py."""
    magnitude = abs(total)
    low = magnitude * (significand & 0xFFFFFFFF)
    high = magnitude * (significand >> 32) + (low >> 32)
    low &= 0xFFFFFFFF
    num_dropped = max(bit_length(high) + 32 - 53, 0)
    kept = (high << (32 - num_dropped)) | (low >> num_dropped)
    one = np.int64(1) << num_dropped
    if 2 * (low & (one - 1)) >= one:
        kept += 1
    shift = -(exponent + num_dropped)
    right_shift, left_shift = min(max(shift, 0), 62), min(max(-shift, 0), 9)
    half = (np.int64(1) << right_shift) >> 1
    result = ((kept << left_shift) + half) >> right_shift
    if total < 0:
        result = -result
    fits = -(2**31) <= result < 2**31
    return result if fits else -(2**31)


@compiled
def half_even(value, shift):
    """Returns value / 2**shift for value >= 0, ties to even."""
    if shift <= 0:
        return value
    one = np.int64(1) << shift
    quotient, rest = value >> shift, value & (one - 1)
    if 2 * rest > one or (2 * rest == one and quotient & 1):
        quotient += 1
    return quotient


@compiled
def single_precision(total, significand, exponent):
    """Returns SinglePrecision's result; see requantizers.py."""
    magnitude = abs(total)
    num_dropped = max(bit_length(magnitude) - 24, 0)
    product = half_even(magnitude, num_dropped) * significand
    more_dropped = max(bit_length(product) - 24, 0)
    product = half_even(product, more_dropped)
    shift = -(num_dropped + more_dropped + exponent)
    if shift > 26:
        return np.int64(0)
    result = min(half_even(product, shift) << min(max(-shift, 0), 31), _SATURATED)
    return -result if total < 0 else result
