"""Ops in a row that compiled code runs without coming back to Python."""

import bisect
import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter.fast import compiled, int8
from pipeline.interpreter.fast.command import OUTPUT, SCRATCH, SLACK_BYTES, Command

_ALIGNMENT = 64


def step(steps: Sequence[Any], wanted: Collection[int]) -> Any:
    """Returns one step of a program that does what `steps`, all with commands, do.

    Args:
      steps: In order.
      wanted: Indices of the tensors whose values are needed elsewhere.
    """
    ops = [Op(step.command, step.inputs, step.outputs[0]) for step in steps]
    segment = Segment(ops, wanted)
    return dataclasses.replace(
        steps[0], evaluate=segment.run, inputs=segment.inputs, outputs=segment.outputs
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Op:
    """One op of a segment.

    Attributes:
      command: What runs it.
      inputs: As the op has them; None where left out.
      output: The only one.
    """

    command: Command
    inputs: tuple[Tensor | None, ...]
    output: Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class _Memory:
    """The values of one run.

    Attributes:
      content: All of them, one behind the other.
      values: int64, the address of each slot's value.
      inputs: Views of the segment's inputs.
      outputs: Views of its outputs.
    """

    content: np.ndarray
    values: np.ndarray
    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]


class Segment:
    """Runs ops one after the other. Several threads may use one segment at a time.

    Attributes:
      inputs: What run() takes, in order: tensors computed elsewhere.
      outputs: What run() returns, in order.
    """

    def __init__(self, ops: Sequence[Op], wanted: Collection[int]) -> None:
        """Lays values out in memory.

        Args:
          ops: In order.
          wanted: Indices of the tensors whose values are needed elsewhere.
        """
        self._ops = tuple(ops)
        computed = {op.output.index: op.output for op in ops}
        read = {
            tensor.index: tensor
            for op in ops
            for position in op.command.slots.values()
            if position != OUTPUT and (tensor := op.inputs[position]) is not None
        }
        constants = {index: t for index, t in read.items() if t.data is not None}
        self.inputs = tuple(
            t for index, t in read.items() if index not in computed and t.data is None
        )
        self.outputs = tuple(t for index, t in computed.items() if index in wanted)
        self._constants = {index: _with_slack(t) for index, t in constants.items()}
        self._scratch_bytes = max(op.command.scratch_bytes for op in ops) + SLACK_BYTES
        self._offsets, self._content_bytes = self._place(computed, wanted)
        self._slots = {index: slot for slot, index in enumerate((*self._offsets, *constants), 1)}
        self._records = tuple(self._record(op) for op in ops)
        runs = [
            (op.command.kernel, record.ctypes.data)
            for op, record in zip(ops, self._records, strict=True)
            if op.command.kernel
        ]
        self._runs = np.array(runs, np.int64).reshape(len(runs), 2)
        self._plan = np.array([(self._runs.ctypes.data, len(runs))], compiled.PLAN)
        self._free: list[_Memory] = []

    def run(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns new arrays with the values of `outputs`."""
        try:
            memory = self._free.pop()
        except IndexError:
            memory = self._memory()
        for view, value in zip(memory.inputs, inputs, strict=True):
            int8.store(view, value)
        compiled.execute.run(self._plan.ctypes.data, memory.values.ctypes.data)
        outputs = tuple(int8.load(view) for view in memory.outputs)
        self._free.append(memory)
        return outputs

    def _place(
        self, computed: dict[int, Tensor], wanted: Collection[int]
    ) -> tuple[dict[int, int], int]:
        """Returns the offset of each value, and the end; values that never meet share memory."""
        root = {tensor.index: tensor.index for tensor in (*self.inputs, *computed.values())}
        last_use = {tensor.index: 0 for tensor in self.inputs}
        for time, op in enumerate(self._ops):
            read = [op.inputs[position] for position in op.command.slots.values() if position >= 0]
            if not op.command.kernel and read[0] is not None:
                root[op.output.index] = root.get(read[0].index, op.output.index)
            for tensor in (*read, op.output):
                if tensor is not None and tensor.index in root:
                    end = len(self._ops) if tensor.index in wanted else time
                    index = root[tensor.index]
                    last_use[index] = max(last_use.get(index, 0), end)

        at_first = [(tensor, 0) for tensor in self.inputs]
        to_place = at_first + [
            (op.output, time)
            for time, op in enumerate(self._ops)
            if root[op.output.index] == op.output.index
        ]
        offsets: dict[int, int] = {}
        live: list[tuple[int, int, int]] = []  # Begin, end, last use.
        end = _align(self._scratch_bytes)
        for tensor, time in to_place:
            if (last := last_use[tensor.index]) < len(self._ops):
                live = [place for place in live if place[2] >= time]
                begin = _first_gap(live, _align(self._scratch_bytes), _num_bytes(tensor))
                bisect.insort(live, (begin, begin + _num_bytes(tensor), last))
                offsets[tensor.index] = begin
                end = max(end, begin + _num_bytes(tensor))
        for tensor, _ in to_place:  # What lives to the end lies behind.
            if tensor.index not in offsets:
                offsets[tensor.index] = end
                end += _num_bytes(tensor)
        for index, other in root.items():
            offsets[index] = offsets[other]
        return offsets, end

    def _record(self, op: Op) -> np.ndarray:
        record = op.command.record.copy()
        for field, position in op.command.slots.items():
            tensor = op.output if position == OUTPUT else op.inputs[position]
            if tensor is not None:
                record[field] = self._slots[tensor.index]
        return record

    def _memory(self) -> _Memory:
        content = np.empty(_ALIGNMENT + self._content_bytes, np.uint8)
        start = -content.ctypes.data % _ALIGNMENT
        content = content[start:]
        base = content.ctypes.data
        values = np.zeros(1 + len(self._slots), np.int64)
        values[SCRATCH] = base
        for index, offset in self._offsets.items():
            values[self._slots[index]] = base + offset
        for index, array in self._constants.items():
            values[self._slots[index]] = array.ctypes.data

        def views(tensors: Sequence[Tensor]) -> tuple[np.ndarray, ...]:
            return tuple(_view(content, self._offsets[t.index], t) for t in tensors)

        return _Memory(content, values, views(self.inputs), views(self.outputs))


def _first_gap(live: Sequence[tuple[int, int, int]], begin: int, size: int) -> int:
    """Returns the first place from `begin` on that has `size` bytes between live values."""
    for other_begin, other_end, _ in live:
        if begin + size <= other_begin:
            break
        begin = max(begin, other_end)
    return begin


def _align(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _value_bytes(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize


def _num_bytes(tensor: Tensor) -> int:
    return _align(_value_bytes(tensor) + SLACK_BYTES)


def _view(content: np.ndarray, offset: int, tensor: Tensor) -> np.ndarray:
    part = content[offset : offset + _value_bytes(tensor)]
    return part.view(tensor.dtype).reshape(tensor.shape)


def _with_slack(tensor: Tensor) -> Any:
    assert tensor.data is not None, "only constants are copied"
    padded = np.zeros(_num_bytes(tensor), np.uint8)
    int8.store(_view(padded, 0, tensor), tensor.data)
    return padded
