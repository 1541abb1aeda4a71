"""What prepare() sees of one op: its tensors and options, with the checks kernels share."""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from pipeline.errors import ModelError, UnsupportedOpError
from pipeline.graph import ABSENT, Operator, Subgraph, Tensor
from pipeline.interpreter.requantize import ARITHMETICS, Arithmetic
from pipeline.quant_params import QuantParams

_Option = TypeVar("_Option")


@dataclasses.dataclass(frozen=True, eq=False)
class OpContext:
    """One op of a graph, about to be prepared.

    Attributes:
      operator: The op.
      inputs: Its input tensors in order; None where an optional one was left out.
      outputs: Its output tensors in order.
      arithmetic: How the chosen engine rounds.
      target: The machine whose bits to compute, "x86_64" or "arm64", where an engine depends on it.
      intermediates: Tensors that carry scales only (LSTM, SVDF).
    """

    operator: Operator
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    arithmetic: Arithmetic
    target: str
    intermediates: tuple[Tensor, ...] = ()

    @classmethod
    def of(cls, operator: Operator, subgraph: Subgraph, target: str) -> "OpContext":
        """Returns an op as it stands in its subgraph, under the reference arithmetic."""
        tensors = subgraph.tensors
        return cls(
            operator,
            tuple(None if index == ABSENT else tensors[index] for index in operator.inputs),
            tuple(tensors[index] for index in operator.outputs),
            ARITHMETICS["reference"],
            target,
            tuple(tensors[index] for index in operator.intermediates),
        )

    @property
    def fuses(self) -> bool:
        """Whether the runtime's floats round once where a product and a sum stand together.

        The compiler makes one instruction of them on arm64.
        """
        return self.target == "arm64"

    @property
    def where(self) -> str:
        """The op as messages name it."""
        output = self.outputs[0].name if self.outputs else ""
        return f"{self.operator.op} (op {self.operator.index}, output {output!r})"

    @property
    def output(self) -> Tensor:
        """The only output.

        Raises:
          ModelError: There is none, or more than one.
        """
        if len(self.outputs) != 1:
            raise ModelError(f"{self.where}: needed one output, got {len(self.outputs)}")
        return self.outputs[0]

    def input(self, position: int) -> Tensor:
        """Returns an input that must be there.

        Raises:
          ModelError: It was left out.
        """
        tensor = self.optional_input(position)
        if tensor is None:
            raise ModelError(f"{self.where}: input {position} is missing")
        return tensor

    def optional_input(self, position: int) -> Tensor | None:
        """Returns an input, or None where it was left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def constant(self, position: int) -> np.ndarray:
        """Returns the value of an input that prepare() must know.

        Raises:
          UnsupportedOpError: The input is computed at run time.
        """
        tensor = self.input(position)
        if tensor.data is None:
            raise UnsupportedOpError(
                f"{self.where}: input {position} ({tensor.name!r}) must be a constant, it is "
                "computed at run time"
            )
        return tensor.data

    def option(self, name: str, kind: type[_Option]) -> _Option:
        """Returns a field of the op's options table.

        Raises:
          ModelError: The model has no such field, or not of this type.
        """
        value = self.operator.options.get(name)
        if not isinstance(value, kind):
            raise ModelError(f"{self.where}: option {name} must be {kind.__name__}, got {value!r}")
        return value

    def require(self, condition: bool, label: str, needed: str, got: object) -> None:
        """Checks a constraint of the kernel's contract; `label` is its number there.

        Raises:
          UnsupportedOpError: The condition is false.
        """
        if not condition:
            raise UnsupportedOpError(f"{self.where}: {label}: needed {needed}, got {got}")

    def warn(self, bug: str) -> None:
        """Warns of an engine's bug that is part of its bits, and so of ours."""
        warnings.warn(f"{self.where}: {bug}", stacklevel=2)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The types of all inputs that are there, then of all outputs, in order."""
        return tuple(tensor.dtype for tensor in (*self.inputs, *self.outputs) if tensor is not None)

    def require_dtypes(self, label: str, *dtypes: str) -> None:
        """Checks the types of all inputs that are there, then of all outputs, in order.

        Raises:
          UnsupportedOpError: They differ from `dtypes`.
        """
        self.require_one_of(label, [dtypes])

    def require_one_of(self, label: str, rows: Sequence[tuple[str, ...]]) -> None:
        """Checks that `dtypes` is one of several rows of types.

        Raises:
          UnsupportedOpError: It is none of them.
        """
        needed = " or ".join(", ".join(row) for row in rows)
        self.require(self.dtypes in rows, label, f"types {needed}", ", ".join(self.dtypes))

    def require_int16_symmetric(self, label: str) -> None:
        """Checks that all inputs and outputs of int16 have zero point 0.

        Raises:
          UnsupportedOpError: One has another.
        """
        for tensor in (*self.inputs, *self.outputs):
            if tensor is not None and tensor.dtype == "int16":
                _, zero_point = self.per_tensor(tensor)
                needed = f"zero point 0 of int16 {tensor.name!r}"
                self.require(zero_point == 0, label, needed, zero_point)

    def require_shape(self, label: str, shape: tuple[int, ...]) -> None:
        """Checks that the only output has the shape that its inputs imply.

        Raises:
          UnsupportedOpError: It has another.
        """
        self.require(self.output.shape == shape, label, f"output shape {shape}", self.output.shape)

    def require_broadcast(self, label: str) -> None:
        """Checks that both inputs together broadcast to the output's shape.

        Raises:
          UnsupportedOpError: They do not.
        """
        first, second = self.input(0).shape, self.input(1).shape
        try:
            shape = np.broadcast_shapes(first, second)
        except ValueError:
            self.require(False, label, "shapes that broadcast", (first, second))
            raise
        self.require_shape(label, shape)

    def require_no_activation(self, label: str) -> None:
        """Checks that no activation function is fused.

        Raises:
          UnsupportedOpError: One is.
        """
        activation = self.option("fused_activation_function", str)
        self.require(activation == "NONE", label, "no fused activation", activation)

    def quantization(self, tensor: Tensor) -> QuantParams:
        """Returns a tensor's quantization.

        Raises:
          ModelError: It has none.
        """
        if tensor.quantization is None:
            raise ModelError(f"{self.where}: tensor {tensor.name!r} has no scale and zero point")
        return tensor.quantization

    def per_tensor(self, tensor: Tensor) -> tuple[float, int]:
        """Returns (scale, zero_point) of a tensor that must be quantized as a whole.

        Raises:
          ModelError: It has no quantization.
          UnsupportedOpError: It is quantized per channel.
        """
        quantization = self.quantization(tensor)
        if len(quantization.scale) != 1:
            raise UnsupportedOpError(
                f"{self.where}: tensor {tensor.name!r} must have one scale, got "
                f"{len(quantization.scale)}"
            )
        return quantization.per_tensor

    def fused_activation_bounds(self, label: str) -> tuple[int, int]:
        """Returns the smallest and largest output code under the fused activation.

        Raises:
          UnsupportedOpError: The engine's arithmetic does not know the activation.
        """
        return self.activation_bounds(label, self.option("fused_activation_function", str))

    def activation_bounds(self, label: str, activation: str) -> tuple[int, int]:
        """Returns the smallest and largest output code under `activation`.

        Raises:
          UnsupportedOpError: The engine's arithmetic does not know the activation.
        """
        return self._activation_bounds(label, activation, *self.per_tensor(self.output))

    def plain_activation_bounds(self, label: str) -> tuple[int, int]:
        """Returns the smallest and largest output under the fused activation, without a scale.

        Raises:
          UnsupportedOpError: The engine's arithmetic does not know the activation.
        """
        return self._activation_bounds(label, self.option("fused_activation_function", str), 1.0, 0)

    def _activation_bounds(
        self, label: str, activation: str, scale: float, zero_point: int
    ) -> tuple[int, int]:
        bounds = self.arithmetic.activation_bounds
        try:
            return bounds(activation, scale, zero_point, self.output.dtype)
        except KeyError:
            raise UnsupportedOpError(
                f"{self.where}: {label}: fused activation {activation} is not supported"
            ) from None

    def axis(self, value: int, label: str, rank: int) -> int:
        """Returns an axis counted from the front; negative ones count from the back.

        Raises:
          UnsupportedOpError: There is no such axis.
        """
        self.require(-rank <= value < rank, label, f"an axis of {rank} dimensions", value)
        return value % rank
