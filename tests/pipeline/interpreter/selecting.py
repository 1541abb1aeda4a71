"""What the tests of SELECT and SELECT_V2 share."""

from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model

TFLITE = ("reference", "ruy", "xnnpack")
DTYPES = ("bool", "int8", "uint8", "int16", "int32", "uint32", "int64")
_QUANTIZED = ("int8", "uint8", "int16")


@st.composite
def cases(draw: st.DrawFn, op: str, dtype: str, broadcast: bool) -> conformance.Case:
    """Draws a condition and two inputs; with `broadcast`, each may have ones in its shape."""
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    if broadcast:
        shapes = [shape, *(_narrowed(draw, shape) for _ in range(2))]
        shapes = draw(st.permutations(shapes))
    else:
        shapes = [draw(st.sampled_from([shape, shape[:1]])), shape, shape]
    scale, zero_point = (0.5, 3) if dtype in _QUANTIZED else (None, 0)
    inputs = [Operand(part, scale, zero_point, dtype) for part in shapes[1:]]
    content = model(
        op,
        [Operand(shapes[0], dtype="bool"), *inputs],
        Operand(shape, scale, zero_point, dtype),
    )
    values = [conformance.plain_values(rng, shapes[0], "bool")]
    values += [conformance.plain_values(rng, part, dtype) for part in shapes[1:]]
    return conformance.Case(content, tuple(values))


def _narrowed(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    ones = draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    return tuple(1 if one else size for one, size in zip(ones, shape, strict=True))
