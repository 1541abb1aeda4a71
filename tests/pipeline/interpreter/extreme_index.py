"""What the tests of ARG_MAX and ARG_MIN share."""

from collections.abc import Callable
from typing import TypedDict

from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model

# tflite-micro takes int8 only, and its axis and indices are int32.
ENGINES: dict[str, tuple[str, ...]] = {
    "bool": moving.TFLITE,
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int32": moving.TFLITE,
}


class Parts(TypedDict, total=False):
    """What can be replaced in a model."""

    shape: tuple[int, ...]
    dtype: str
    axis: list[int]
    index_dtype: str
    output_type: str


NO_TYPES: list[Parts] = [
    {"dtype": "int16"},
    {"index_dtype": "int16", "output_type": "INT16"},
    {"output_type": "INT64"},
]
NO_AXES: list[Parts] = [{"axis": [2]}, {"axis": [0, 1]}, {"shape": (2, 0)}]


def models(op: str) -> Callable[..., bytes]:
    """Returns a function that makes models of an op; parts can be replaced."""

    def make(
        shape: tuple[int, ...] = (2, 3),
        dtype: str = "int8",
        axis: list[int] | None = None,
        index_dtype: str = "int32",
        output_type: str = "INT32",
    ) -> bytes:
        return model(
            op,
            [moving.operand(shape, dtype), integers(axis or [-1])],
            Operand((2,), dtype=index_dtype),
            output_type=output_type,
        )

    return make


@st.composite
def cases(draw: st.DrawFn, op: str, dtype: str) -> conformance.Case:
    """Draws a shape, one axis of it that is long at times, and values, many of which are equal."""
    rng = draw(conformance.generators())
    shape = draw(moving.shapes())
    axis, place = moving.any_axis(draw, len(shape))
    shape[place] = draw(st.integers(1, 70))
    kinds = ["int32"] if "tflm" in ENGINES[dtype] else ["int32", "int64"]
    kind = draw(st.sampled_from(kinds))
    content = model(
        op,
        [moving.operand(shape, dtype), integers([axis], dtype=draw(st.sampled_from(kinds)))],
        Operand((*shape[:place], *shape[place + 1 :]), dtype=kind),
        output_type=kind.upper(),
    )
    return conformance.Case(content, (conformance.plain_values(rng, tuple(shape), dtype),))
