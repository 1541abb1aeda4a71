"""A whole model, ready to run: its subgraphs, and the state that they share."""

from collections.abc import Hashable, Sequence

import numpy as np

from pipeline.errors import ModelError, UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph
from pipeline.interpreter.program import Program, Settings
from pipeline.interpreter.resources import Resources

# Of subgraphs, in one run: an iteration of a WHILE makes two, one of its condition, one of its
# body, so that 5,000 iterations are the most. No loop runs for ever, and no tree of calls grows
# without bound.
MAX_CALLS = 10_000
# Of subgraphs that call subgraphs.
MAX_DEPTH = 16


class Machine:
    """One subgraph to enter, all that it calls, and their variables.

    Attributes:
      resources: The variables that subgraphs share.
      has_first_values: Whether a variable can be read before it is assigned.
    """

    def __init__(self, graph: Graph, entry: Subgraph, settings: Settings) -> None:
        """Prepares `entry` and every subgraph that it can reach.

        Args:
          graph: The model, for the subgraphs that are called.
          entry: What run() runs; usually one of the model's.
          settings: How to compute.

        Raises:
          ModelError: The model is malformed.
          NotIntegerOnlyError: A value in a subgraph that can be reached is a float.
          UnsupportedOpError: An op, or a form of it, is not supported.
        """
        self.resources = Resources()
        self.has_first_values = settings.engine == "tflm"
        self._graph = graph
        self._settings = settings
        self._callees: dict[int, Program] = {}
        self._done: set[Hashable] = set()
        self._num_calls = 0
        self._depth = 0
        self._entry = Program(entry, settings, self)

    @property
    def is_pure(self) -> bool:
        """Whether a run depends on its inputs only, so that several may go on at a time."""
        return self._entry.is_pure

    def run(self, inputs: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
        """Returns the value of every tensor of the entry, by index, after a run.

        Raises:
          ModelError: An op's result does not have the type or shape that the model declares, a
            variable is read before it is assigned, or there are more than MAX_CALLS calls.
          NotIntegerOnlyError: A kernel took or made a float.
        """
        self._num_calls = 0
        return self._entry.run(inputs)

    def reset(self) -> None:
        """Forgets everything of earlier runs."""
        for program in (self._entry, *self._callees.values()):
            program.reset()
        self.resources.reset()
        self._done.clear()

    def prepare(self, index: int) -> Subgraph:
        """Makes a subgraph ready to be called, and returns it."""
        if index not in self._callees:
            if self._depth == MAX_DEPTH:
                raise UnsupportedOpError(
                    f"subgraph {index} is called through {MAX_DEPTH} others; needed fewer"
                )
            self._depth += 1
            self._callees[index] = Program(self._graph.subgraphs[index], self._settings, self)
            self._depth -= 1
        return self._callees[index].subgraph

    def calls_are_pure(self, index: int) -> bool:
        """Whether what a prepared subgraph gives depends on its inputs only."""
        return self._callees[index].is_pure

    def call(self, index: int, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Returns a subgraph's outputs.

        Raises:
          ModelError: There were too many calls in this run.
        """
        self._num_calls += 1
        if self._num_calls > MAX_CALLS:
            raise ModelError(
                f"subgraphs were called more than {MAX_CALLS} times in one run, the last was "
                f"subgraph {index}; a WHILE may never end"
            )
        program = self._callees[index]
        values = program.run(inputs)
        return tuple(values[output] for output in program.subgraph.outputs)

    def call_once(self, index: int, operator: Operator) -> None:
        """Runs a subgraph for a CALL_ONCE, unless that is done.

        TFLite remembers the subgraph, tflite-micro the op.
        """
        done = id(operator) if self._settings.engine == "tflm" else index
        if done not in self._done:
            self.call(index, ())
            self._done.add(done)
