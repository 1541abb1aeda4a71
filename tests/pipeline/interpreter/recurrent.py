"""Random cases of ops with state: several runs one after the other, compared."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline import flatbuffer
from pipeline.interpreter import Interpreter, engines, resources
from pipeline.interpreter.op_context import OpContext
from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.integer_array import watch
from tests.pipeline.interpreter.oracle import Oracle


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A model of one op with one input, and that input in each of several runs."""

    model: bytes
    steps: tuple[np.ndarray, ...]

    def __repr__(self) -> str:
        """Returns what a failing test prints."""
        return repr(conformance.Case(self.model, self.steps))


def check(oracle: Oracle, case: Case, kernels: Sequence[str]) -> None:
    """Compares every run with each engine's, bit for bit; no step of ours may make a float."""
    conformance.collect(case.model, kernels, *((step,) for step in case.steps))
    for engine in kernels:
        expected = oracle.steps(case.model, *((step,) for step in case.steps), kernels=engine)
        interpreter = Interpreter(case.model, engine, "x86_64")
        for step, (output,) in zip(case.steps, expected, strict=True):
            np.testing.assert_array_equal(interpreter.run(step)[0], output, engine)
    # The engines differ in tflite-micro at most.
    for engine in {"reference", "tflm"} & set(kernels):
        _run_watched(case, engine)


def _run_watched(case: Case, engine: str) -> None:
    """Makes the first run of the kernel alone, every array watched for floats."""
    graph = flatbuffer.read(case.model).main
    op = graph.operators[0]
    kernel, context = engines.choose(engine, OpContext.of(op, graph, "x86_64"))
    operands = [
        None
        if tensor is None
        else resources.first_value(tensor)
        if tensor.is_variable
        else tensor.data
        for tensor in context.inputs
    ]
    operands[0] = case.steps[0]
    kernel.evaluate(
        kernel.prepare(context), *(None if value is None else watch(value) for value in operands)
    )
