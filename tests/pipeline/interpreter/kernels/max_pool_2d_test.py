"""MAX_POOL_2D against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, pooling
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

_OPTIONS = {
    "padding": "SAME",
    "stride_h": 1,
    "stride_w": 2,
    "filter_height": 1,
    "filter_width": 2,
}

# tflite-micro has no uint8 here.
ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
}


def _model(
    input_: Operand | None = None, output: Operand | None = None, **options: object
) -> bytes:
    """Returns pairs of a row of three, the last of them half outside; parts can be replaced."""
    return model(
        "MAX_POOL_2D",
        [input_ or Operand((1, 1, 3, 1), 1.0, 0)],
        output or Operand((1, 1, 2, 1), 1.0, 0),
        **_OPTIONS | options,
    )


def test_takes_the_largest_tap_inside() -> None:
    assert conformance.run(_model(), [[[[-9], [-3], [-128]]]]) == [[[[-3], [-128]]]]


def test_relu_clamps() -> None:
    content = _model(fused_activation_function="RELU")
    assert conformance.run(content, [[[[-9], [3], [-128]]]]) == [[[[3], [0]]]]


@pytest.mark.parametrize(
    ("engine", "width", "largest"),
    [("reference", 2, 101), ("xnnpack", 2, 100), ("xnnpack", 1, 101)],
)
def test_xnnpack_rounds_bounds_to_even_but_takes_no_stride_beyond_the_window(
    engine: str, width: int, largest: int
) -> None:
    # 1 / scale is 100.5.
    content = _model(
        Operand((1, 1, 4, 1), 2 / 201),
        Operand((1, 1, 2, 1), 2 / 201),
        filter_width=width,
        fused_activation_function="RELU_N1_TO_1",
    )
    codes = [[[[127], [127], [-128], [-128]]]]
    assert conformance.run(content, codes, kernels=engine) == [[[[largest], [-largest]]]]


def test_c1_types_and_rank() -> None:
    conformance.refuses("C1", _model(input_=Operand((1, 1, 3, 1), 1.0, 0, "uint8")))
    wide = Operand((1, 1, 3, 1), 1.0, 0, "int32"), Operand((1, 1, 2, 1), 1.0, 0, "int32")
    conformance.refuses("C1", _model(*wide))
    conformance.refuses("C1", _model(input_=Operand((1, 3, 1), 1.0, 0)))


@pytest.mark.parametrize("quantization", [(1.5, 0), (1.0, 1)])
def test_c2_same_quantization(quantization: tuple[float, int]) -> None:
    conformance.refuses("C2", _model(output=Operand((1, 1, 2, 1), *quantization)))


def test_c3_windows() -> None:
    conformance.refuses("C3", _model(stride_w=0))
    conformance.refuses("C3", _model(padding="VALID"))


def test_c4_activation() -> None:
    conformance.refuses("C4", _model(fused_activation_function="TANH"))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(pooling.cases("MAX_POOL_2D", dtype))
    conformance.check(oracle, case, ENGINES[dtype])
