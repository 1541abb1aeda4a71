"""What the tests of the six comparison ops share."""

from collections.abc import Callable

from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model

# tflite-micro compares neither uint8 nor int16.
_TFLITE = ("reference", "ruy", "xnnpack")
ENGINES: dict[str, tuple[str, ...]] = {
    "int8": (*_TFLITE, "tflm"),
    "uint8": _TFLITE,
    "int16": _TFLITE,
    "int32": (*_TFLITE, "tflm"),
    "int64": (*_TFLITE, "tflm"),
}
ENGINES_WITH_BOOL = {**ENGINES, "bool": (*_TFLITE, "tflm")}


def plain(dtype: str) -> Operand:
    """Returns three integers that are no quantized values."""
    return Operand((3,), dtype=dtype)


def models(op: str) -> Callable[..., bytes]:
    """Returns a function that makes models of an op; parts can be replaced."""

    def make(
        first: Operand | None = None, shape: tuple[int, ...] = (3,), scale: float = 0.25
    ) -> bytes:
        inputs = [first or Operand((3,), 0.5, 1), Operand((3,), scale, -3)]
        return model(op, inputs, Operand(shape, dtype="bool"))

    return make


@st.composite
def cases(draw: st.DrawFn, op: str, dtype: str) -> conformance.Case:
    """Draws shapes that broadcast, scales, and codes of which many compare as equal."""
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    other = draw(st.sampled_from([shape, shape[1:] or (1,), tuple(1 for _ in shape)]))
    first, second = (_operand(draw, dtype, part) for part in (shape, other))
    values = [conformance.plain_values(rng, part, dtype) for part in (shape, other)]
    if draw(st.booleans()):
        first, second, values = second, first, values[::-1]
    content = model(op, [first, second], Operand(shape, dtype="bool"))
    return conformance.Case(content, tuple(values))


def _operand(draw: st.DrawFn, dtype: str, shape: tuple[int, ...]) -> Operand:
    if dtype not in ("int8", "uint8", "int16"):
        return Operand(shape, dtype=dtype)
    scale = draw(
        st.one_of(
            st.sampled_from([0.5, 0.25, 1 / 255, 2.0**-10, 0.999]),
            st.floats(-12, -0.01).map(lambda power: 2.0**power),
        )
    )
    return Operand(shape, scale, draw(conformance.zero_points(dtype)), dtype)
