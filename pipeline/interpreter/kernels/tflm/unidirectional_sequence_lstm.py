"""UNIDIRECTIONAL_SEQUENCE_LSTM: tflite-micro's form, with logistic and tanh by table.

  gate = sat16(sat16(round(input_multiplier * (W_x (x - x_zero_point) + bias)))
      + sat16(round(recurrent_multiplier * W_h (h - h_zero_point))))
  i, f, o = logistic(gate), g = tanh(gate)           Q3.12 to Q0.15
  c = sat16(sat16(round(2**-15 * f * c)) + sat16(round(2**-30 / cell_scale * i * g)))
  c = clamp(c, -cell_clip, cell_clip)                if there is one
  h = clamp(h_zero_point + round(2**-30 / h_scale * o * tanh(c)))

Multipliers are doubles and round() is as in the reference. Beyond C1 to C6 of the reference:

  C8  four gates; no peephole, layer norm or projection.

Source: EvalLstm, tensorflow/lite/micro/kernels/lstm_eval.h and lstm_eval.cc.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter import fixed_point16, lstm, matmul, real_scales, sigmoid_table
from pipeline.interpreter.kernels.unidirectional_sequence_lstm import VARIABLES
from pipeline.interpreter.lstm import Operands
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding
from pipeline.quant_params import QUANTIZED_LIMITS

__all__ = ["VARIABLES", "evaluate", "prepare"]

_GATE_MULTIPLIER = 3  # From Q3.12 to entries of the table.


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one LSTM; of gates in the order of lstm.GATES.

    Attributes:
      time_major: Whether time is dimension 0.
      input_zero_point, state_zero_point: Of x and h.
      input, recurrent: For each gate, from sums to Q3.12.
      kept: From forget gate times cell to cell codes.
      added: From input gate times update to cell codes.
      cell_clip: Largest code; 0 for no clip.
      tanh_multiplier, tanh_shift: From cell codes to entries of the table.
      output: From output gate times cell to output codes.
    """

    time_major: bool
    input_zero_point: int
    state_zero_point: int
    input: tuple[DoubleRounding, ...]
    recurrent: tuple[DoubleRounding, ...]
    kept: DoubleRounding
    added: DoubleRounding
    cell_clip: int
    tanh_multiplier: int
    tanh_shift: int
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C6 and C8; turns scales into multipliers."""
    operands = lstm.check(context)
    extras = {
        "no input gate": len(operands.gates) < len(lstm.GATES),
        "peephole": bool(operands.peephole_weights),
        "layer norm": bool(operands.norm_weights),
        "projection": operands.projection_weights is not None,
    }
    found = [name for name, is_there in extras.items() if is_there]
    context.require(not found, "C8", "a plain LSTM in tflite-micro", found)
    cell_scale, _ = context.per_tensor(operands.cell_state)
    state_scale, state_zero_point = context.per_tensor(operands.output_state)
    integer_bits = lstm.cell_integer_bits(context, operands)
    return Params(
        time_major=context.option("time_major", bool),
        input_zero_point=context.per_tensor(operands.input)[1],
        state_zero_point=state_zero_point,
        input=_requantizers(context, operands.input, operands.input_weights),
        recurrent=_requantizers(context, operands.output_state, operands.recurrent_weights),
        kept=DoubleRounding.from_real([2.0**-15]),
        added=DoubleRounding.from_real([real_scales.double_quotient(2.0**-30, cell_scale)]),
        cell_clip=lstm.clip_code(context, "cell_clip", cell_scale, fixed_point16.INT16_MAX),
        tanh_multiplier=_GATE_MULTIPLIER << max(integer_bits - 3, 0),
        tanh_shift=max(3 - integer_bits, 0),
        output=OutputStage(
            DoubleRounding.from_real([real_scales.double_quotient(2.0**-30, state_scale)]),
            state_zero_point,
            *QUANTIZED_LIMITS["int8"],
            np.dtype(np.int8),
        ),
    )


def evaluate(
    params: Params, *inputs: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns int8 outputs of every step, output state and cell state."""
    operands = Operands.of(inputs)
    recurrent_weights = {
        name: weights.astype(np.int32) for name, weights in operands.recurrent_weights.items()
    }
    features = lstm.features(
        operands,
        params.input_zero_point,
        dict(zip(lstm.GATES, params.input, strict=True)),
        operands.bias,
    )
    saturate = fixed_point16.saturate

    def step(
        now: Mapping[str, np.ndarray], state: np.ndarray, cell: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        centered = state - params.state_zero_point
        gates = {}
        for requantizer, (name, weights) in zip(
            params.recurrent, recurrent_weights.items(), strict=True
        ):
            sums = matmul.matmul_transposed(centered, weights)
            gates[name] = saturate(now[name] + saturate(requantizer(sums)))
        share, forget, output = (
            sigmoid_table.logistic(gates[name], _GATE_MULTIPLIER, 0)
            for name in ("input", "forget", "output")
        )
        update = sigmoid_table.tanh(gates["cell"], _GATE_MULTIPLIER, 0)
        cell = saturate(
            saturate(params.kept(forget * cell)) + saturate(params.added(share * update))
        )
        if params.cell_clip:
            cell = np.clip(cell, -params.cell_clip, params.cell_clip)
        seen = sigmoid_table.tanh(cell, params.tanh_multiplier, params.tanh_shift)
        return params.output(output * seen).astype(np.int32), cell

    return lstm.scan(params.time_major, features, operands, step)


def _requantizers(
    context: OpContext, source: Tensor, weights: Mapping[str, Tensor]
) -> tuple[DoubleRounding, ...]:
    scale, _ = context.per_tensor(source)
    return tuple(
        DoubleRounding.from_real(
            [real_scales.double_product(context.per_tensor(tensor)[0], scale, lstm.GATE_SCALE)]
        )
        for tensor in weights.values()
    )
