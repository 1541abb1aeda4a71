"""Vectors of integers in compiled kernels: 16 of 32 bits (Ints), 8 of 64 bits (Longs).

LLVM cuts them into what the machine has: one AVX-512 register, two of AVX2, four of NEON. There are
no float vectors here, so that none can slip into a kernel.

dot() is the one operation with two forms. A *unit* is what it takes of one operand: 32 bits, either
four bytes (BYTES: one vpdpbusd, where the CPU has VNNI) or two 16-bit integers (PAIRS: vpmaddwd on
other x86, plain multiplications elsewhere).
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

NUM_LANES = 16

_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_INTS = ir.VectorType(_I32, NUM_LANES)
_LONGS = ir.VectorType(_I64, NUM_LANES // 2)
_BYTES = ir.VectorType(_I8, NUM_LANES)


def _host_features() -> frozenset[str]:
    """Returns the names of what this CPU has beyond its architecture's minimum."""
    chosen = numba.config.CPU_FEATURES
    if chosen is None:
        return frozenset(name for name, has in llvm.get_host_cpu_features().items() if has)
    return frozenset(item[1:] for item in chosen.split(",") if item.startswith("+"))


FEATURES = _host_features()
HAS_AVX512 = {"avx512f", "avx512bw", "avx512vl"} <= FEATURES
HAS_VNNI = (HAS_AVX512 and "avx512vnni" in FEATURES) or {"avx2", "avxvnni"} <= FEATURES


class Vector(types.Type):
    """numba's type of a vector."""

    def __init__(self, bits: int, count: int) -> None:
        super().__init__(name=f"Vector(int{bits} x {count})")
        self.llvm = ir.VectorType(ir.IntType(bits), count)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, type_: Vector) -> None:
        super().__init__(manager, type_, type_.llvm)


Ints = Vector(32, NUM_LANES)
Longs = Vector(64, NUM_LANES // 2)

_Emit = Callable[..., Any]


def _define(result: Any, operands: Sequence[Any], emit: _Emit) -> Callable[..., Any]:
    """Returns a function for kernels: emit(builder, *operands) writes its LLVM code."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        value = emit(builder, *arguments)
        return context.get_dummy_value() if result is types.void else value

    return intrinsic(_BY_ARITY[len(operands)]((result(*operands), generate)))


# numba asks for functions with the very number of arguments.
_BY_ARITY: dict[int, Callable[[Any], Any]] = {
    1: lambda made: lambda context, a: made,  # noqa: ARG005
    2: lambda made: lambda context, a, b: made,  # noqa: ARG005
    3: lambda made: lambda context, a, b, c: made,  # noqa: ARG005
    4: lambda made: lambda context, a, b, c, d: made,  # noqa: ARG005
    7: lambda made: lambda context, a, b, c, d, e, f, g: made,  # noqa: ARG005
}


def _load(builder: Any, address: Any, type_: ir.Type, alignment: int = 1) -> Any:
    value = builder.load(builder.inttoptr(address, type_.as_pointer()))
    value.align = alignment
    return value


def _store(builder: Any, address: Any, value: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 1


def _splat(builder: Any, value: Any, type_: ir.VectorType) -> Any:
    undefined = ir.Constant(type_, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_I32, 0))
    zeros = ir.Constant(ir.VectorType(_I32, type_.count), [0] * type_.count)
    return builder.shuffle_vector(first, undefined, zeros)


def _constant(value: int, type_: ir.VectorType) -> Any:
    return ir.Constant(type_, [value] * type_.count)


def _shuffle(builder: Any, first: Any, second: Any, indices: Sequence[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_I32, len(indices)), list(indices))
    return builder.shuffle_vector(first, second, mask)


def _call(builder: Any, name: str, type_: ir.Type, *arguments: Any) -> Any:
    function = ir.FunctionType(type_, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), arguments)


# Memory. Addresses need no alignment.
load_ints = _define(Ints, [types.int64], lambda builder, address: _load(builder, address, _INTS))
load_longs = _define(Longs, [types.int64], lambda builder, address: _load(builder, address, _LONGS))
store_ints = _define(types.void, [types.int64, Ints], _store)
load_bytes = _define(  # As unsigned.
    Ints,
    [types.int64],
    lambda builder, address: builder.zext(_load(builder, address, _BYTES), _INTS),
)
load_codes = _define(  # As signed.
    Ints,
    [types.int64],
    lambda builder, address: builder.sext(_load(builder, address, _BYTES), _INTS),
)
store_codes = _define(
    types.void,
    [types.int64, Ints],
    lambda builder, address, value: _store(builder, address, builder.trunc(value, _BYTES)),
)


def _store_some(builder: Any, address: Any, value: Any, count: Any) -> None:
    lanes = ir.Constant(_INTS, list(range(NUM_LANES)))
    wanted = _splat(builder, builder.trunc(count, _I32), _INTS)
    mask = builder.icmp_signed("<", lanes, wanted)
    pointer = builder.inttoptr(address, _BYTES.as_pointer())
    codes = builder.trunc(value, _BYTES)
    name = "llvm.masked.store.v16i8.p0"
    if llvm.llvm_version_info >= (22,):  # The alignment became an attribute.
        _call(builder, name, ir.VoidType(), codes, pointer, mask)
    else:
        _call(builder, name, ir.VoidType(), codes, pointer, ir.Constant(_I32, 1), mask)


store_some_codes = _define(types.void, [types.int64, Ints, types.int64], _store_some)


def _define_copy(count: int, widen: bool) -> Callable[..., Any]:
    """Returns a function of target and source that copies `count` codes as code + 128."""

    def emit(builder: Any, target: Any, source: Any) -> None:
        chunk = ir.VectorType(_I8, count)
        value = builder.xor(_load(builder, source, chunk), _constant(-128, chunk))
        if widen:
            value = builder.zext(value, ir.VectorType(_I16, count))
        _store(builder, target, value)

    return _define(types.void, [types.int64] * 2, emit)


copy_64_as_bytes, copy_16_as_bytes = (_define_copy(count, widen=False) for count in (64, 16))
copy_32_as_pairs, copy_16_as_pairs = (_define_copy(count, widen=True) for count in (32, 16))

# Values.
splat = _define(
    Ints,
    [types.int64],
    lambda builder, value: _splat(builder, builder.trunc(value, _I32), _INTS),
)
splat_long = _define(Longs, [types.int64], lambda builder, value: _splat(builder, value, _LONGS))
shift_left = _define(Ints, [Ints, Ints], lambda builder, value, by: builder.shl(value, by))
shift_right = _define(Ints, [Ints, Ints], lambda builder, value, by: builder.ashr(value, by))
shift_right_logical = _define(
    Ints, [Ints, Ints], lambda builder, value, by: builder.lshr(value, by)
)
minimum = _define(
    Ints, [Ints, Ints], lambda builder, *both: _call(builder, "llvm.smin.v16i32", _INTS, *both)
)
maximum = _define(
    Ints, [Ints, Ints], lambda builder, *both: _call(builder, "llvm.smax.v16i32", _INTS, *both)
)
add_ints = _define(Ints, [Ints, Ints], lambda builder, *both: builder.add(*both))
multiply_ints = _define(Ints, [Ints, Ints], lambda builder, *both: builder.mul(*both))
and_ints = _define(Ints, [Ints, Ints], lambda builder, *both: builder.and_(*both))
or_ints = _define(Ints, [Ints, Ints], lambda builder, *both: builder.or_(*both))
xor_ints = _define(Ints, [Ints, Ints], lambda builder, *both: builder.xor(*both))
add_longs = _define(Longs, [Longs, Longs], lambda builder, *both: builder.add(*both))


def _overload(operation: Any, vector: Vector, implementation: Any) -> None:
    @overload(operation)
    def _(first, second):  # numba compares its signature with the lambda's.
        if first is vector and second is vector:
            return lambda first, second: implementation(first, second)
        return None


_overload(operator.add, Ints, add_ints)
_overload(operator.mul, Ints, multiply_ints)
_overload(operator.or_, Ints, or_ints)
_overload(operator.xor, Ints, xor_ints)
_overload(operator.add, Longs, add_longs)


def _product(builder: Any, value: Any, multiplier: Any, odd: bool) -> Any:
    lanes = builder.bitcast(value, _LONGS)
    if not odd:
        lanes = builder.shl(lanes, _constant(32, _LONGS))
    lanes = builder.ashr(lanes, _constant(32, _LONGS))
    low = builder.shl(multiplier, _constant(32, _LONGS))  # For LLVM to see that 32 bits suffice.
    return builder.mul(lanes, builder.ashr(low, _constant(32, _LONGS)))


# 64-bit products of the even or odd lanes with multipliers that fit 32 bits.
multiply_even = _define(Longs, [Ints, Longs], lambda *operands: _product(*operands, odd=False))
multiply_odd = _define(Longs, [Ints, Longs], lambda *operands: _product(*operands, odd=True))


def _high_halves(builder: Any, even: Any, odd: Any) -> Any:
    halves = [builder.bitcast(value, _INTS) for value in (even, odd)]
    indices = [lane + 1 if lane % 2 == 0 else NUM_LANES + lane for lane in range(NUM_LANES)]
    return _shuffle(builder, *halves, indices)


# The upper 32 bits of each, back in the order of lanes.
high_halves = _define(Ints, [Longs, Longs], _high_halves)


def _subtract_where_negative(builder: Any, value: Any, sign: Any, what: Any) -> Any:
    is_negative = builder.icmp_signed("<", sign, _constant(0, _LONGS))
    return builder.sub(value, builder.select(is_negative, what, _constant(0, _LONGS)))


# value - what, where sign < 0; elsewhere value.
subtract_where_negative = _define(Longs, [Longs] * 3, _subtract_where_negative)


def _where_zero(builder: Any, value: Any, mask: Any) -> Any:
    type_ = value.type
    is_zero = builder.icmp_signed("==", builder.and_(value, mask), _constant(0, type_))
    return builder.zext(builder.bitcast(is_zero, ir.IntType(type_.count)), _I64)


# Bit k says whether lane k has none of the mask's bits.
where_zero = _define(types.int64, [Ints, Ints], _where_zero)
long_where_zero = _define(types.int64, [Longs, Longs], _where_zero)


def _dot_bytes(builder: Any, total: Any, data: Any, weights: Any) -> Any:
    if not HAS_VNNI:
        # Never chosen at run time; it must compile nevertheless.
        return _dot_plain(builder, total, data, weights)
    name, count = ("512", 1) if HAS_AVX512 else ("256", 2)
    newer = llvm.llvm_version_info >= (22,)  # The operands' type became what they hold.
    lanes = NUM_LANES // count
    operand = ir.VectorType(_I8, 4 * lanes) if newer else ir.VectorType(_I32, lanes)

    def emit(part: Any, data_part: Any, weights_part: Any) -> Any:
        operands = [builder.bitcast(value, operand) for value in (data_part, weights_part)]
        return _call(builder, f"llvm.x86.avx512.vpdpbusd.{name}", part.type, part, *operands)

    return _in_parts(builder, emit, count, total, data, weights)


def _dot_pairs(builder: Any, total: Any, data: Any, weights: Any) -> Any:
    if HAS_AVX512:
        name, count = "llvm.x86.avx512.pmaddw.d.512", 1
    elif "avx2" in FEATURES:
        name, count = "llvm.x86.avx2.pmadd.wd", 2
    else:
        return _dot_plain(builder, total, data, weights)
    operand = ir.VectorType(_I16, 2 * NUM_LANES // count)

    def emit(part: Any, data_part: Any, weights_part: Any) -> Any:
        operands = [builder.bitcast(value, operand) for value in (data_part, weights_part)]
        return builder.add(part, _call(builder, name, part.type, *operands))

    return _in_parts(builder, emit, count, total, data, weights)


def _dot_plain(builder: Any, total: Any, data: Any, weights: Any) -> Any:
    sixteen = _constant(16, _INTS)
    for emit in (lambda value: builder.shl(value, sixteen), lambda value: value):
        low, high = (builder.ashr(emit(value), sixteen) for value in (data, weights))
        total = builder.add(total, builder.mul(low, high))
    return total


def _in_parts(builder: Any, emit: _Emit, count: int, *vectors: Any) -> Any:
    """Cuts vectors into as many parts as the machine needs, and joins the results."""
    if count == 1:
        return emit(*vectors)
    half = NUM_LANES // 2
    parts = [
        emit(*(_shuffle(builder, value, value, range(start, start + half)) for value in vectors))
        for start in (0, half)
    ]
    return _shuffle(builder, *parts, range(NUM_LANES))


# total + data * weights, unit by unit; data is unsigned bytes, or 16-bit integers; both wrap.
dot_bytes = _define(Ints, [Ints, Ints, Ints], _dot_bytes)
dot_pairs = _define(Ints, [Ints, Ints, Ints], _dot_pairs)


def _define_tile(dot: _Emit, num_rows: int, num_blocks: int) -> Callable[..., Any]:
    """Returns a function that multiplies rows of data with blocks of 16 channels.

    tile(data, data_stride, weights, weights_stride, num_units, bias, totals) writes
    int32 totals[block][row][channel]: the bias of the channel plus the dot product of data[row] and
    the channel's weights. Strides are in bytes: from row to row, or from block to block. Weights
    of a block lie unit by unit, 16 channels in each. num_units is at least 1.
    """

    def emit(
        builder: Any,
        data: Any,
        data_stride: Any,
        weights: Any,
        weights_stride: Any,
        num_units: Any,
        bias: Any,
        totals: Any,
    ) -> None:
        def word(value: int) -> Any:
            return ir.Constant(_I64, value)

        def places(base: Any, stride: Any, count: int) -> list[Any]:
            return [builder.add(base, builder.mul(stride, word(index))) for index in range(count)]

        rows = places(data, data_stride, num_rows)
        blocks = places(weights, weights_stride, num_blocks)
        starts = [_load(builder, place, _INTS) for place in places(bias, word(64), num_blocks)]
        before, body = builder.block, builder.append_basic_block("units")
        after = builder.append_basic_block("done")
        builder.branch(body)

        builder.position_at_end(body)
        unit = builder.phi(_I64)
        unit.add_incoming(word(0), before)
        sums = [[builder.phi(_INTS) for _ in rows] for _ in blocks]
        offset = builder.shl(unit, word(6))
        filters = [_load(builder, builder.add(block, offset), _INTS) for block in blocks]
        offset = builder.shl(unit, word(2))
        for index, row in enumerate(rows):
            codes = _splat(builder, _load(builder, builder.add(row, offset), _I32), _INTS)
            for block_sums, filter_, start in zip(sums, filters, starts, strict=True):
                old = block_sums[index]
                block_sums[index] = dot(builder, old, codes, filter_)
                old.add_incoming(start, before)
                old.add_incoming(block_sums[index], body)
        next_unit = builder.add(unit, word(1))
        unit.add_incoming(next_unit, body)
        builder.cbranch(builder.icmp_signed("<", next_unit, num_units), body, after)

        builder.position_at_end(after)
        ends = [value for block_sums in sums for value in block_sums]
        for place, value in zip(places(totals, word(64), len(ends)), ends, strict=True):
            _store(builder, place, value)

    return _define(types.void, [types.int64] * 7, emit)


# As many rows and blocks as the registers hold; then what covers the rest.
TILE_ROWS, TILE_BLOCKS = (12, 2) if HAS_AVX512 else (4, 1)
FEW_ROWS = 4
ROW_BLOCKS = 4
MAX_TILE = max(TILE_ROWS * TILE_BLOCKS, ROW_BLOCKS)


def _define_product(dot: _Emit) -> Callable[..., Any]:
    """Returns a function as _define_tile()'s, for up to TILE_ROWS rows and TILE_BLOCKS blocks."""
    many = _define_tile(dot, TILE_ROWS, TILE_BLOCKS)
    many_one = _define_tile(dot, TILE_ROWS, 1)
    few = _define_tile(dot, FEW_ROWS, TILE_BLOCKS)
    few_one = _define_tile(dot, FEW_ROWS, 1)
    row = _define_tile(dot, 1, ROW_BLOCKS)
    row_one = _define_tile(dot, 1, 1)

    @numba.njit(error_model="numpy")
    def product(
        num_rows: int,
        num_blocks: int,
        data: int,
        data_stride: int,
        weights: int,
        weights_stride: int,
        num_units: int,
        bias: int,
        totals: int,
    ) -> None:
        if num_rows == TILE_ROWS:
            if num_blocks == TILE_BLOCKS:
                many(data, data_stride, weights, weights_stride, num_units, bias, totals)
            else:
                many_one(data, data_stride, weights, weights_stride, num_units, bias, totals)
        elif num_rows == FEW_ROWS:
            if num_blocks == TILE_BLOCKS:
                few(data, data_stride, weights, weights_stride, num_units, bias, totals)
            else:
                few_one(data, data_stride, weights, weights_stride, num_units, bias, totals)
        elif num_blocks == ROW_BLOCKS:
            row(data, data_stride, weights, weights_stride, num_units, bias, totals)
        else:
            row_one(data, data_stride, weights, weights_stride, num_units, bias, totals)

    return product


bytes_product = _define_product(_dot_bytes)
pairs_product = _define_product(_dot_pairs)
