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

    def tensor(self, index: int, name: str) -> Tensor:
        """Returns the tensor at a place in a graph."""
        return Tensor(index, name, self.shape, self.dtype, self._quantization(), self.data)

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


def model(op: str, inputs: Sequence[Operand | None], output: Operand, **options: object) -> bytes:
    """Returns a model; its inputs are the op's inputs that are no constants."""
    present = [operand for operand in inputs if operand is not None]
    tensors = [
        operand.tensor(index, f"model/layer/input{index}") for index, operand in enumerate(present)
    ]
    tensors.append(output.tensor(len(present), "model/layer/output"))
    places = iter(range(len(present)))
    subgraph = Subgraph(
        name="main",
        tensors=tuple(tensors),
        inputs=tuple(i for i, operand in enumerate(present) if operand.data is None),
        outputs=(len(present),),
        operators=(
            Operator(
                index=0,
                op=op,
                version=1,
                inputs=tuple(ABSENT if operand is None else next(places) for operand in inputs),
                outputs=(len(present),),
                options=options,
            ),
        ),
    )
    return flatbuffer.write(Graph((subgraph,)))
