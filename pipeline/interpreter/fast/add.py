"""ADD and SUB of 8 bits, by one rounding instead of six.

The reference rounds both terms and their sum twice each. Unless the sum lies near a tie,

  output = (first * first_multiplier + second * second_multiplier + offset) >> shift

gives the same code, all in 32 bits. How near is near follows, when the op is prepared, from the
distance of this sum from the reference's, for every code of each operand. What lies near is
computed again as the reference does. XNNPACK's ADD has this very form, and no ties of its own. SUB
has the second multiplier negative.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter.fast import NumpyOp, elementwise, int8, rounding, simd
from pipeline.interpreter.fast.command import Command, aligned, record
from pipeline.interpreter.fast.compiled import Kernel, compiled, view
from pipeline.interpreter.kernels import add
from pipeline.interpreter.kernels.xnnpack import add as xnnpack_add
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import Requantizer

_CODES = np.arange(-128, 128, dtype=np.int32)
_LEFT_SHIFT = 20  # The reference's, of centered codes.
_SUM_BITS = 30
_MIN_CLEAR_BITS = 4  # At most one in 2**4 sums may lie near a tie.

_RECORD = np.dtype(
    [
        *elementwise.FIELDS,
        ("first_multiplier", "i8"),
        ("second_multiplier", "i8"),
        ("offset", "i8"),
        ("shift", "i8"),
        ("zero_point_after", "i8"),
        ("has_ties", "i8"),
        ("tolerance", "i8"),
        ("mask", "i8"),
        ("first_terms", "i8"),  # Address of int32[256], by code + 128.
        ("second_terms", "i8"),
        ("significand", "i8"),
        ("exponent", "i8"),
        ("zero_point", "i8"),
    ]
)


@dataclasses.dataclass(frozen=True)
class _Sum:
    """Multipliers of centered codes, and how far their sum may be off, in bits of it.

    Attributes:
      first_multiplier: Of the first operand's.
      second_multiplier: Of the second's.
      shift: Bits of the sum after the point.
      tolerance_bits: The reference's sum is nearer than 2**tolerance_bits.
    """

    first_multiplier: int
    second_multiplier: int
    shift: int
    tolerance_bits: int


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command, or None for types, shapes or scales that are not for it."""
    operands = elementwise.operands(op.context)
    if operands is None or int8.dtypes(op.context) != ("int8", "int8", "int8"):
        return None
    if isinstance(op.params, xnnpack_add.Params):
        return _prepare_delegate(op.context, op.params, operands)
    params: add.Params = op.params
    output = int8.stage(params.output)
    first, second = (
        _in_memory(op.context.input(position), (params.first, params.second)[position])
        for position in operands.positions
    )
    requantizers = first.requantizer, second.requantizer, output.requantizer
    if any(type(requantizer).__name__ != "DoubleRounding" for requantizer in requantizers):
        return None
    signs = [
        -1 if op.context.operator.op == "SUB" and position == 1 else 1
        for position in operands.positions
    ]
    terms = [
        sign * operand.requantizer((_CODES - operand.zero_point) << _LEFT_SHIFT)
        for sign, operand in zip(signs, (first, second), strict=True)
    ]
    total = _sum(first, second, output.requantizer, terms, signs)
    if total is None:
        return None
    tables = tuple(aligned(term.astype(np.int32)) for term in terms)
    products = (
        first.zero_point * total.first_multiplier + second.zero_point * total.second_multiplier
    )
    half = 1 << (total.shift - 1)
    significand, exponent = vars(output.requantizer).values()
    made = record(
        _RECORD,
        first_multiplier=total.first_multiplier,
        second_multiplier=total.second_multiplier,
        offset=half + (output.zero_point << total.shift) - products,
        shift=total.shift,
        has_ties=1,
        tolerance=1 << total.tolerance_bits,
        mask=(1 << total.shift) - (2 << total.tolerance_bits),
        first_terms=tables[0].ctypes.data,
        second_terms=tables[1].ctypes.data,
        significand=int(significand),
        exponent=int(exponent),
        zero_point=output.zero_point,
        activation_min=output.activation_min,
        activation_max=output.activation_max,
        **operands.fields,
    )
    return Command(run.address, made, operands.slots, (*operands.kept, *tables))


def _in_memory(tensor: Tensor, operand: add.Operand) -> add.Operand:
    """Returns an operand of codes as compiled memory holds them."""
    zero_point = int8.zero_point(tensor, operand.zero_point)
    return dataclasses.replace(operand, zero_point=zero_point)


def _prepare_delegate(
    context: OpContext, params: xnnpack_add.Params, operands: elementwise.Operands
) -> Command:
    first, second = (params.multipliers[position] for position in operands.positions)
    offset = int8.offset(context.output.dtype)  # XNNPACK has one type on all sides.
    made = record(
        _RECORD,
        first_multiplier=first,
        second_multiplier=second,
        offset=params.bias + (first + second) * offset,
        shift=params.shift,
        zero_point_after=params.output_zero_point - offset,
        activation_min=params.activation_range[0] - offset,
        activation_max=params.activation_range[1] - offset,
        **operands.fields,
    )
    return Command(run.address, made, operands.slots, operands.kept)


def _sum(
    first: add.Operand,
    second: add.Operand,
    requantizer: Requantizer,
    terms: Sequence[np.ndarray],
    signs: Sequence[int],
) -> _Sum | None:
    """Returns the sum in 32 bits, or None where too many results would lie near ties."""
    output, exponent = (int(value) for value in vars(requantizer).values())
    bits = 31 - exponent  # The reference's sum of terms times `output` has so many after the point.
    slopes = []  # Of the same sum, per step of a code; with `more` bits.
    more = 31 + 31  # Shifts of the terms lie between -31 and 0.
    for operand in (first, second):
        significand, shift = (int(value) for value in vars(operand.requantizer).values())
        slopes.append(significand * output << (_LEFT_SHIFT + shift + more - 31))
    largest = (255 * sum(slopes) >> (bits + more)) + 256  # In output codes, with the zero point.
    shift = min(_SUM_BITS - largest.bit_length(), bits)
    if shift < _MIN_CLEAR_BITS:
        return None
    lost = bits + more - shift
    multipliers = [
        sign * ((slope + (1 << (lost - 1))) >> lost)
        for sign, slope in zip(signs, slopes, strict=True)
    ]
    # The two roundings of the reference's sum move it by less than 2**31 of its last bits.
    distance = 1 << 31
    for operand, multiplier, exact in zip((first, second), multipliers, terms, strict=True):
        distance += max(
            abs((code * multiplier << (bits - shift)) - output * term)
            for code, term in zip(
                (_CODES - operand.zero_point).tolist(), exact.tolist(), strict=True
            )
        )
    tolerance_bits = ((distance >> (bits - shift)) + 1).bit_length()
    if shift - tolerance_bits - 1 < _MIN_CLEAR_BITS:
        return None
    return _Sum(multipliers[0], multipliers[1], shift, tolerance_bits)


@compiled
def _add_one(p, first, second):
    """Returns the code of one sum, as the reference computes it."""
    first_terms, second_terms = (
        view(p.first_terms, 256, np.int32),
        view(p.second_terms, 256, np.int32),
    )
    total = np.int64(first_terms[first + 128]) + np.int64(second_terms[second + 128])
    code = rounding.fixed_point(total, p.significand, p.exponent, True) + p.zero_point
    return min(max(code, p.activation_min), p.activation_max)


def _run(record_address: int, values_address: int) -> None:
    p = view(record_address, 1, _RECORD)[0]
    values = view(values_address, max(p.first, p.second, p.output) + 1, np.int64)
    first, target = values[p.first], values[p.output]
    second = p.constant if p.constant != 0 else values[p.second]
    first_multiplier = simd.splat(p.first_multiplier)
    second_multiplier = simd.splat(p.second_multiplier)
    offset, shift = simd.splat(p.offset), simd.splat(p.shift)
    tolerance, mask = simd.splat(p.tolerance), simd.splat(p.mask)
    smallest, largest = simd.splat(p.activation_min), simd.splat(p.activation_max)
    zero_point_after, has_ties = simd.splat(p.zero_point_after), p.has_ties != 0
    num_codes = p.num_codes
    for _ in range(p.num_repeats):
        for index in range(0, num_codes, simd.NUM_LANES):
            total = simd.load_codes(first + index) * first_multiplier
            total = total + simd.load_codes(second + index) * second_multiplier + offset
            codes = simd.shift_right(total, shift) + zero_point_after
            elementwise.store(target + index, codes, smallest, largest, num_codes - index)
            near = simd.where_zero(total + tolerance, mask)
            if has_ties and near != 0:
                for lane in range(min(simd.NUM_LANES, num_codes - index)):
                    if (near >> lane) & 1:
                        one = view(first + index, simd.NUM_LANES, np.int8)[lane]
                        two = view(second + index, simd.NUM_LANES, np.int8)[lane]
                        outputs = view(target + index, simd.NUM_LANES, np.int8)
                        outputs[lane] = _add_one(p, np.int64(one), np.int64(two))
        first += num_codes
        target += num_codes


run = Kernel(_run, "add")
