"""What the tests of ops share that reduce axes."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction

from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model

# Of REDUCE_MAX and REDUCE_MIN; tflite-micro has no other types.
ENGINES: dict[str, tuple[str, ...]] = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
}
# No outputs for an int8 input.
UNLIKE = [Operand((), 0.5, 3, "uint8"), Operand((), 0.5, 4), Operand((), 0.25, 3)]
SHIFTED = Operand((), 0.5, 3, "int16")


@dataclasses.dataclass(frozen=True)
class Reduced:
    """What is reduced, and to what shape.

    Attributes:
      shape: Of the input.
      axes: As the model has them: some negative, some twice.
      keep_dims: Whether reduced axes stay, with size 1.
    """

    shape: tuple[int, ...]
    axes: list[int]
    keep_dims: bool

    @property
    def output(self) -> tuple[int, ...]:
        """The output's shape."""
        axes = {axis % len(self.shape) for axis in self.axes}
        sizes = enumerate(self.shape)
        if self.keep_dims:
            return tuple(1 if axis in axes else size for axis, size in sizes)
        return tuple(size for axis, size in sizes if axis not in axes)

    def model(self, op: str, input_: Operand, output: Operand) -> bytes:
        """Returns the model; both operands get their shapes here."""
        return model(
            op,
            [dataclasses.replace(input_, shape=self.shape), integers(self.axes)],
            dataclasses.replace(output, shape=self.output),
            keep_dims=self.keep_dims,
        )


@st.composite
def reductions(draw: st.DrawFn, largest: int = 9) -> Reduced:
    """Shapes and axes, those of an image's height and width among them."""
    shape = tuple(draw(moving.shapes(largest=largest)))
    axes = draw(
        st.one_of(
            st.just([1, 2]) if len(shape) == 4 else st.nothing(),
            st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=3),
        )
    )
    return Reduced(shape, axes, draw(st.booleans()))


@st.composite
def quantized_cases(draw: st.DrawFn, op: str, dtype: str) -> conformance.Case:
    """Draws codes and scales for an op that rescales; zero points of int16 are 0."""
    rng = draw(conformance.generators())
    reduced = draw(reductions())
    zero_points = st.just(0) if dtype == "int16" else conformance.zero_points(dtype)
    scale = draw(conformance.scales())
    output_scale = draw(conformance.output_scales(scale))
    content = reduced.model(
        op,
        Operand((), scale, draw(zero_points), dtype),
        Operand((), output_scale, draw(zero_points), dtype),
    )
    codes = conformance.codes(rng, reduced.shape, dtype, extreme=draw(st.booleans()))
    return conformance.Case(content, (codes,))


@st.composite
def plain_cases(draw: st.DrawFn, op: str, dtype: str, has_scale: bool = True) -> conformance.Case:
    """Draws values of any integer type for an op that joins them as they are."""
    rng = draw(conformance.generators())
    reduced = draw(reductions(largest=5))
    operand = moving.operand((), dtype) if has_scale else Operand((), dtype=dtype)
    values = conformance.plain_values(rng, reduced.shape, dtype)
    return conformance.Case(reduced.model(op, operand, operand), (values,))


def models(op: str, dtype: str = "int8") -> Callable[..., bytes]:
    """Returns a function that makes models of an op that reduces rows; parts can be replaced."""

    def make(
        input_: Operand | None = None,
        output: Operand | None = None,
        shape: tuple[int, ...] = (2, 2),
        axes: list[int] | None = None,
        keep_dims: bool = False,
    ) -> bytes:
        operand = moving.operand((), dtype)
        inputs = [dataclasses.replace(input_ or operand, shape=shape), integers(axes or [1])]
        outputs = dataclasses.replace(output or operand, shape=(2,))
        return model(op, inputs, outputs, keep_dims=keep_dims)

    return make


def float32(exact: Fraction) -> Fraction:
    """Rounds to 24 bits, ties to even."""
    unit = Fraction(1)
    while abs(exact) / unit >= 2**24:
        unit *= 2
    while exact and abs(exact) / unit < 2**23:
        unit /= 2
    return round(exact / unit) * unit
