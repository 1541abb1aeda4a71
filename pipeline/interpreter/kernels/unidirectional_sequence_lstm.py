"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 input, weights and output, int16 cell.

For each step of the sequence, x the input, h the output state, c the cell state:

  gate = sat16(round(input_multiplier * (W_x (x - x_zero_point) + bias)))
  gate = sat16(gate + round(recurrent_multiplier * W_h (h - h_zero_point)))
  gate = sat16(gate + round(peephole_multiplier * w_c * c))                with peephole
  gate = norm(gate)                                                        with layer norm
  i, f, o = logistic(gate), g = tanh(gate)           Q3.12 to Q0.15; without an input gate i = 1 - f
  c = sat16(round(f * c / 2**15) + round(i * g / 2**(15 + cell_integer_bits))), then cell_clip
  hidden = round(hidden_multiplier * o * tanh(c))
  h = clamp(hidden + hidden_zero_point)                                    without projection
  h = clamp(h_zero_point + round(projection_multiplier * (W_p (clamp(hidden - hidden_zero_point)
      + hidden_zero_point) + projection_bias))), then proj_clip            with projection

Input and forget gate look at the old cell, the output gate at the new one. A peephole looks at the
first cells only, as many as there are outputs: so the runtime does, counted through the whole
batch where time comes first. With layer norm the bias is added there:

  mean = 2**10 * sum(gate) / n                       over the n cells; / cuts towards zero
  variance = (sum(gate**2) * (2**20 // n) - mean**2) / 2**20, and if below 1, variance_min
  norm = sat16(round(norm_multiplier * cut((round(1 / sqrt(variance) * (2**10 * gate - mean))
      * norm_weights + bias) / 2**10)))              cut() rounds to nearest, ties away from zero

The multipliers are those of the scales, in float32 at every step. round() lets ties of the
multiplication go up and those of the right shift away from zero. Exponentials are gemmlowp's in
int16. The states are variables: h begins at its zero point, c at 0.

Constraints (tests are named after these labels):
  C1  input, weights of input, recurrence and projection, output and its state are int8; weights
      of peephole and layer norm and the cell state int16; biases int32.
  C2  each gate has input weights, recurrent weights and a bias; only the input gate may be left
      out. Peephole and layer norm are those of all gates or of none.
  C3  input is [batch, time, depth], or [time, batch, depth] with time_major; all other shapes
      follow; without projection there are as many cells as outputs; states are variables.
  C4  all weights and the cell state have one scale and zero point 0.
  C5  the cell state's scale is a power of two from 2**-15 to 2**-9.
  C6  fused activation is TANH, recurrent weights are matrices, clips are 0 (for none) or more.
  C7  the scale of what is between cell and output, and those of gates with layer norm, are given
      by intermediates.

Source: EvalInteger8x8_16 and LstmStepInteger8x8_16, tensorflow/lite/kernels/lstm_eval.cc;
PopulateQuantizedLstmParams8x8_16, tensorflow/lite/kernels/unidirectional_sequence_lstm.cc.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter import fixed_point, fixed_point16, inverse_sqrt, lstm, matmul, real_scales
from pipeline.interpreter.lstm import Operands
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding
from pipeline.quant_params import QUANTIZED_LIMITS

VARIABLES = lstm.STATES

_HIDDEN = 4  # Position among the intermediates; the gates come before it.
_GATE_INTEGER_BITS = 3
_NORM_SHIFT = 10


@dataclasses.dataclass(frozen=True)
class Norm:
    """Integers of one layer norm.

    Attributes:
      requantizer: From normalized to gate sums.
      variance_min: What stands for a variance of 0.
    """

    requantizer: DoubleRounding
    variance_min: int


@dataclasses.dataclass(frozen=True)
class Gate:
    """Integers of one gate; None for what it lacks."""

    input: DoubleRounding
    recurrent: DoubleRounding
    peephole: DoubleRounding | None
    norm: Norm | None


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one LSTM.

    Attributes:
      time_major: Whether time is dimension 0.
      input_zero_point, state_zero_point, hidden_zero_point: Of x, h and what is projected.
      gates: In the order of lstm.GATES; None for an input gate that was left out.
      cell_integer_bits: Of the cell state.
      cell_clip, projection_clip: Largest code; 0 for no clip.
      hidden: From output gate times cell to codes.
      projection: From projected sums to output codes; None without projection.
    """

    time_major: bool
    input_zero_point: int
    state_zero_point: int
    hidden_zero_point: int
    gates: tuple[Gate | None, ...]
    cell_integer_bits: int
    cell_clip: int
    projection_clip: int
    hidden: OutputStage
    projection: OutputStage | None

    def gate(self, name: str) -> Gate:
        """Returns a gate that is there."""
        gate = self.gates[lstm.GATES.index(name)]
        assert gate is not None
        return gate


def prepare(context: OpContext) -> Params:
    """Checks C1 to C7; turns scales into multipliers."""
    operands = lstm.check(context)
    _check_intermediates(context, operands)
    cell_scale, _ = context.per_tensor(operands.cell_state)
    state_scale, state_zero_point = context.per_tensor(operands.output_state)
    hidden_scale, hidden_zero_point = context.per_tensor(context.intermediates[_HIDDEN])
    projected = operands.projection_weights
    return Params(
        time_major=context.option("time_major", bool),
        input_zero_point=context.per_tensor(operands.input)[1],
        state_zero_point=state_zero_point,
        hidden_zero_point=hidden_zero_point,
        gates=tuple(
            _gate(context, operands, name) if name in operands.gates else None
            for name in lstm.GATES
        ),
        cell_integer_bits=lstm.cell_integer_bits(context, operands),
        cell_clip=lstm.clip_code(context, "cell_clip", cell_scale, fixed_point16.INT16_MAX),
        projection_clip=lstm.clip_code(context, "proj_clip", state_scale, 127),
        hidden=_stage(
            real_scales.float32_quotient(2.0**-30, hidden_scale),
            -hidden_zero_point if projected else hidden_zero_point,
        ),
        projection=None
        if projected is None
        else _stage(
            real_scales.float32_product(
                context.per_tensor(projected)[0], hidden_scale, state_scale
            ),
            state_zero_point,
        ),
    )


def evaluate(
    params: Params, *inputs: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns int8 outputs of every step, output state and cell state."""
    operands = Operands.of(inputs)
    names = operands.gates
    recurrent_weights = {
        name: weights.astype(np.int32) for name, weights in operands.recurrent_weights.items()
    }
    features = lstm.features(
        operands,
        params.input_zero_point,
        {name: params.gate(name).input for name in names},
        {} if operands.norm_weights else operands.bias,
    )

    def gate(
        name: str, now: Mapping[str, np.ndarray], centered: np.ndarray, cell: np.ndarray
    ) -> np.ndarray:
        gate = params.gate(name)
        sums = matmul.matmul_transposed(centered, recurrent_weights[name])
        codes = fixed_point16.saturate(now[name] + gate.recurrent(sums))
        if gate.peephole is not None:
            product = _peephole(params, operands, name, cell)
            codes = fixed_point16.saturate(codes + product)
        if gate.norm is not None:
            weights, bias = operands.norm_weights[name], operands.bias[name]
            codes = _normalized(gate.norm, codes, weights, bias)
        return codes

    def step(
        now: Mapping[str, np.ndarray], state: np.ndarray, cell: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        centered = state - params.state_zero_point
        forget = fixed_point16.logistic(gate("forget", now, centered, cell))
        update = fixed_point16.tanh(gate("cell", now, centered, cell), _GATE_INTEGER_BITS)
        if "input" in names:
            share = fixed_point16.logistic(gate("input", now, centered, cell))
        else:
            share = fixed_point16.INT16_MAX - forget
        cell = fixed_point16.saturate(
            fixed_point.rounding_divide_by_pot(forget * cell, 15)
            + fixed_point.rounding_divide_by_pot(share * update, 15 + params.cell_integer_bits)
        )
        if params.cell_clip:
            cell = np.clip(cell, -params.cell_clip, params.cell_clip)
        output = fixed_point16.logistic(gate("output", now, centered, cell))
        hidden = params.hidden(output * fixed_point16.tanh(cell, params.cell_integer_bits))
        return _projected(params, operands, hidden.astype(np.int32)), cell

    return lstm.scan(params.time_major, features, operands, step)


def _check_intermediates(context: OpContext, operands: Operands[Tensor]) -> None:
    given = context.intermediates
    context.require(len(given) == _HIDDEN + 1, "C7", "five intermediates", len(given))
    names = [*operands.norm_weights, "hidden"]
    lacking = [
        name
        for name, tensor in zip((*lstm.GATES, "hidden"), given, strict=True)
        if name in names and tensor.quantization is None
    ]
    context.require(not lacking, "C7", "intermediates with a scale", f"none for {lacking}")


def _gate(context: OpContext, operands: Operands[Tensor], name: str) -> Gate:
    norm = operands.norm_weights.get(name)
    sum_scale = lstm.GATE_SCALE
    if norm is not None:
        sum_scale, _ = context.per_tensor(context.intermediates[lstm.GATES.index(name)])

    def requantizer(source: Tensor, weights: Tensor) -> DoubleRounding:
        scales = context.per_tensor(source)[0], context.per_tensor(weights)[0]
        return DoubleRounding.from_real([real_scales.float32_product(*scales, sum_scale)])

    peephole = operands.peephole_weights.get(name)
    return Gate(
        input=requantizer(operands.input, operands.input_weights[name]),
        recurrent=requantizer(operands.output_state, operands.recurrent_weights[name]),
        peephole=None if peephole is None else requantizer(operands.cell_state, peephole),
        norm=None if norm is None else _norm(context.per_tensor(norm)[0]),
    )


def _norm(scale: float) -> Norm:
    multiplier = fixed_point.quantize_multiplier(scale)
    shift = multiplier.shift + 12
    # An OverflowError, which makes the model an error, where it is no int32.
    variance_min = np.int32(max(1, int(np.float32(10000) * np.float32(scale))))
    return Norm(
        DoubleRounding(np.array(multiplier.significand, np.int32), np.array(shift, np.int32)),
        int(variance_min),
    )


def _stage(multiplier: float, zero_point: int) -> OutputStage:
    requantizer = DoubleRounding.from_real([multiplier])
    return OutputStage(requantizer, zero_point, *QUANTIZED_LIMITS["int8"], np.dtype(np.int8))


def _peephole(
    params: Params, operands: Operands[np.ndarray], name: str, cell: np.ndarray
) -> np.ndarray:
    """Returns what a gate sees of the cells."""
    requantizer = params.gate(name).peephole
    assert requantizer is not None
    batch, cells = cell.shape
    outputs = operands.output_state.shape[1]
    runs = 1 if params.time_major else batch  # Within one, only the first cells count.
    rows = cell.reshape(runs, -1)
    weights = np.tile(operands.peephole_weights[name][:outputs].astype(np.int32), batch // runs)
    seen = np.zeros_like(rows)
    seen[:, : len(weights)] = requantizer(rows[:, : len(weights)] * weights)
    return seen.reshape(batch, cells)


def _normalized(norm: Norm, codes: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Returns gate sums of mean 0 and variance 1, times weights, plus bias."""
    wide = codes.astype(np.int64)
    count = codes.shape[-1]
    mean = _cut(wide.sum(axis=-1, keepdims=True) << _NORM_SHIFT, count)
    squares = (wide * wide).sum(axis=-1, keepdims=True)
    variance = _cut(squares * (2**20 // count) - mean * mean, 2**20).astype(np.int32)
    variance = np.where(variance < 1, np.int32(norm.variance_min), variance)
    significand, shift = inverse_sqrt.quantized_inverse_sqrt(variance)
    centered = ((wide << _NORM_SHIFT) - mean).astype(np.int32)
    unit = fixed_point.multiply_by_quantized_multiplier(centered, significand, shift)
    weighted = (unit.astype(np.int64) * weights + bias).astype(np.int32)
    half = np.where(weighted > 0, np.int32(512), np.int32(-512))
    return fixed_point16.saturate(norm.requantizer(_cut(weighted + half, 1 << _NORM_SHIFT)))


def _cut(numerator: np.ndarray, denominator: int) -> np.ndarray:
    """Returns numerator / denominator, rounded towards zero; denominator > 0."""
    magnitude = np.abs(numerator) // denominator
    return np.where(numerator < 0, -magnitude, magnitude)


def _projected(params: Params, operands: Operands[np.ndarray], hidden: np.ndarray) -> np.ndarray:
    weights, bias = operands.projection_weights, operands.projection_bias
    if params.projection is None or weights is None:
        return hidden
    sums = matmul.matmul_transposed(hidden + params.hidden_zero_point, weights.astype(np.int32))
    output = params.projection(sums if bias is None else sums + bias).astype(np.int32)
    if params.projection_clip:
        output = np.clip(output, -params.projection_clip, params.projection_clip)
    return output
