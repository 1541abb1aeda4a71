"""No value between a model's input and its output is ever a float: checked here, always.

Three moments: the graph before anything is prepared, the integers an op keeps from prepare(), and
every array that goes into or comes out of an op, at every run.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from pipeline.errors import NotIntegerOnlyError
from pipeline.graph import ABSENT, Operator, Subgraph, Tensor
from pipeline.tensor_names import keras_layer

_INTEGER_KINDS = "iub"  # numpy's letters for signed, unsigned and bool.
_FLOAT_PREFIXES = ("float", "bfloat", "complex")


def check_graph(subgraph: Subgraph) -> None:
    """Refuses a graph in which a value that is read or written is a float.

    Raises:
      NotIntegerOnlyError: Lists every op and tensor at fault.
    """
    findings = [
        f"model {role} is {_describe(subgraph.tensors[index])}"
        for role, indices in (("input", subgraph.inputs), ("output", subgraph.outputs))
        for index in indices
        if _is_float(subgraph.tensors[index])
    ]
    findings += [
        f"op {op.index} {op.op} uses {_describe(subgraph.tensors[index])}"
        for op in subgraph.operators
        for index in (*op.inputs, *op.outputs)
        if index != ABSENT and _is_float(subgraph.tensors[index])
    ]
    if findings:
        raise NotIntegerOnlyError(
            f"needed an integer-only model, got {len(findings)} uses of float tensors:\n  "
            + "\n  ".join(findings)
            + "\nConvert with integer inputs and outputs, and quantize the layers named. Where "
            "only QUANTIZE, DEQUANTIZE and detections at the edges are at fault, "
            "allow_float_boundary admits them."
        )


def check_params(op: Operator, params: object) -> None:
    """Refuses what prepare() returned if any part of it is not an integer.

    Raises:
      NotIntegerOnlyError: Names the op, the field and its type.
    """
    for path, value in _leaves(type(params).__name__, params):
        if isinstance(value, np.dtype):
            fine = value.kind in _INTEGER_KINDS
        elif isinstance(value, np.ndarray | np.generic):
            fine = value.dtype.kind in _INTEGER_KINDS
        else:
            fine = value is None or isinstance(value, int)
        if not fine:
            raise NotIntegerOnlyError(
                f"op {op.index} {op.op} keeps {path}, which is no integer but {value!r}"
            )


def check_values(op: Operator, tensors: Iterable[Tensor], values: Iterable[np.ndarray]) -> None:
    """Refuses arrays that are not of integers; `values` belong to `tensors`, one to one.

    Raises:
      NotIntegerOnlyError: Names the op, the tensor and the dtype.
    """
    for tensor, value in zip(tensors, values, strict=True):
        if value.dtype.kind not in _INTEGER_KINDS:
            raise NotIntegerOnlyError(
                f"op {op.index} {op.op}: {_describe(tensor)} holds {value.dtype} values"
            )


def _leaves(path: str, value: object) -> Iterable[tuple[str, object]]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _leaves(f"{path}.{field.name}", getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _leaves(f"{path}[{index}]", item)
    else:
        yield path, value


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype.startswith(_FLOAT_PREFIXES)


def _describe(tensor: Tensor) -> str:
    layer = keras_layer(tensor.name)
    origin = "" if layer is None else f" (Keras layer {layer!r})"
    return f"{tensor.dtype} tensor {tensor.index} {tensor.name!r}{origin}"
