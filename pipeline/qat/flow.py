"""Who makes and who reads the tensors of a graph of Keras calls."""

import collections

from pipeline.qat.keras_graph import Call, Graph, TensorId


class Flow:
    """The tensors of one graph."""

    def __init__(self, graph: Graph) -> None:
        self._makers = {tensor: call for call in graph.calls for tensor in call.outputs}
        self._readers: dict[TensorId, list[Call]] = collections.defaultdict(list)
        for call in graph.calls:
            for tensor in call.inputs:
                self._readers[tensor].append(call)
        self._outputs = frozenset(graph.outputs)

    def maker(self, tensor: TensorId) -> Call:
        """Returns the call that makes a tensor."""
        return self._makers[tensor]

    def readers(self, tensor: TensorId) -> list[Call]:
        """Returns the calls that read a tensor, one of them twice if it reads it twice."""
        return self._readers[tensor]

    def is_output(self, tensor: TensorId) -> bool:
        """Whether the model returns a tensor."""
        return tensor in self._outputs

    def only_reader(self, tensor: TensorId) -> Call | None:
        """Returns the one call for which alone a tensor is made, if there is one."""
        readers = self._readers[tensor]
        return readers[0] if len(readers) == 1 and tensor not in self._outputs else None

    def maker_for_one(self, tensor: TensorId) -> Call | None:
        """Returns the call that makes a tensor, if it makes it for one call alone."""
        return None if self.only_reader(tensor) is None else self._makers[tensor]
