"""Models of a single op, for tests."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline import flatbuffer
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QuantParams


@dataclasses.dataclass(frozen=True, eq=False)
class Operand:
    """A tensor without a place in a graph yet; with data it is a constant.

    A scale of None means: not quantized. A zero point stands for all channels.
    """

    shape: tuple[int, ...]
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] = 0
    dtype: str = "int8"
    data: np.ndarray | None = None
    axis: int | None = None
    is_variable: bool = False

    def tensor(self, index: int, name: str) -> Tensor:
        """Returns the tensor at a place in a graph."""
        return Tensor(
            *(index, name, self.shape, self.dtype, self._quantization(), self.data),
            is_variable=self.is_variable,
        )

    def _quantization(self) -> QuantParams | None:
        if self.scale is None:
            return None
        scales = tuple(float(np.float32(scale)) for scale in np.atleast_1d(self.scale))
        zero_points = np.broadcast_to(self.zero_point, len(scales)).tolist()
        axis = self.axis if len(scales) > 1 else None
        return QuantParams(scales, tuple(zero_points), axis)


def constant(
    data: np.ndarray, scale: float | Sequence[float] | None = None, axis: int | None = None
) -> Operand:
    """Returns a constant operand with zero point 0."""
    return Operand(data.shape, scale, 0, data.dtype.name, data, axis)


def integers(*values: object, dtype: str = "int32") -> Operand:
    """Returns a constant operand of integers that are no quantized values: axes, shapes, bias."""
    return constant(np.array(values[0] if len(values) == 1 else values, dtype))


def model(
    op: str,
    inputs: Sequence[Operand | None],
    output: Operand | Sequence[Operand],
    *,
    intermediates: Sequence[Operand] = (),
    version: int = 1,
    **options: object,
) -> bytes:
    """Returns a model; its inputs are the op's inputs that are neither constants nor variables."""
    outputs = [output] if isinstance(output, Operand) else list(output)
    present = [operand for operand in inputs if operand is not None]
    names = [f"input{index}" for index in range(len(present))]
    names += ["output"] + [f"output{index}" for index in range(1, len(outputs))]
    names += [f"intermediate{index}" for index in range(len(intermediates))]
    operands = [*present, *outputs, *intermediates]
    places = iter(range(len(present)))
    first_output, first_intermediate = len(present), len(present) + len(outputs)
    subgraph = Subgraph(
        name="main",
        tensors=tuple(
            operand.tensor(index, f"model/layer/{name}")
            for index, (operand, name) in enumerate(zip(operands, names, strict=True))
        ),
        inputs=tuple(
            index
            for index, operand in enumerate(present)
            if operand.data is None and not operand.is_variable
        ),
        outputs=tuple(range(first_output, first_intermediate)),
        operators=(
            Operator(
                index=0,
                op=op,
                version=version,
                inputs=tuple(ABSENT if operand is None else next(places) for operand in inputs),
                outputs=tuple(range(first_output, first_intermediate)),
                options=options,
                intermediates=tuple(range(first_intermediate, len(operands))),
            ),
        ),
    )
    return flatbuffer.write(Graph((subgraph,)))
