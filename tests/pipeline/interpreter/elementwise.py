"""Random cases of ops on two inputs that broadcast: ADD, SUB, MUL and others."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from pipeline.interpreter import real_scales
from tests.pipeline.interpreter import conformance, filtered
from tests.pipeline.interpreter.one_op import Operand, model

_TFLITE = ("reference", "ruy", "xnnpack")
# Of ADD, SUB and MUL. tflite-micro has neither uint8 nor int64 there.
ENGINES: dict[str, tuple[str, ...]] = {
    "int8": (*_TFLITE, "tflm"),
    "uint8": _TFLITE,
    "int16": (*_TFLITE, "tflm"),
    "int32": (*_TFLITE, "tflm"),
    "int64": _TFLITE,
}
# Of MAXIMUM and MINIMUM; tflite-micro has no uint8 there.
ENGINES_OF_EXTREMES = {**ENGINES, "int64": (*_TFLITE, "tflm")}
PLAIN = ("int32", "int64")

_Shape = tuple[int, ...]

# op -> the real step of its result, before that is brought to the output's scale.
_UNITS: dict[str, Callable[[float, float], float]] = {
    "ADD": max,
    "MUL": lambda first, second: first * second,
    "SQUARED_DIFFERENCE": lambda first, second: max(first, second) ** 2,
    "SUB": max,
}


@st.composite
def cases(draw: st.DrawFn, op: str, dtype: str) -> conformance.Case:
    """Draws codes and shapes that broadcast, or every 8-bit code to meet every other."""
    if dtype in PLAIN:
        return draw(plain_cases(op, dtype, **_activation(draw, op)))
    if dtype == "int16" and op in ("ADD", "SUB") and draw(st.booleans()):
        return draw(_powers_of_two(op))
    if dtype != "int16" and draw(st.integers(0, 3)) == 0:
        limits = np.iinfo(dtype)
        codes = np.arange(limits.min, limits.max + 1).astype(dtype)
        return draw(_quantized(op, codes[:, np.newaxis], codes, False))
    first, second = draw(_codes(dtype))
    # A constant of one element and higher rank: XNNPACK's output has the rank of the other input.
    is_constant = second.ndim <= first.ndim and draw(st.booleans())
    return draw(_quantized(op, first, second, is_constant))


@st.composite
def _quantized(
    draw: st.DrawFn, op: str, first: np.ndarray, second: np.ndarray, constant_second: bool
) -> conformance.Case:
    scales = draw(conformance.scales()), draw(conformance.scales())
    unit = _UNITS[op](*scales)
    output_scale = draw(conformance.output_scales(unit))
    dtype = first.dtype.name
    options = _activation(draw, op)
    if dtype == "int16" and op in ("ADD", "SUB"):
        # Powers of two have a form of their own.
        shifts = None not in map(real_scales.power_of_two, (*scales, output_scale))
        options["pot_scale_int16"] = draw(st.booleans()) and not shifts
    zero_points = st.just(0) if dtype == "int16" else conformance.zero_points(dtype)
    data = second if constant_second else None
    content = model(
        op,
        [
            Operand(first.shape, scales[0], draw(zero_points), dtype),
            Operand(second.shape, scales[1], draw(zero_points), dtype, data),
        ],
        Operand(
            np.broadcast_shapes(first.shape, second.shape), output_scale, draw(zero_points), dtype
        ),
        **options,
    )
    return conformance.Case(content, (first,) if constant_second else (first, second))


def _activation(draw: st.DrawFn, op: str) -> dict[str, object]:
    if op == "SQUARED_DIFFERENCE":
        return {}
    return {"fused_activation_function": draw(st.sampled_from(filtered.ACTIVATIONS))}


@st.composite
def _powers_of_two(draw: st.DrawFn, op: str) -> conformance.Case:
    """Draws an int16 ADD or SUB whose scales are powers of two, or nearly."""
    first, second = draw(_codes("int16", broadcast=op == "SUB"))
    output_scale = 2.0 ** draw(st.integers(-15, 3))
    scales = [output_scale, output_scale / 2 ** draw(st.integers(0, 15))]
    if draw(st.booleans()):
        scales.reverse()
    nearly = st.sampled_from([1.0, 1.0, 1.0006, 0.9994])
    first_scale, second_scale, output_scale = (
        scale * draw(nearly) for scale in (*scales, output_scale)
    )
    content = model(
        op,
        [
            Operand(first.shape, first_scale, 0, "int16"),
            Operand(second.shape, second_scale, 0, "int16"),
        ],
        Operand(np.broadcast_shapes(first.shape, second.shape), output_scale, 0, "int16"),
        fused_activation_function=draw(st.sampled_from(filtered.ACTIVATIONS)),
    )
    return conformance.Case(content, (first, second))


@st.composite
def plain_cases(draw: st.DrawFn, op: str, dtype: str, **options: object) -> conformance.Case:
    """Draws two inputs without quantization, of shapes that broadcast."""
    rng = draw(conformance.generators())
    shapes = draw(_shapes())
    content = model(
        op,
        [Operand(part, dtype=dtype) for part in shapes],
        Operand(np.broadcast_shapes(*shapes), dtype=dtype),
        **options,
    )
    first, second = (conformance.plain_values(rng, part, dtype) for part in shapes)
    return conformance.Case(content, (first, second))


@st.composite
def raw_cases(draw: st.DrawFn, op: str, dtype: str) -> conformance.Case:
    """Draws two inputs of an op that looks at no scale or zero point."""
    if dtype in PLAIN:
        return draw(plain_cases(op, dtype))
    first, second = draw(_codes(dtype))
    shapes = first.shape, second.shape, np.broadcast_shapes(first.shape, second.shape)
    operands = [
        Operand(shape, draw(conformance.scales()), draw(conformance.zero_points(dtype)), dtype)
        for shape in shapes
    ]
    return conformance.Case(model(op, operands[:2], operands[2]), (first, second))


@st.composite
def _codes(draw: st.DrawFn, dtype: str, broadcast: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = draw(conformance.generators())
    extreme = draw(st.booleans())
    shapes = draw(_shapes())
    if not broadcast:
        shapes = (np.broadcast_shapes(*shapes),) * 2
    first, second = (conformance.codes(rng, part, dtype, extreme) for part in shapes)
    return first, second


@st.composite
def _shapes(draw: st.DrawFn) -> tuple[_Shape, _Shape]:
    """Draws two shapes that broadcast."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    first, second = draw(st.sampled_from([(shape, shape), *_narrowed(shape)]))
    return (second, first) if draw(st.booleans()) else (first, second)


def _narrowed(shape: _Shape) -> list[tuple[_Shape, _Shape]]:
    """Returns pairs of shapes that broadcast to `shape`: shorter, or with ones."""
    ones = tuple(1 if axis % 2 else size for axis, size in enumerate(shape))
    others = tuple(size if axis % 2 else 1 for axis, size in enumerate(shape))
    return [(shape, shape[1:]), (shape, ones), (shape, (1,)), (ones, others)]
