"""What all engines' forms of UNIDIRECTIONAL_SEQUENCE_LSTM share: operands, contract, sequence."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter import fixed_point16, matmul
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import Requantizer

GATES = ("input", "forget", "cell", "output")
# A gate's sum before its activation is Q3.12.
GATE_SCALE = 2.0**-12

# Position of each gate's operand among the inputs. The cell gate has no peephole.
_INPUT_WEIGHTS = {gate: 1 + number for number, gate in enumerate(GATES)}
_RECURRENT_WEIGHTS = {gate: 5 + number for number, gate in enumerate(GATES)}
_PEEPHOLE_WEIGHTS = {"input": 9, "forget": 10, "output": 11}
_BIAS = {gate: 12 + number for number, gate in enumerate(GATES)}
_NORM_WEIGHTS = {gate: 20 + number for number, gate in enumerate(GATES)}
_PROJECTION_WEIGHTS, _PROJECTION_BIAS, _OUTPUT_STATE, _CELL_STATE = 16, 17, 18, 19
_NUM_INPUTS = 24
# Positions of the variables.
STATES = (_OUTPUT_STATE, _CELL_STATE)

_CELL_SCALE_POWERS = range(-15, -8)

_T = TypeVar("_T")

# Features of one step by gate, output state and cell state -> new output state and cell state.
Step = Callable[[Mapping[str, np.ndarray], np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class Operands(Generic[_T]):
    """Inputs of one LSTM by name: tensors in prepare(), their values in evaluate().

    What a gate lacks is in none of its dicts.
    """

    input: _T
    input_weights: dict[str, _T]
    recurrent_weights: dict[str, _T]
    peephole_weights: dict[str, _T]
    bias: dict[str, _T]
    projection_weights: _T | None
    projection_bias: _T | None
    output_state: _T
    cell_state: _T
    norm_weights: dict[str, _T]

    @classmethod
    def of(cls, values: Sequence[_T | None]) -> "Operands[_T]":
        """Takes the op's inputs in order; input and states must be there."""
        values = [*values, *[None] * (_NUM_INPUTS - len(values))]

        def present(positions: Mapping[str, int]) -> dict[str, _T]:
            found = {gate: values[position] for gate, position in positions.items()}
            return {gate: value for gate, value in found.items() if value is not None}

        input_, output_state, cell_state = values[0], values[_OUTPUT_STATE], values[_CELL_STATE]
        assert input_ is not None
        assert output_state is not None
        assert cell_state is not None
        return cls(
            input=input_,
            input_weights=present(_INPUT_WEIGHTS),
            recurrent_weights=present(_RECURRENT_WEIGHTS),
            peephole_weights=present(_PEEPHOLE_WEIGHTS),
            bias=present(_BIAS),
            projection_weights=values[_PROJECTION_WEIGHTS],
            projection_bias=values[_PROJECTION_BIAS],
            output_state=output_state,
            cell_state=cell_state,
            norm_weights=present(_NORM_WEIGHTS),
        )

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates that are there; without an input gate, the forget gate stands for it."""
        return tuple(self.input_weights)


def check(context: OpContext) -> Operands[Tensor]:
    """Checks C1 to C6 of the kernel; returns its operands."""
    for position in (0, *STATES):
        context.input(position)
    context.require(
        len(context.inputs) <= _NUM_INPUTS,
        "C2",
        f"at most {_NUM_INPUTS} inputs",
        len(context.inputs),
    )
    operands = Operands.of(context.inputs)
    _check_types(context, operands)
    _check_gates(context, operands)
    _check_shapes(context, operands)
    _check_quantization(context, operands)
    activation = context.option("fused_activation_function", str)
    context.require(activation == "TANH", "C6", "fused activation TANH", activation)
    diagonal = context.option("diagonal_recurrent_tensors", bool)
    context.require(not diagonal, "C6", "recurrent weights that are matrices", "diagonals")
    return operands


def cell_integer_bits(context: OpContext, operands: Operands[Tensor]) -> int:
    """Returns how many integer bits a value of the cell state has, from 0 to 6."""
    scale, _ = context.per_tensor(operands.cell_state)
    return 15 + math.frexp(scale)[1] - 1


def clip_code(context: OpContext, option: str, scale: float, code_max: int) -> int:
    """Returns the largest code under a clip, rounded towards zero; without a clip, 0."""
    clip = context.option(option, float)
    context.require(clip >= 0 and math.isfinite(clip), "C6", f"{option} of 0 or more", clip)
    return int(min(float(np.float32(clip) / np.float32(scale)), code_max))


def features(
    operands: Operands[np.ndarray],
    zero_point: int,
    requantizers: Mapping[str, Requantizer],
    bias: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Returns what each gate adds up from the input: int32 of int16 range, of the input's shape."""
    input_ = operands.input
    rows = input_.reshape(-1, input_.shape[-1]).astype(np.int32) - zero_point
    found = {}
    for gate, weights in operands.input_weights.items():
        sums = matmul.matmul_transposed(rows, weights.astype(np.int32)) + bias.get(gate, 0)
        codes = fixed_point16.saturate(requantizers[gate](sums))
        found[gate] = codes.reshape(*input_.shape[:2], -1)
    return found


def scan(
    time_major: bool, found: Mapping[str, np.ndarray], operands: Operands[np.ndarray], step: Step
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns outputs and the last states, after `step` over time.

    Args:
      time_major: Whether features are [time, batch, cells], else [batch, time, cells].
      found: What features() returns.
      operands: For the first states.
      step: Takes and returns states as int32 [batch, size].
    """
    axis = 0 if time_major else 1
    num_steps = found["forget"].shape[axis]
    output_state = operands.output_state.astype(np.int32)
    cell_state = operands.cell_state.astype(np.int32)
    outputs = []
    for time in range(num_steps):
        now = {gate: values.take(time, axis) for gate, values in found.items()}
        output_state, cell_state = step(now, output_state, cell_state)
        outputs.append(output_state)
    return (
        np.stack(outputs, axis).astype(np.int8),
        output_state.astype(np.int8),
        cell_state.astype(np.int16),
    )


def _check_types(context: OpContext, operands: Operands[Tensor]) -> None:
    for dtype, tensors in (
        ("int8", [operands.input, *operands.input_weights.values(), operands.projection_weights]),
        ("int8", [*operands.recurrent_weights.values(), operands.output_state, context.output]),
        ("int16", [*operands.peephole_weights.values(), *operands.norm_weights.values()]),
        ("int16", [operands.cell_state]),
        ("int32", [*operands.bias.values(), operands.projection_bias]),
    ):
        for tensor in tensors:
            if tensor is not None:
                context.require(
                    tensor.dtype == dtype, "C1", f"{tensor.name!r} {dtype}", tensor.dtype
                )


def _check_gates(context: OpContext, operands: Operands[Tensor]) -> None:
    gates = operands.gates
    context.require(gates in (GATES, GATES[1:]), "C2", f"gates {GATES}", gates)
    weighted = tuple(operands.recurrent_weights), tuple(operands.bias)
    context.require(
        weighted == (gates, gates), "C2", f"recurrent weights and bias of {gates}", weighted
    )
    peephole = tuple(gate for gate in gates if gate != "cell")
    context.require(
        tuple(operands.peephole_weights) in ((), peephole),
        "C2",
        f"peephole weights of {peephole} or none",
        tuple(operands.peephole_weights),
    )
    context.require(
        tuple(operands.norm_weights) in ((), gates),
        "C2",
        f"layer norm of {gates} or none",
        tuple(operands.norm_weights),
    )
    context.require(
        operands.projection_bias is None or operands.projection_weights is not None,
        "C2",
        "projection weights",
        "a bias of them alone",
    )


def _check_shapes(context: OpContext, operands: Operands[Tensor]) -> None:
    input_ = operands.input.shape
    context.require(len(input_) == 3, "C3", "an input of three dimensions", input_)
    recurrent = operands.recurrent_weights["forget"].shape
    context.require(len(recurrent) == 2, "C3", "weights of two dimensions", recurrent)
    batch = input_[1] if context.option("time_major", bool) else input_[0]
    (cells, outputs), depth = recurrent, input_[2]
    sizes = (*input_, cells, outputs)
    context.require(min(sizes) > 0, "C3", "sizes above 0", sizes)
    projection = operands.projection_weights
    context.require(
        projection is not None or cells == outputs, "C3", "as many cells as outputs", recurrent
    )
    needed: list[tuple[Tensor | None, tuple[int, ...]]] = [
        *((tensor, (cells, depth)) for tensor in operands.input_weights.values()),
        *((tensor, (cells, outputs)) for tensor in operands.recurrent_weights.values()),
        *((tensor, (cells,)) for tensor in operands.peephole_weights.values()),
        *((tensor, (cells,)) for tensor in operands.bias.values()),
        *((tensor, (cells,)) for tensor in operands.norm_weights.values()),
        (projection, (outputs, cells)),
        (operands.projection_bias, (outputs,)),
        (operands.output_state, (batch, outputs)),
        (operands.cell_state, (batch, cells)),
        (context.output, (*input_[:2], outputs)),
    ]
    for tensor, shape in needed:
        if tensor is not None:
            context.require(
                tensor.shape == shape, "C3", f"{tensor.name!r} of shape {shape}", tensor.shape
            )
    states = operands.output_state, operands.cell_state
    context.require(
        all(state.is_variable for state in states), "C3", "states that are variables", "values"
    )


def _check_quantization(context: OpContext, operands: Operands[Tensor]) -> None:
    symmetric = [
        *operands.input_weights.values(),
        *operands.recurrent_weights.values(),
        *operands.peephole_weights.values(),
        *operands.norm_weights.values(),
        *([] if operands.projection_weights is None else [operands.projection_weights]),
        operands.cell_state,
    ]
    for tensor in symmetric:
        _, zero_point = context.per_tensor(tensor)
        context.require(zero_point == 0, "C4", f"{tensor.name!r} with zero point 0", zero_point)
    scale, _ = context.per_tensor(operands.cell_state)
    fraction, power = math.frexp(scale)
    context.require(
        fraction == 0.5 and power - 1 in _CELL_SCALE_POWERS,
        "C5",
        "a cell state whose scale is a power of two from 2**-15 to 2**-9",
        scale,
    )
