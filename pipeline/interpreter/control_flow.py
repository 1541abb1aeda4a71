"""Ops that call subgraphs or share variables: they move integers and compute nothing.

  VAR_HANDLE       output = the number of the variable of this name
  READ_VARIABLE    output = what was last assigned to the variable; if nothing was, that is an
                   error, but in tflite-micro a 0.0 in int8 and plain zeros in other types
  ASSIGN_VARIABLE  the variable becomes a copy of input 1
  CALL_ONCE        runs a subgraph, the first time only: once for each subgraph that is named; in
                   tflite-micro, once for each CALL_ONCE
  IF               outputs = those of one of two subgraphs, run on inputs 1, 2, ...
  WHILE            outputs = inputs, replaced by body(them) for as long as condition(them) is true

Constraints (tests are named after these labels):
  C1  a handle, and the condition of an IF or a WHILE, is one element.
  C2  a subgraph takes and gives tensors of the types and static shapes that its caller declares;
      that of CALL_ONCE takes and gives nothing.

A WHILE whose values repeat, and which depends on nothing else, is an error. How often subgraphs are
called in one run, and how deep, is bounded: see machine.py.

Source: tensorflow/lite/kernels/{var_handle,read_variable,assign_variable,call_once,if,while}.cc;
tensorflow/lite/micro/kernels/call_once.cc.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from pipeline.errors import ModelError
from pipeline.graph import Operator, Subgraph, Tensor
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.resources import Resources, check_size, first_value

# How a handle is held; a tensor of type "resource" has no type of its own in numpy.
HANDLE_DTYPE = np.dtype(np.int32)

Evaluate = Callable[..., tuple[np.ndarray, ...]]


class Caller(Protocol):
    """What an op needs of the machine that runs it.

    Attributes:
      resources: The variables that subgraphs share.
      has_first_values: Whether a variable can be read before it is assigned, as in tflite-micro.
    """

    resources: Resources
    has_first_values: bool

    def prepare(self, index: int) -> Subgraph:
        """Makes a subgraph ready to be called, and returns it."""
        ...

    def calls_are_pure(self, index: int) -> bool:
        """Whether what a prepared subgraph gives depends on its inputs only."""
        ...

    def call(self, index: int, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Returns a subgraph's outputs."""
        ...

    def call_once(self, index: int, operator: Operator) -> None:
        """Runs a subgraph for a CALL_ONCE, unless that is done."""
        ...


def _var_handle(context: OpContext, caller: Caller) -> Evaluate:
    context.require_dtypes("C1", "resource")
    _require_one_element(context, context.output)
    names = context.option("container", str), context.option("shared_name", str)
    handle = np.full(context.output.shape, caller.resources.handle(*names), HANDLE_DTYPE)
    return lambda: (handle,)


def _read_variable(context: OpContext, caller: Caller) -> Evaluate:
    context.require_dtypes("C1", "resource", context.output.dtype)
    _require_one_element(context, context.input(0))
    check_size(context.outputs)
    default = first_value(context.output) if caller.has_first_values else None
    return lambda handle: (caller.resources.read(handle.item(), default),)


def _assign_variable(context: OpContext, caller: Caller) -> Evaluate:
    context.require_dtypes("C1", "resource", context.input(1).dtype)
    _require_one_element(context, context.input(0))

    def evaluate(handle: np.ndarray, value: np.ndarray) -> tuple[()]:
        caller.resources.assign(handle.item(), value)
        return ()

    return evaluate


def _call_once(context: OpContext, caller: Caller) -> Evaluate:
    index = context.option("init_subgraph_index", int)
    callee = caller.prepare(index)
    edges = len(callee.inputs), len(callee.outputs)
    context.require(edges == (0, 0), "C2", "an initialization without inputs and outputs", edges)

    def evaluate() -> tuple[()]:
        caller.call_once(index, context.operator)
        return ()

    return evaluate


def _if(context: OpContext, caller: Caller) -> Evaluate:
    _require_condition(context, context.input(0))
    operands = [context.input(position) for position in range(1, len(context.inputs))]
    branches = tuple(context.option(f"{branch}_subgraph_index", int) for branch in ("else", "then"))
    for branch in branches:
        callee = caller.prepare(branch)
        _require_same(context, _tensors(callee, callee.inputs), operands)
        _require_same(context, _tensors(callee, callee.outputs), context.outputs)
    return lambda condition, *values: caller.call(branches[int(condition.item())], values)


def _while(context: OpContext, caller: Caller) -> Evaluate:
    carried = [context.input(position) for position in range(len(context.inputs))]
    _require_same(context, context.outputs, carried)
    condition = context.option("cond_subgraph_index", int)
    body = context.option("body_subgraph_index", int)
    asked, repeated = caller.prepare(condition), caller.prepare(body)
    for callee in (asked, repeated):
        _require_same(context, _tensors(callee, callee.inputs), carried)
    _require_same(context, _tensors(repeated, repeated.outputs), carried)
    answers = _tensors(asked, asked.outputs)
    context.require(len(answers) == 1, "C2", "a condition with one output", len(answers))
    _require_condition(context, answers[0])

    are_pure = caller.calls_are_pure(condition) and caller.calls_are_pure(body)

    def evaluate(*values: np.ndarray) -> tuple[np.ndarray, ...]:
        # Any cycle of values is found: each is compared with one of before, which is replaced
        # after 1, 2, 4, ... iterations.
        earlier, age, last_age = values, 0, 1
        while caller.call(condition, values)[0].item():
            values = caller.call(body, values)
            if are_pure and all(map(np.array_equal, values, earlier)):
                raise ModelError(f"{context.where} never ends: its values repeat")
            age += 1
            if age == last_age:
                earlier, age, last_age = values, 0, 2 * last_age
        return values

    return evaluate


OPS: Mapping[str, Callable[[OpContext, Caller], Evaluate]] = {
    "ASSIGN_VARIABLE": _assign_variable,
    "CALL_ONCE": _call_once,
    "IF": _if,
    "READ_VARIABLE": _read_variable,
    "VAR_HANDLE": _var_handle,
    "WHILE": _while,
}


def _tensors(subgraph: Subgraph, indices: Sequence[int]) -> list[Tensor]:
    return [subgraph.tensors[index] for index in indices]


def _require_one_element(context: OpContext, tensor: Tensor) -> None:
    context.require(math.prod(tensor.shape) == 1, "C1", "one element", tensor.shape)


def _require_condition(context: OpContext, tensor: Tensor) -> None:
    context.require(tensor.dtype == "bool", "C1", "a bool condition", tensor.dtype)
    _require_one_element(context, tensor)


def _require_same(context: OpContext, callees: Sequence[Tensor], callers: Sequence[Tensor]) -> None:
    needed, got = (
        [(tensor.dtype, tensor.shape) for tensor in tensors] for tensors in (callers, callees)
    )
    context.require(needed == got, "C2", f"a subgraph of tensors {needed}", got)
