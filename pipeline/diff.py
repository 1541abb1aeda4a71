"""What differs between two flatbuffers, A and B.

Names do not count: ops are aligned, and tensors are paired by the part that they play in paired
ops. Nothing is run here; pipeline.paired_answers compares what two models answer.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from pipeline import certificate, flatbuffer, op_alignment, summary, weight_difference
from pipeline.certificate import Certificate
from pipeline.errors import ModelError
from pipeline.finding import Finding, Place
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor
from pipeline.op_alignment import Pair
from pipeline.quant_params import QuantParams
from pipeline.weight_difference import WeightDifference


@dataclasses.dataclass(frozen=True)
class Side:
    """Figures of one model.

    Attributes:
      size_bytes: Of the file.
      num_ops, constant_bytes, macs: Sums over all subgraphs.
      peak_activation_bytes: See summary.peak_activation_bytes.
      least_headroom_bits: Of the tightest accumulator; None where none is bounded.
      passes, verdict: The certificate's.
    """

    size_bytes: int
    num_ops: int
    constant_bytes: int
    macs: int
    peak_activation_bytes: int
    least_headroom_bits: float | None
    passes: bool
    verdict: str


@dataclasses.dataclass(frozen=True)
class OpDifference:
    """An op that is not the same, or the model's own inputs and outputs.

    Attributes:
      subgraph: Index of the subgraph.
      index_a, index_b: Positions of the op; None where it is not there, or about the whole model.
      op: Its name, "" about the whole model.
      layer: Keras layer, None where the names lead to none.
      change: "added", "removed" or what is changed: 'stride_w: 1, in B 2'.
    """

    subgraph: int
    index_a: int | None
    index_b: int | None
    op: str
    layer: str | None
    change: str


@dataclasses.dataclass(frozen=True)
class TensorPair:
    """A tensor of A and the tensor of B that plays its part.

    Attributes:
      subgraph: Index of the subgraph.
      index_a, index_b: Tensor indices.
      name: As in A.
      op: Name of the first op that it belongs to, "input" of inputs of the model.
    """

    subgraph: int
    index_a: int
    index_b: int
    name: str
    op: str


@dataclasses.dataclass(frozen=True)
class ShapeDifference:
    """Paired tensors of other shape or type, as in "int8 1x8x8x1"."""

    tensor: TensorPair
    a: str
    b: str


@dataclasses.dataclass(frozen=True)
class ParameterDifference:
    """Paired tensors of other quantization parameters; None where there are none."""

    tensor: TensorPair
    a: QuantParams | None
    b: QuantParams | None


@dataclasses.dataclass(frozen=True)
class TensorWeights:
    """Paired constants of other values."""

    tensor: TensorPair
    difference: WeightDifference


@dataclasses.dataclass(frozen=True)
class Diff:
    """What differs from A to B.

    Attributes:
      a, b: Figures of each.
      same_bytes: Whether the files are the same, names and metadata included.
      ops: Ops added, removed, or with other options or operands.
      shapes, parameters, weights: Of the paired tensors.
      new_failures: What denies B's certificate at places where A's had nothing.
      gone_failures: What denied A's at places where B's has nothing.
    """

    a: Side
    b: Side
    same_bytes: bool
    ops: tuple[OpDifference, ...]
    shapes: tuple[ShapeDifference, ...]
    parameters: tuple[ParameterDifference, ...]
    weights: tuple[TensorWeights, ...]
    new_failures: tuple[Finding, ...]
    gone_failures: tuple[Finding, ...]

    @property
    def differs(self) -> Mapping[str, bool]:
        """Whether each aspect differs; of certificate and size, whether B's is worse."""
        return {
            "ops": bool(self.ops),
            "shapes": bool(self.shapes),
            "parameters": bool(self.parameters),
            "weights": bool(self.weights),
            "certificate": bool(self.new_failures),
            "size": self.b.size_bytes > self.a.size_bytes,
        }


def compare(a: bytes, b: bytes) -> Diff:
    """Returns what differs between two .tflite files.

    Raises:
      ModelError: One of them is no model.
    """
    graph_a, graph_b = _read(a, "A"), _read(b, "B")
    certified_a, certified_b = certificate.certify(graph_a), certificate.certify(graph_b)
    ops, pairs = _compare_graphs(graph_a, graph_b)
    tensors = list(_tensors(graph_a, graph_b, pairs))
    return Diff(
        a=_side(a, graph_a, certified_a),
        b=_side(b, graph_b, certified_b),
        same_bytes=a == b,
        ops=tuple(ops),
        shapes=tuple(_shapes(tensors)),
        parameters=tuple(
            ParameterDifference(pair, tensor_a.quantization, tensor_b.quantization)
            for pair, tensor_a, tensor_b in tensors
            if tensor_a.quantization != tensor_b.quantization
        ),
        weights=tuple(_weights(tensors)),
        new_failures=_elsewhere(certified_b.failures, certified_a.failures),
        gone_failures=_elsewhere(certified_a.failures, certified_b.failures),
    )


_Tensors = tuple[TensorPair, Tensor, Tensor]


def _compare_graphs(a: Graph, b: Graph) -> tuple[list[OpDifference], list[TensorPair]]:
    ops: list[OpDifference] = []
    pairs: list[TensorPair] = []
    nothing = Subgraph("", (), (), (), ())
    for number in range(max(len(a.subgraphs), len(b.subgraphs))):
        sides = [
            graph.subgraphs[number] if number < len(graph.subgraphs) else nothing
            for graph in (a, b)
        ]
        pairing = _Pairing(number, *sides)
        ops.extend(pairing.differences())
        pairs.extend(pairing.pairs.values())
    return ops, pairs


class _Pairing:
    """Pairs the tensors of two subgraphs, and finds out on the way where ops differ.

    Attributes:
      pairs: By the index of A's tensor; whole after differences() is exhausted.
    """

    def __init__(self, number: int, a: Subgraph, b: Subgraph) -> None:
        self._number = number
        self._a = a
        self._b = b
        self.pairs: dict[int, TensorPair] = {}
        self._taken: set[int] = set()  # B's tensors that have a partner.

    def differences(self) -> Iterator[OpDifference]:
        for index_a, index_b in zip(self._a.inputs, self._b.inputs, strict=False):
            self._pair(index_a, index_b, "input")
        for pair in op_alignment.align(self._places(self._a), self._places(self._b)):
            yield from self._op(pair)
        for kind, indices_a, indices_b in (
            ("input", self._a.inputs, self._b.inputs),
            ("output", self._a.outputs, self._b.outputs),
        ):
            for change in self._operands(kind, indices_a, indices_b, ""):
                yield OpDifference(self._number, None, None, "", None, f"the model's {change}")

    def _places(self, subgraph: Subgraph) -> list[Place]:
        return [Place(self._number, subgraph, op) for op in subgraph.operators]

    def _op(self, pair: Pair) -> Iterator[OpDifference]:
        op, layer = pair.place.op.op, pair.place.layer
        if pair.a is None or pair.b is None:
            change = "added" if pair.a is None else "removed"
            indices = [side and side.op.index for side in (pair.a, pair.b)]
            yield OpDifference(self._number, *indices, op, layer, change)
            return
        a, b = pair.a.op, pair.b.op
        for change in (*_options(a, b), *self._edges(a, b)):
            yield OpDifference(self._number, a.index, b.index, op, layer, change)

    def _edges(self, a: Operator, b: Operator) -> Iterator[str]:
        yield from self._operands("input", a.inputs, b.inputs, a.op)
        yield from self._operands("output", a.outputs, b.outputs, a.op)
        yield from self._operands("intermediate", a.intermediates, b.intermediates, a.op)

    def _operands(
        self, kind: str, a: tuple[int, ...], b: tuple[int, ...], op: str
    ) -> Iterator[str]:
        if len(a) != len(b):
            yield f"{kind}s: {len(a)}, in B {len(b)}"
        for position, (index_a, index_b) in enumerate(zip(a, b, strict=False)):
            if not self._are_partners(index_a, index_b, op):
                names = _name(self._a, index_a), _name(self._b, index_b)
                yield f"{kind} {position}: {names[0]}, in B {names[1]}"

    def _are_partners(self, index_a: int, index_b: int, op: str) -> bool:
        """Whether two tensors play the same part; makes them partners if neither has any."""
        if ABSENT in (index_a, index_b):
            return index_a == index_b
        if index_a in self.pairs:
            return self.pairs[index_a].index_b == index_b
        if index_b in self._taken:
            return False
        data = self._a.tensors[index_a].data, self._b.tensors[index_b].data
        if (data[0] is None) != (data[1] is None):
            return False
        self._pair(index_a, index_b, op)
        return True

    def _pair(self, index_a: int, index_b: int, op: str) -> None:
        name = self._a.tensors[index_a].name
        self.pairs[index_a] = TensorPair(self._number, index_a, index_b, name, op)
        self._taken.add(index_b)


def _options(a: Operator, b: Operator) -> Iterator[str]:
    if a.version != b.version:
        yield f"version: {a.version}, in B {b.version}"
    if a.custom_options != b.custom_options:
        yield f"custom options: {len(a.custom_options)} bytes, in B {len(b.custom_options)} others"
    for field in dict.fromkeys((*a.options, *b.options)):
        values = a.options.get(field), b.options.get(field)
        if repr(values[0]) != repr(values[1]):  # Not !=, since a NaN is the same as a NaN.
            yield f"{field}: {values[0]}, in B {values[1]}"


def _name(subgraph: Subgraph, index: int) -> str:
    if index == ABSENT:
        return "none"
    tensor = subgraph.tensors[index]
    return f"{'constant ' if tensor.data is not None else ''}{tensor.name!r}"


def _tensors(a: Graph, b: Graph, pairs: Iterable[TensorPair]) -> Iterator[_Tensors]:
    for pair in pairs:
        tensors_a, tensors_b = (graph.subgraphs[pair.subgraph].tensors for graph in (a, b))
        yield pair, tensors_a[pair.index_a], tensors_b[pair.index_b]


def _shapes(tensors: Iterable[_Tensors]) -> Iterator[ShapeDifference]:
    for pair, a, b in tensors:
        forms = _form(a), _form(b)
        if forms[0] != forms[1]:
            yield ShapeDifference(pair, *forms)


def _form(tensor: Tensor) -> str:
    shape = tensor.shape_signature if tensor.is_dynamic else tensor.shape
    sizes = "x".join("?" if size == -1 else str(size) for size in shape or ())
    return f"{tensor.dtype} {sizes or 'scalar'}"


def _weights(tensors: Iterable[_Tensors]) -> Iterator[TensorWeights]:
    for pair, a, b in tensors:
        difference = None if a.data is None else weight_difference.measure(a, b)
        if difference is not None:
            yield TensorWeights(pair, difference)


def _elsewhere(findings: Iterable[Finding], known: Iterable[Finding]) -> tuple[Finding, ...]:
    """Returns the findings at places of which `known` says nothing; indices may have shifted."""
    places = {_where(found) for found in known}
    return tuple(found for found in findings if _where(found) not in places)


def _where(found: Finding) -> tuple[int, str | None, str]:
    return found.subgraph, found.op, found.layer or found.tensor


def _side(content: bytes, graph: Graph, certified: Certificate) -> Side:
    ops = list(summary.ops(graph))
    tightest = certified.tightest
    return Side(
        size_bytes=len(content),
        num_ops=len(ops),
        constant_bytes=sum(op.constant_bytes for op in ops),
        macs=sum(op.macs or 0 for op in ops),
        peak_activation_bytes=summary.peak_activation_bytes(graph.main),
        least_headroom_bits=None if tightest is None else tightest.headroom_bits,
        passes=certified.passes,
        verdict=certified.verdict,
    )


def _read(content: bytes, side: str) -> Graph:
    try:
        return flatbuffer.read(content)
    except ModelError as error:
        raise type(error)(f"model {side}: {error}") from error
