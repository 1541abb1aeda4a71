"""Floats at the edges of a model, where they were asked for: what is not integer-only, and no more.

A model is cut in three. At the front, QUANTIZE turns float inputs into codes. At the back,
DEQUANTIZE turns codes into float outputs, and TFLite_Detection_PostProcess codes or dequantized
codes into detections. All between is a subgraph of its own, of integers from its inputs to its
outputs, watched by the guard like any other: no float reaches it.

  QUANTIZE    codes = clamp(zero_point + round(x / scale)), in float32
                reference, tflm       ties away from zero
                xnnpack, 8-bit        x * (1 / scale), clamped before rounding, ties to even
                ruy, and its 16-bit   x * (1 / scale), ties to even, for whole groups of eight
                                      elements; the last ones x / scale in double, ties away
                                      from zero
              where a rounded quotient is no int32, x86-64 takes it for -2**31 and arm64 clamps it,
              but for xnnpack; then the zero point is added, modulo 2**32
  DEQUANTIZE  x = (code - zero_point) * scale, rounded once to float32
                ruy, 8-bit            code * scale + (-zero_point * scale), every operation rounded,
                                      for whole groups of eight elements

Constraints (tests are named after these labels):
  C1  codes are int8, uint8 or int16; reals are float32; tflite-micro does not quantize to uint8.
  C2  there is one input, of the output's shape.

Source: AffineQuantize and Dequantize, tensorflow/lite/kernels/internal/{reference,optimized};
XNNPACK, src/f32-qs8-vcvt and src/qs8-f32-vcvt.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from pipeline import float_edges
from pipeline.errors import InputError
from pipeline.graph import Operator, Subgraph
from pipeline.interpreter import detection, fixed_point
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

_FLOAT = "float32"
_CODES = ("int8", "uint8", "int16")
_GROUP = 8  # Elements that ruy's kernels take at once.

_Values = dict[int, np.ndarray]
_Evaluate = Callable[..., tuple[np.ndarray, ...]]


@dataclasses.dataclass(frozen=True, eq=False)
class _Step:
    """One op outside of the integer graph."""

    operator: Operator
    evaluate: _Evaluate


class Boundary:
    """A subgraph whose edges compute in floats, cut into those edges and what is between.

    Attributes:
      core: What is between; of integers only, if the model is that at all.
      ops: The ops at the edges, in order.
    """

    def __init__(self, subgraph: Subgraph, engine: str, target: str) -> None:
        """Finds and prepares the edges.

        Args:
          subgraph: What is run first.
          engine: A key of ENGINES.
          target: "x86_64" or "arm64".

        Raises:
          UnsupportedOpError: An op at an edge has a form that is not supported.
          ModelError: It is malformed.
        """
        front, back = float_edges.find(subgraph)
        self.ops = (*front, *back)
        self.core = _core(subgraph, front, back)
        self._subgraph = subgraph
        self._front, self._back = (
            tuple(_Step(op, _prepare(OpContext.of(op, subgraph, target), engine)) for op in ops)
            for ops in (front, back)
        )

    def enter(self, inputs: Sequence[np.ndarray]) -> _Values:
        """Returns the values of the inputs and of what the front makes of them, by index.

        Raises:
          InputError: A float input is infinite or no number.
        """
        values = dict(zip(self._subgraph.inputs, inputs, strict=True))
        for index, value in values.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                name = self._subgraph.tensors[index].name
                raise InputError(f"input {name!r} needs finite numbers, got others")
        return self._run(self._front, values)

    def leave(self, values: _Values) -> _Values:
        """Returns `values` and what the back makes of them, by index.

        Raises:
          ModelError: A box ends before it begins.
        """
        return self._run(self._back, values)

    def _run(self, steps: Sequence[_Step], values: _Values) -> _Values:
        values = dict(values)
        for step in steps:
            tensors = [self._subgraph.tensors[index] for index in step.operator.inputs]
            results = step.evaluate(
                *(
                    values[tensor.index] if tensor.data is None else tensor.data
                    for tensor in tensors
                )
            )
            values.update(zip(step.operator.outputs, results, strict=True))
        return values


def _core(subgraph: Subgraph, front: Sequence[Operator], back: Sequence[Operator]) -> Subgraph:
    """Returns the subgraph without its edges: what they give and take are its new edges."""
    edges = {op.index for op in (*front, *back)}
    between = tuple(op for op in subgraph.operators if op.index not in edges)
    made = {index for op in back for index in op.outputs}
    needed = [index for index in subgraph.outputs if index not in made]
    needed += [
        index
        for op in back
        for index in op.inputs
        if index not in made and subgraph.tensors[index].data is None
    ]
    read = {index for op in between for index in op.inputs}.union(needed)
    quantized = {index for op in front for index in op.inputs}
    inputs = [index for index in subgraph.inputs if index not in quantized or index in read]
    inputs += [index for op in front for index in op.outputs]
    return dataclasses.replace(
        subgraph,
        inputs=tuple(inputs),
        outputs=tuple(dict.fromkeys(needed)),
        operators=between,
    )


def _prepare(context: OpContext, engine: str) -> _Evaluate:
    if float_edges.is_detection(context.operator):
        # TFLite calls its optimized kernel for the scores, whatever the engine.
        return detection.prepare(context, None if engine == "tflm" else _dequantize_in_groups)
    context.require(len(context.inputs) == 1, "C2", "one input", len(context.inputs))
    if context.operator.op == "DEQUANTIZE":
        return _prepare_dequantize(context, engine)
    return _prepare_quantize(context, engine)


def _prepare_quantize(context: OpContext, engine: str) -> _Evaluate:
    dtype = context.output.dtype
    codes = [code for code in _CODES if (engine, code) != ("tflm", "uint8")]
    context.require_one_of("C1", [(_FLOAT, code) for code in codes])
    context.require_shape("C2", context.input(0).shape)
    scale, zero_point = context.per_tensor(context.output)
    low, high = QUANTIZED_LIMITS[dtype]

    def evaluate(reals: np.ndarray) -> tuple[np.ndarray]:
        with np.errstate(over="ignore"):
            if engine == "xnnpack" and dtype != "int16":
                quotients = reals * (np.float32(1) / np.float32(scale))
                clamped = np.clip(quotients, np.float32(low - zero_point), high - zero_point)
                return ((np.rint(clamped).astype(np.int32) + zero_point).astype(dtype),)
            in_groups = engine in ("ruy", "xnnpack")
            rounded = _rounded_quotients(reals, scale, in_groups)
        shifted = _to_int32(rounded, context.target) + np.int32(zero_point)
        return (np.clip(shifted, low, high).astype(dtype),)

    return evaluate


def _prepare_dequantize(context: OpContext, engine: str) -> _Evaluate:
    context.require_one_of("C1", [(code, _FLOAT) for code in _CODES])
    context.require_shape("C2", context.input(0).shape)
    scale, zero_point = context.per_tensor(context.input(0))
    in_groups = engine == "ruy" and context.input(0).dtype != "int16"
    dequantize = _dequantize_in_groups if in_groups else _dequantize_exactly
    return lambda codes: (dequantize(codes, scale, zero_point),)


def _rounded_quotients(reals: np.ndarray, scale: float, in_groups: bool) -> np.ndarray:
    """Returns round(reals / scale) as float64."""
    if not in_groups:
        return _round_half_away((reals / np.float32(scale)).astype(np.float64))
    flat = reals.reshape(-1)
    rounded = _round_half_away(flat.astype(np.float64) / scale)
    count = flat.size - flat.size % _GROUP
    rounded[:count] = np.rint(flat[:count] * (np.float32(1) / np.float32(scale)))
    return rounded.reshape(reals.shape)


def _round_half_away(x: np.ndarray) -> np.ndarray:
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def _to_int32(rounded: np.ndarray, target: str) -> np.ndarray:
    """Returns whole numbers as a machine converts them to int32."""
    low, high = fixed_point.INT32_MIN, fixed_point.INT32_MAX
    if target == "x86_64":
        rounded = np.where((rounded < low) | (rounded > high), low, rounded)
    return np.clip(rounded, low, high).astype(np.int32)


def _dequantize_exactly(codes: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    centered = codes.astype(np.int64) - zero_point
    return (centered.astype(np.float64) * scale).astype(np.float32)


def _dequantize_in_groups(codes: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    result = _dequantize_exactly(codes, scale, zero_point).reshape(-1)
    count = codes.size - codes.size % _GROUP
    products = codes.reshape(-1)[:count].astype(np.float32) * np.float32(scale)
    result[:count] = products + np.float32(-zero_point) * np.float32(scale)
    return result.reshape(codes.shape)
