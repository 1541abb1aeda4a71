"""REDUCE_PROD against worked examples and every engine."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving, reducing
from tests.pipeline.interpreter.one_op import Operand
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no REDUCE_PROD. Types that are not plain have scales.
ENGINES = {
    "int8": moving.TFLITE,
    "int16": moving.TFLITE,
    "plain int8": moving.TFLITE,
    "plain uint8": moving.TFLITE,
    "plain int16": moving.TFLITE,
    "plain int32": moving.TFLITE,
    "plain int64": moving.TFLITE,
}
_model = reducing.models("REDUCE_PROD")


def test_products_in_the_output_scale() -> None:
    # Halves: 2 * -3 and 7 * 1. The multiplier is 1/2 over the root of 1/4, which is 1.
    content = _model(output=Operand((), 0.25, -1))
    assert conformance.run(content, [[5, 0], [10, 4]]) == [-7, 6]


def test_plain_integers_wrap() -> None:
    plain = Operand((), dtype="int32")
    content = _model(input_=plain, output=plain)
    assert conformance.run(content, [[2**16, 2**15], [3, 5]]) == [-(2**31), 15]


def test_the_optimized_kernel_copies_where_nothing_is_reduced() -> None:
    content = _model(shape=(2, 1), output=Operand((), 0.25, -1))
    # Halves 2 and -3 from 3 are quarters 4 and -6 from -1.
    assert conformance.run(content, [[5], [0]]) == [3, -7]
    with pytest.warns(UserWarning, match="copies codes of another scale"):
        assert conformance.run(content, [[5], [0]], kernels="ruy") == [5, 0]


def test_c1_types() -> None:
    uint8 = Operand((), 0.5, 3, "uint8")
    conformance.refuses("C1", _model(input_=uint8, output=uint8))
    conformance.refuses("C1", _model(input_=reducing.SHIFTED, output=reducing.SHIFTED))


def test_c2_axes() -> None:
    conformance.refuses("C2", _model(axes=[2]))


def test_c3_at_least_one_element() -> None:
    conformance.refuses("C3", _model(shape=(2, 0)))


def test_c4_output_shape() -> None:
    conformance.refuses("C4", _model(keep_dims=True))


def test_c5_multiplier_and_number_of_elements() -> None:
    conformance.refuses("C5", _model(output=Operand((), 2.0**-16, 0)))
    conformance.refuses("C5", _model(shape=(2, 2**14 + 1)))


@st.composite
def _quantized_cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    """Draws the multiplier, so that products neither vanish nor overflow at once."""
    rng = draw(conformance.generators())
    reduced = draw(reducing.reductions(largest=4))
    count = math.prod(reduced.shape) // math.prod(reduced.output)
    zero_points = st.just(0) if dtype == "int16" else conformance.zero_points(dtype)
    scale = draw(conformance.scales())
    power = count * (math.log2(scale) - draw(st.floats(-14, 6)))
    content = reduced.model(
        "REDUCE_PROD",
        Operand((), scale, draw(zero_points), dtype),
        Operand((), 2.0 ** min(max(power, -100), 100), draw(zero_points), dtype),
    )
    codes = conformance.codes(rng, reduced.shape, dtype, extreme=draw(st.booleans()))
    return conformance.Case(content, (codes,))


@pytest.mark.parametrize("dtype", ENGINES)
@pytest.mark.filterwarnings("ignore:.*copies codes of another scale")
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    if dtype.startswith("plain "):
        plain = reducing.plain_cases("REDUCE_PROD", dtype.removeprefix("plain "), has_scale=False)
        case = data.draw(plain)
    else:
        case = data.draw(_quantized_cases(dtype))
    conformance.check(oracle, case, ENGINES[dtype])
