"""The compiled backend: the bits of the numpy kernels, in machine code.

Nothing here imports numba before the first op is compiled.
"""

import dataclasses
import importlib
import importlib.util
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pipeline.errors import UnsupportedOpError
from pipeline.graph import Operator, Subgraph
from pipeline.interpreter.op_context import OpContext

_INTERPRETER = "pipeline.interpreter"
_KERNELS = f"{_INTERPRETER}.kernels"
_FILTERED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_MIN_MACS = 1_000_000  # Below, numpy takes about a millisecond, and importing numba 300.
_ANY = ""  # All kernels of the op do the same.


@dataclasses.dataclass(frozen=True, eq=False)
class NumpyOp:
    """One op as the numpy backend runs it.

    Attributes:
      context: The op.
      params: What its kernel prepared.
      evaluate: Its kernel's evaluate().
      generic: Whether to do without VNNI instructions where the CPU has them.
    """

    context: OpContext
    params: Any
    evaluate: Callable[..., Any]
    generic: bool


# (op, module of the evaluate() that is repeated bit for bit, whatever engine's kernel it stands in)
# -> our module, whose prepare(NumpyOp) gives a Command, or None for a form that it does not take.
# "table" is for an evaluate() that computes each code from one code alone, wherever it stands, and
# raises for none: of QUANTIZE, one kernel rounds the last few codes otherwise.
_MODULES: dict[tuple[str, str], str] = {
    ("ABS", f"{_KERNELS}.abs"): "table",
    ("ADD", f"{_KERNELS}.add"): "add",
    ("ADD", f"{_KERNELS}.xnnpack.add"): "add",
    ("AVERAGE_POOL_2D", f"{_KERNELS}.average_pool_2d"): "pool",
    ("CONV_2D", f"{_KERNELS}.conv_2d"): "conv_2d",
    ("DEPTHWISE_CONV_2D", f"{_KERNELS}.depthwise_conv_2d"): "depthwise_conv_2d",
    ("ELU", f"{_INTERPRETER}.lookup"): "table",
    ("EXP", f"{_INTERPRETER}.lookup"): "table",
    ("EXPAND_DIMS", _ANY): "reshape",
    ("FULLY_CONNECTED", f"{_KERNELS}.fully_connected"): "fully_connected",
    ("GELU", f"{_INTERPRETER}.lookup"): "table",
    ("HARD_SWISH", f"{_KERNELS}.hard_swish"): "table",
    ("LEAKY_RELU", f"{_KERNELS}.leaky_relu"): "table",
    ("LEAKY_RELU", f"{_KERNELS}.xnnpack.leaky_relu"): "table",
    ("LOG", f"{_INTERPRETER}.lookup"): "table",
    ("LOGISTIC", f"{_INTERPRETER}.lookup"): "table",
    ("LOGISTIC", f"{_KERNELS}.logistic"): "table",
    ("MAX_POOL_2D", f"{_KERNELS}.max_pool_2d"): "pool",
    ("MEAN", f"{_KERNELS}.mean"): "mean",
    ("MUL", f"{_KERNELS}.mul"): "mul",
    ("MUL", f"{_KERNELS}.xnnpack.mul"): "mul",
    ("NEG", f"{_KERNELS}.neg"): "table",
    ("PAD", f"{_KERNELS}.pad"): "pad",
    ("QUANTIZE", f"{_INTERPRETER}.rescale"): "table",
    ("QUANTIZE", f"{_KERNELS}.xnnpack.quantize"): "table",
    ("RELU", f"{_INTERPRETER}.rescale"): "table",
    ("RELU6", f"{_INTERPRETER}.rescale"): "table",
    ("RELU6", f"{_KERNELS}.tflm.relu6"): "table",
    ("RELU_0_TO_1", f"{_INTERPRETER}.rescale"): "table",
    ("RELU_N1_TO_1", f"{_INTERPRETER}.rescale"): "table",
    ("RESHAPE", _ANY): "reshape",
    ("SOFTMAX", f"{_KERNELS}.ruy.softmax"): "softmax_float32",
    ("SOFTMAX", f"{_KERNELS}.softmax"): "softmax",
    ("SQUEEZE", _ANY): "reshape",
    ("SUB", f"{_KERNELS}.sub"): "add",
    ("SUB", f"{_KERNELS}.xnnpack.add"): "add",
    ("TANH", f"{_INTERPRETER}.lookup"): "table",
    ("TANH", f"{_KERNELS}.tanh"): "table",
}

OPS = frozenset(op for op, _ in _MODULES)


def pays(subgraph: Subgraph) -> bool:
    """Whether a subgraph is large enough to gain by compiled code, and numba is there."""
    macs = sum(_num_macs(op, subgraph) for op in subgraph.operators)
    return macs >= _MIN_MACS and importlib.util.find_spec("numba") is not None


def _num_macs(op: Operator, subgraph: Subgraph) -> int:
    """Returns about how many products an op sums."""
    if op.op not in _FILTERED or len(op.inputs) < 2 or len(op.outputs) != 1:
        return 0
    filter_, output = subgraph.tensors[op.inputs[1]], subgraph.tensors[op.outputs[0]]
    channels = max(output.shape[-1] if output.shape else 1, 1)
    return math.prod(output.shape) * math.prod(filter_.shape) // channels


def compile_op(op: NumpyOp) -> Any:
    """Returns the Command that runs an op in compiled code, or None where there is none.

    Raises:
      UnsupportedOpError: numba is not installed.
    """
    context = op.context
    origins = op.evaluate.__module__, _ANY
    name = next(filter(None, (_MODULES.get((context.operator.op, it)) for it in origins)), None)
    if name is None:
        return None
    inputs = [tensor for tensor in context.inputs if tensor is not None]
    output = context.output
    reads_itself = any(tensor.index == output.index for tensor in inputs)
    if reads_itself or any(tensor.is_variable for tensor in inputs) or 0 in output.shape:
        return None
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise UnsupportedOpError(f"the fast backend needs numba ({error})") from error
    return module.prepare(op)


def join(steps: Sequence[Any], graph_outputs: Collection[int], keep_tensors: bool) -> list[Any]:
    """Returns steps of which those in a row that have a command became one.

    Args:
      steps: A program's, in order.
      graph_outputs: Indices of the tensors that the program returns.
      keep_tensors: Whether every tensor's value is wanted.
    """
    if not any(step.command for step in steps):
        return list(steps)
    from pipeline.interpreter.fast import segment

    last_read = {
        tensor.index: position
        for position, step in enumerate(steps)
        for tensor in step.inputs
        if tensor is not None
    }
    joined: list[Any] = []
    row: list[Any] = []
    touched: set[int] = set()
    for position, step in enumerate([*steps, None]):
        # A step that writes what the row read or wrote cannot join it.
        joins = step is not None and step.command and step.outputs[0].index not in touched
        if row and not joins:
            made = {step.outputs[0].index for step in row}
            later = {index for index in made if last_read.get(index, -1) >= position}
            wanted = made if keep_tensors else later | (made & set(graph_outputs))
            joined.append(segment.step(row, wanted))
            row, touched = [], set()
        if step is not None and step.command:
            row.append(step)
            tensors = (*step.inputs, *step.outputs)
            touched |= {tensor.index for tensor in tensors if tensor is not None}
        elif step is not None:
            joined.append(step)
    return joined
