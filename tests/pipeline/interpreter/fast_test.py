"""The compiled backend gives the numpy kernels' bits: op by op, and in whole models."""

import functools
import math
import pathlib
import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given

from pipeline import flatbuffer
from pipeline.errors import NotIntegerOnlyError, UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.interpreter import Interpreter, engines, fast, requantizers
from pipeline.interpreter.fast import compiled
from pipeline.interpreter.fast import convolution as fast_convolution
from pipeline.interpreter.fast.command import Command
from pipeline.interpreter.fast.segment import Op, Segment
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.window import Axis, Window
from pipeline.quant_params import QuantParams
from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, constant, integers, model

_BACKENDS = ("fast", "fast_generic")
_ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")

_Rng = np.random.Generator
_Case = tuple[bytes, tuple[np.ndarray, ...]]

# tflite-micro has next to no uint8.
_ENGINES = {"int8": tuple(engines.ENGINES), "uint8": ("reference", "ruy", "xnnpack")}

# Of (op, engine), numpy computes some forms: those whose codes depend on their place, and those
# that the engine computes in float32.
_PARTLY = {
    *(("ADD", "ruy"), ("MEAN", "ruy"), ("MEAN", "xnnpack"), ("MUL", "ruy"), ("MUL", "xnnpack")),
    *(("QUANTIZE", "ruy"), ("QUANTIZE", "xnnpack")),
}


def _check(case: _Case, engine_names: Sequence[str]) -> None:
    """Compares both forms of the compiled op with the numpy kernel of each engine."""
    content, inputs = case
    graph = flatbuffer.read(content).main
    op = graph.operators[0]
    for engine in engine_names:
        kernel, context = engines.choose(engine, OpContext.of(op, graph, "x86_64"))
        params = kernel.prepare(context)
        commands = [
            fast.compile_op(fast.NumpyOp(context, params, kernel.evaluate, generic))
            for generic in (False, True)
        ]
        if commands == [None, None]:
            assert (op.op, engine) in _PARTLY
            continue
        given_ = iter(inputs)
        operands = [
            None if tensor is None else next(given_) if tensor.data is None else tensor.data
            for tensor in context.inputs
        ]
        expected = kernel.evaluate(params, *operands)
        for command in commands:
            _check_command(command, context, operands, expected)


def _check_command(
    command: Command,
    context: OpContext,
    operands: Sequence[np.ndarray | None],
    expected: np.ndarray,
) -> None:
    segment = Segment([Op(command, context.inputs, context.output)], {context.output.index})
    values = {
        tensor.index: value
        for tensor, value in zip(context.inputs, operands, strict=True)
        if tensor is not None
    }
    for _ in range(2):  # The second run finds what the first left in memory.
        (actual,) = segment.run(*(values[tensor.index] for tensor in segment.inputs))
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


def _codes(rng: _Rng, dtype: str, *shape: int) -> np.ndarray:
    """Codes: all, or only the smallest and the largest."""
    return conformance.codes(rng, shape, dtype, extreme=bool(rng.integers(2)))


def _zero_point(rng: _Rng, dtype: str) -> int:
    limits = np.iinfo(dtype)
    return int(rng.choice([limits.min, limits.max, 0, rng.integers(limits.min, limits.max + 1)]))


def _scale(rng: _Rng) -> float:
    """A scale: any, a power of two, or a ratio that leads to ties."""
    kinds = 2.0 ** rng.uniform(-8, 3), 2.0 ** rng.integers(-8, 3), rng.integers(1, 600) / 255
    return float(np.float32(rng.choice(kinds)))


def _activation(rng: _Rng) -> str:
    return str(rng.choice(_ACTIVATIONS))


def _filtered(
    rng: _Rng,
    op: str,
    dtype: str,
    input_shape: tuple[int, ...],
    filter_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    channel_axis: int,
    has_bias: bool = True,
    **options: object,
) -> _Case:
    """An op with a filter; in half of the cases the bias alone makes the result, near ties."""
    channels = filter_shape[channel_axis]
    depth = math.prod(filter_shape) // channels
    input_scale = _scale(rng)
    filter_ = _filter(rng, dtype, filter_shape, channel_axis)
    filter_scales = np.float32(filter_.scale)
    zoom = 2.0 ** rng.choice([rng.uniform(-3, 3), rng.uniform(-12, 30)])
    output_scale = float(
        np.float32(input_scale * filter_scales.max() * math.sqrt(depth) * 90 * zoom)
    )
    zero_point = _zero_point(rng, dtype)
    if has_bias and rng.integers(2):
        values = np.full(input_shape, zero_point, dtype)
        multipliers = input_scale * filter_scales.astype(np.float64) / output_scale
        bias = conformance.accumulators_near_ties(rng, multipliers, channels)
    else:
        values = _codes(rng, dtype, *input_shape)
        bias = rng.integers(-(2**15), 2**15, channels).astype(np.int32)
    bias_scales = (input_scale * filter_scales).tolist()
    content = model(
        op,
        [
            Operand(input_shape, input_scale, zero_point, dtype),
            filter_,
            *([constant(bias, bias_scales, 0)] if has_bias else []),
        ],
        Operand(output_shape, output_scale, _zero_point(rng, dtype), dtype),
        fused_activation_function=_activation(rng),
        **options,
    )
    return content, (values,)


def _filter(rng: _Rng, dtype: str, shape: tuple[int, ...], channel_axis: int) -> Operand:
    """A filter for data of a type: per channel if of int8, with a zero point if of uint8."""
    if dtype == "uint8":
        zero_point = int(rng.choice([_zero_point(rng, dtype), 127, 128]))
        return Operand(shape, [_scale(rng)], zero_point, dtype, _codes(rng, dtype, *shape))
    if rng.integers(5) == 0:
        values = rng.integers(-7, 8, shape).astype(np.int8)
        return Operand(shape, [_scale(rng)], 0, "int4", values)
    spread = rng.choice([0, 3])
    scales = np.float32(_scale(rng) * 2 ** rng.uniform(-spread, spread, shape[channel_axis]))
    return constant(_codes(rng, dtype, *shape), scales.tolist(), channel_axis)


def _windows(rng: _Rng, dilated: bool) -> tuple[list[int], list[int], list[int], dict[str, object]]:
    """Returns images, window sizes, outputs along height and width, and options."""
    padding = str(rng.choice(["SAME", "VALID"]))
    sizes, strides = rng.integers(1, 6, 2), rng.integers(1, 4, 2)
    if rng.integers(2):
        sizes[:] = 3
    dilations = rng.choice([[1, 1], [1, 1], [2, 1], [1, 3]]) if dilated else np.array([1, 1])
    extents = (sizes - 1) * dilations + 1
    images = extents + rng.integers(0, 18, 2)
    if padding == "SAME":
        images = rng.integers(1, 18, 2)
    covered = images if padding == "SAME" else images - extents + 1
    options: dict[str, object] = {"padding": padding}
    for letter, stride, dilation in zip("hw", strides.tolist(), dilations.tolist(), strict=True):
        options[f"stride_{letter}"] = stride
        if dilated:
            options[f"dilation_{letter}_factor"] = dilation
    return images.tolist(), sizes.tolist(), (-(-covered // strides)).tolist(), options


def _conv_2d(rng: _Rng, dtype: str, has_bias: bool = True) -> _Case:
    images, sizes, outputs, options = _windows(rng, dilated=True)
    batch, depth, channels = (int(rng.integers(1, limit)) for limit in (3, 40, 90))
    return _filtered(
        *(rng, "CONV_2D", dtype, (batch, *images, depth), (channels, *sizes, depth)),
        *((batch, *outputs, channels), 0, has_bias),
        **options,
    )


def _pointwise(rng: _Rng, dtype: str) -> _Case:
    batch, height, width = (int(rng.integers(1, limit)) for limit in (3, 9, 9))
    depth, channels = int(rng.choice([4, 8, 32, 33])), int(rng.integers(1, 200))
    return _filtered(
        *(rng, "CONV_2D", dtype, (batch, height, width, depth), (channels, 1, 1, depth)),
        *((batch, height, width, channels), 0),
        padding="SAME",
        stride_h=1,
        stride_w=1,
    )


def _depthwise_conv_2d(rng: _Rng, dtype: str, has_bias: bool = True) -> _Case:
    images, sizes, outputs, options = _windows(rng, dilated=True)
    batch, multiplier = int(rng.integers(1, 3)), int(rng.choice([1, 1, 1, 5]))
    depth = int(rng.integers(1, 70)) if multiplier == 1 else 1
    channels = depth * multiplier
    return _filtered(
        *(rng, "DEPTHWISE_CONV_2D", dtype, (batch, *images, depth), (1, *sizes, channels)),
        *((batch, *outputs, channels), 3, has_bias),
        depth_multiplier=multiplier,
        **options,
    )


def _fully_connected(rng: _Rng, dtype: str) -> _Case:
    rows, depth, channels = (int(rng.integers(1, limit)) for limit in (20, 200, 150))
    shapes = (rows, depth), (channels, depth), (rows, channels)
    has_bias = bool(rng.integers(4))
    options = {"keep_num_dims": False, "weights_format": "DEFAULT"}
    return _filtered(rng, "FULLY_CONNECTED", dtype, *shapes, 0, has_bias, **options)


def _elementwise(rng: _Rng, dtype: str, op: str) -> _Case:
    shape = tuple(rng.integers(1, 20, rng.integers(1, 5)).tolist())
    second = shape if rng.integers(2) else shape[rng.integers(len(shape)) :]
    scales = _scale(rng), _scale(rng)
    unit = scales[0] * scales[1] if op == "MUL" else max(scales)
    operands = [Operand(shape, scales[0], _zero_point(rng, dtype), dtype)]
    values = [_codes(rng, dtype, *shape)]
    if rng.integers(3) == 0:
        ones = [1 if rng.integers(2) else size for size in shape]
        codes = _codes(rng, dtype, *ones)
        operands.append(Operand(codes.shape, scales[1], _zero_point(rng, dtype), dtype, codes))
    else:
        operands.append(Operand(second, scales[1], _zero_point(rng, dtype), dtype))
        values.append(_codes(rng, dtype, *second))
    if rng.integers(2):
        operands.reverse()
        values.reverse()
    output_scale = float(
        np.float32(unit * rng.choice([2.0 ** rng.uniform(-4, 3), 2.0, 0.5, 4 / 3]))
    )
    content = model(
        op,
        operands,
        Operand(shape, output_scale, _zero_point(rng, dtype), dtype),
        fused_activation_function=_activation(rng),
    )
    return content, tuple(values)


def _pool(rng: _Rng, dtype: str, op: str) -> _Case:
    images, sizes, outputs, options = _windows(rng, dilated=False)
    batch, channels = int(rng.integers(1, 3)), int(rng.integers(1, 40))
    shape, scale, zero_point = (batch, *images, channels), _scale(rng), _zero_point(rng, dtype)
    content = model(
        op,
        [Operand(shape, scale, zero_point, dtype)],
        Operand((batch, *outputs, channels), scale, zero_point, dtype),
        filter_height=sizes[0],
        filter_width=sizes[1],
        fused_activation_function=_activation(rng),
        **options,
    )
    return content, (_codes(rng, dtype, *shape),)


def _mean(rng: _Rng, dtype: str) -> _Case:
    shape = tuple(rng.integers(1, 20, 4).tolist())
    begin, end = sorted(rng.choice(5, 2, replace=False).tolist())
    keep_dims = bool(rng.integers(2))
    output = tuple(
        1 if begin <= axis < end else size
        for axis, size in enumerate(shape)
        if keep_dims or not begin <= axis < end
    )
    scale = _scale(rng)
    output_scale = float(np.float32(scale * 2 ** rng.uniform(-8, 2)))
    content = model(
        "MEAN",
        [
            Operand(shape, scale, _zero_point(rng, dtype), dtype),
            integers(list(range(begin, end))),
        ],
        Operand(output, output_scale, _zero_point(rng, dtype), dtype),
        keep_dims=keep_dims,
    )
    return content, (_codes(rng, dtype, *shape),)


def _softmax(rng: _Rng, dtype: str) -> _Case:
    shape = int(rng.integers(1, 20)), int(rng.choice([1, 2, 10, 10, 17, 17, 40, 1001]))
    content = model(
        "SOFTMAX",
        [Operand(shape, _scale(rng), _zero_point(rng, dtype), dtype)],
        Operand(shape, 1 / 256, np.iinfo(dtype).min, dtype),
        beta=float(rng.choice([1.0, 0.3])),
    )
    return content, (_codes(rng, dtype, *shape),)


def _pad(rng: _Rng, dtype: str) -> _Case:
    shape = tuple(rng.integers(1, 9, rng.integers(1, 5)).tolist())
    paddings = rng.integers(0, 3, (len(shape), 2))
    scale, zero_point = _scale(rng), _zero_point(rng, dtype)
    output = tuple((np.array(shape) + paddings.sum(axis=1)).tolist())
    inputs = [Operand(shape, scale, zero_point, dtype), integers(paddings)]
    content = model("PAD", inputs, Operand(output, scale, zero_point, dtype))
    return content, (_codes(rng, dtype, *shape),)


# Of ops that are tables: types of input and output.
_INT8 = (("int8", "int8"),)
_SAME = (("int8", "int8"), ("uint8", "uint8"))
_TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "ABS": _INT8,
    "ELU": _INT8,
    "EXP": _INT8,
    "GELU": _SAME,
    "HARD_SWISH": _SAME,
    "LEAKY_RELU": _SAME,
    "LOG": _INT8,
    "LOGISTIC": _SAME,
    "NEG": _INT8,
    "QUANTIZE": (("int8", "int8"), ("int8", "uint8"), ("uint8", "int8")),
    "RELU": _SAME,
    "RELU6": _SAME,
    "RELU_0_TO_1": _SAME,
    "RELU_N1_TO_1": _SAME,
    "TANH": _SAME,
}

# What the output of some must be, by type; of TANH, tflite-micro asks for that.
_OUTPUTS = {
    ("LOGISTIC", "int8"): (1 / 256, -128),
    ("LOGISTIC", "uint8"): (1 / 256, 0),
    ("TANH", "int8"): (1 / 128, 0),
}


def _table(rng: _Rng, op: str, input_dtype: str, output_dtype: str) -> _Case:
    """Every code several times in random order; vectors of 16 leave some over."""
    codes = unary.all_codes(input_dtype)
    values = rng.permutation(np.concatenate([np.repeat(codes, 3), codes[: rng.integers(1, 40)]]))
    shape, scale = values.shape, _scale(rng)
    zero_points = _zero_point(rng, input_dtype), _zero_point(rng, output_dtype)
    ratio = rng.choice([2.0 ** rng.uniform(-3, 3), 2.0 ** rng.integers(-3, 4), 4 / 3])
    output = float(np.float32(scale * ratio)), zero_points[1]
    if op == "NEG":
        zero_points, output = (0, 0), (scale, 0)  # It warns of others.
    options: dict[str, object] = {}
    if op == "GELU":
        options["approximate"] = bool(rng.integers(2))
    if op == "LEAKY_RELU":
        options["alpha"] = float(rng.choice([0.1, 0.25, 2.0, -0.3]))
    content = model(
        op,
        [Operand(shape, scale, zero_points[0], input_dtype)],
        Operand(shape, *_OUTPUTS.get((op, output_dtype), output), output_dtype),
        **options,
    )
    return content, (values,)


_DRAW: dict[str, Callable[[_Rng, str], _Case]] = {
    "ADD": functools.partial(_elementwise, op="ADD"),
    "AVERAGE_POOL_2D": functools.partial(_pool, op="AVERAGE_POOL_2D"),
    "CONV_2D": _conv_2d,
    "CONV_2D pointwise": _pointwise,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": functools.partial(_pool, op="MAX_POOL_2D"),
    "MEAN": _mean,
    "MUL": functools.partial(_elementwise, op="MUL"),
    "PAD": _pad,
    "SOFTMAX": _softmax,
    "SUB": functools.partial(_elementwise, op="SUB"),
}


@pytest.mark.parametrize("op", _DRAW)
@pytest.mark.parametrize("dtype", _ENGINES)
@conformance.random_cases
@given(rng=conformance.generators())
def test_equals_numpy(op: str, dtype: str, rng: _Rng) -> None:
    _check(_DRAW[op](rng, dtype), _ENGINES[dtype])


@pytest.mark.parametrize("draw", [_conv_2d, _depthwise_conv_2d])
def test_filters_without_a_bias(draw: Callable[..., _Case]) -> None:
    _check(draw(np.random.default_rng(0), "int8", has_bias=False), ["tflm"])


@pytest.mark.parametrize("op", _TABLES)
@conformance.random_cases
@given(rng=conformance.generators())
def test_tables_equal_numpy(op: str, rng: _Rng) -> None:
    dtypes = _TABLES[op][rng.integers(len(_TABLES[op]))]
    _check(_table(rng, op, *dtypes), _ENGINES[dtypes[0]])


@pytest.mark.parametrize("op", ["ADD", "SUB"])
@pytest.mark.parametrize("dtype", _ENGINES)
@conformance.random_cases
@given(rng=conformance.generators())
def test_sum_of_every_pair_of_codes(op: str, dtype: str, rng: _Rng) -> None:
    codes = unary.all_codes(dtype)
    first, second = (np.ascontiguousarray(half) for half in np.meshgrid(codes, codes))
    scales = _scale(rng), _scale(rng)
    output_scale = max(scales) * rng.choice([2.0 ** rng.uniform(-6, 3), 2.0, 1.0, 4 / 3])
    content = model(
        op,
        [Operand(first.shape, scale, _zero_point(rng, dtype), dtype) for scale in scales],
        Operand(first.shape, float(np.float32(output_scale)), _zero_point(rng, dtype), dtype),
    )
    _check((content, (first, second)), ("reference", "xnnpack"))


_REQUANTIZERS = {
    "DoubleRounding": requantizers.DoubleRounding.from_real,
    "HalfUp": requantizers.HalfUp.from_real,
    "VectorRounding": requantizers.VectorRounding.of_channels,
    "DoublePrecision": requantizers.DoublePrecision.from_real,
    "SinglePrecision": requantizers.SinglePrecision.from_real,
}


@pytest.mark.parametrize("name", _REQUANTIZERS)
@pytest.mark.parametrize("dtype", _ENGINES)
@conformance.random_cases
@given(rng=conformance.generators())
def test_requantizers_of_any_accumulator(name: str, dtype: str, rng: _Rng) -> None:
    channels = 603
    kind, top = rng.integers(3), rng.choice([-0.01, 3])
    multipliers = 2.0 ** rng.uniform(-22, top, channels)
    if kind == 1:  # Ties that are exact.
        multipliers = 2.0 ** rng.integers(-22, int(top), channels)
    if name == "SinglePrecision":
        multipliers = np.float32(multipliers).astype(np.float64)
    accumulators = conformance.accumulators_near_ties(rng, multipliers, channels)
    if kind == 2:  # Bounded, so that multipliers from 1/2 have a quick form too.
        accumulators = np.clip(accumulators, -(2**20), 2**20)
    zero_point = _zero_point(rng, dtype)
    limits = np.iinfo(dtype)
    activation_min = int(rng.choice([limits.min, zero_point, limits.min + 125]))
    stage = OutputStage(
        _REQUANTIZERS[name](multipliers.tolist()),
        *(zero_point, activation_min, limits.max, np.dtype(dtype)),
    )
    one_tap = Axis(1, 1, 1, (0, 0), 1)
    command = fast_convolution.prepare(
        fast_convolution.Constants(0, np.zeros((channels, 1, 1, 1), np.int16), accumulators, stage),
        Window(one_tap, one_tap),
        (1, 1, 1, 1),
        generic=False,
    )
    assert command is not None
    shapes = (1, 1, 1, 1), (1, 1, 1, channels)
    input_, output = (Tensor(index, "", shape, dtype) for index, shape in enumerate(shapes))
    segment = Segment([Op(command, (input_,), output)], {1})
    (actual,) = segment.run(np.zeros(shapes[0], dtype))
    np.testing.assert_array_equal(actual.reshape(-1), stage(accumulators))


def test_ops_that_are_compiled_are_tested() -> None:
    same_memory = {"EXPAND_DIMS", "RESHAPE", "SQUEEZE"}
    assert {name.split()[0] for name in (*_DRAW, *_TABLES)} == fast.OPS - same_memory


_INT8_MODELS = (
    "micro/micro_speech_quantized.tflite",
    "mlperf_tiny/kws_ref_model.tflite",
    "mlperf_tiny/model_ToyCar_quant_fullint_micro_intio.tflite",
    "mlperf_tiny/pretrainedResnet_quant.tflite",
    "mlperf_tiny/str_ww_ref_model.tflite",
    "mobilenet/tf2_mobilenet_v2_1.0_224_ptq.tflite",
)


_UINT8_MODELS = ("mobilenet/mobilenet_v1_0.25_224_quant.tflite",)
_RUNS = [(name, engine) for name in _INT8_MODELS for engine in _ENGINES["int8"]]
_RUNS += [(name, engine) for name in _UINT8_MODELS for engine in _ENGINES["uint8"]]


@pytest.mark.parametrize(("name", "engine"), _RUNS)
def test_whole_models(shared_dir: pathlib.Path, name: str, engine: str) -> None:
    content = (shared_dir / "tflite_models" / name).read_bytes()
    expected = Interpreter(content, engine, "x86_64", backend="numpy", keep_tensors=True)
    rng = np.random.default_rng(0)
    inputs = [conformance.codes(rng, d.shape, str(d.dtype)) for d in expected.input_details]
    outputs = expected.run(*inputs)
    computed = [index for op in flatbuffer.read(content).main.operators for index in op.outputs]
    for backend in _BACKENDS:
        keeping = Interpreter(content, engine, "x86_64", backend=backend, keep_tensors=True)
        keeping.run(*inputs)
        for index in computed:
            np.testing.assert_array_equal(keeping.tensor(index), expected.tensor(index), str(index))
        # Without keep_tensors, values share memory.
        interpreter = Interpreter(content, engine, "x86_64", backend=backend)
        for _ in range(2):
            for ours, theirs in zip(interpreter.run(*inputs), outputs, strict=True):
                np.testing.assert_array_equal(ours, theirs)


_QUANTIZATION = QuantParams((0.5,), (0,))


def _graph(*operators: tuple[str, tuple[int, ...], int], num_tensors: int, dtype: str) -> bytes:
    """A model of tensors [2, 8] from tensor 0 on; RESHAPEs give [16], tensors 8 and up."""
    tensors = tuple(
        Tensor(index, f"t{index}", (2, 8) if index < 8 else (16,), dtype, _QUANTIZATION)
        for index in range(num_tensors)
    )
    ops = tuple(
        Operator(index, op, 1, inputs, (output,))
        for index, (op, inputs, output) in enumerate(operators)
    )
    outputs = (operators[-1][2],)
    return flatbuffer.write(Graph((Subgraph("main", tensors, (0,), outputs, ops),)))


@pytest.mark.parametrize("backend", _BACKENDS)
@pytest.mark.parametrize("keep_tensors", [False, True])
@pytest.mark.parametrize("dtype", _ENGINES)
def test_rows_of_ops_between_others(backend: str, keep_tensors: bool, dtype: str) -> None:
    content = _graph(
        ("RELU", (0,), 1),
        ("ADD", (0, 1), 2),
        ("CONCATENATION", (2,), 5),  # Not compiled.
        ("RESHAPE", (5,), 8),
        ("RELU6", (8,), 9),
        ("RESHAPE", (9,), 3),
        ("ADD", (3, 1), 4),
        num_tensors=10,
        dtype=dtype,
    )
    codes = unary.all_codes(dtype)[120:136].reshape(2, 8)
    expected = Interpreter(content, backend="numpy", keep_tensors=True)
    actual = Interpreter(content, backend=backend, keep_tensors=keep_tensors)
    assert actual.run(codes)[0].tolist() == expected.run(codes)[0].tolist()
    if keep_tensors:
        for index in (0, 1, 2, 3, 4, 5, 8, 9):
            assert actual.tensor(index).tolist() == expected.tensor(index).tolist()


def test_batches_on_threads() -> None:
    content, _ = _conv_2d(np.random.default_rng(1), "int8")
    shape = Interpreter(content).input_details[0].shape
    images = conformance.codes(np.random.default_rng(2), (20 * shape[0], *shape[1:]))
    (expected,) = Interpreter(content, backend="numpy").run_batch(images)
    (actual,) = Interpreter(content, backend="fast", num_threads=3).run_batch(images)
    np.testing.assert_array_equal(actual, expected)


def test_outputs_belong_to_the_caller() -> None:
    interpreter = Interpreter(
        model("RELU", [Operand((4,), 0.5)], Operand((4,), 0.5)), backend="fast"
    )
    (first,) = interpreter.run(np.array([1, 2, 3, 4], np.int8))
    interpreter.run(np.array([5, 6, 7, 8], np.int8))
    assert first.tolist() == [1, 2, 3, 4]


def test_a_kernel_with_floats_is_refused() -> None:
    view = compiled.view

    def halve(first: int, _: int) -> None:
        values = view(first, 1, np.float32)
        values[0] = values[0] * np.float32(0.5)

    with pytest.raises(NotIntegerOnlyError, match="test_halve"):
        _ = compiled.Kernel(halve, "test_halve").code


def test_without_a_folder_to_write_kernels_are_compiled_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setattr(compiled, "_cache_folders", lambda: [blocked / "cache"])
    compiled.cache_folder.cache_clear()
    try:

        def nothing(_: int, __: int) -> None:
            pass

        compiled.Kernel(nothing, "test_nothing").run(0, 0)
    finally:
        compiled.cache_folder.cache_clear()


def test_names_of_two_processes_differ() -> None:
    """Else, where kept kernels of both are loaded, the linker mixes up what they call."""
    program = (
        "from pipeline.interpreter.fast.compiled import compiled\n"
        "function = compiled(lambda x: x)\n"
        "function(1)\n"
        "print(*(overload.fndesc.mangled_name for overload in function.overloads.values()))"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=pathlib.Path(__file__).parents[3],
            capture_output=True,
            check=True,
        ).stdout
        for _ in range(2)
    )
    assert b"lambda" in first
    assert first != second


def test_numba_is_imported_only_when_used() -> None:
    program = (
        "import sys; from pipeline.interpreter import Interpreter; "
        "Interpreter(sys.stdin.buffer.read()); print('numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=pathlib.Path(__file__).parents[3],
        input=model("RELU", [Operand((4,), 0.5)], Operand((4,), 0.5)),
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"False"


def test_without_numba_fast_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)  # As if it were not installed.
    for name in [name for name in sys.modules if name.startswith(f"{fast.__name__}.")]:
        monkeypatch.delitem(sys.modules, name)
    content = model("RELU", [Operand((4,), 0.5)], Operand((4,), 0.5))
    with pytest.raises(UnsupportedOpError, match="needs numba"):
        Interpreter(content, backend="fast")


def test_auto_is_fast_where_it_pays() -> None:
    def subgraph(size: int) -> Subgraph:
        filter_ = constant(np.ones((8, 3, 3, 8), np.int8), 1.0)
        shape = (1, size, size, 8)
        content = model(
            *("CONV_2D", [Operand(shape, 1.0), filter_, integers([0] * 8)], Operand(shape, 1.0)),
            padding="SAME",
            stride_h=1,
            stride_w=1,
        )
        return flatbuffer.read(content).main

    assert not fast.pays(subgraph(8))
    assert fast.pays(subgraph(64))
