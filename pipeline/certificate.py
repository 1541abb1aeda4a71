"""Is a model integer-only, and is its integer arithmetic sound? Answered from the schema alone.

Integer-only: between the inputs and the outputs of the model no tensor of any op is a float. The
runtime's tensor details do not tell: converters leave ops in float silently, and int4 is reported
as int8.
"""

import collections
import dataclasses
from collections.abc import Iterator, Mapping

from pipeline import finding, float_edges, range_proof
from pipeline.finding import Finding, Place
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.range_proof import AccumulatorBound

_INTEGER_DTYPES = frozenset(
    {"bool", "int2", "int4", "int8", "int16", "int32", "int64"}
    | {"uint4", "uint8", "uint16", "uint32", "uint64", "resource"}
)
_ACTIVATION_DTYPES = frozenset({"int8", "uint8", "int16"})

# Ops whose results depend on the scales of their operands. All others move, compare or count codes.
_SCALED_OPS = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL", "SVDF"}
    | {"UNIDIRECTIONAL_SEQUENCE_LSTM", "ADD", "SUB", "MUL", "DIV", "SQUARED_DIFFERENCE", "ABS"}
    | {"MEAN", "SUM", "REDUCE_PROD", "AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_NORMALIZATION"}
    | {"SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "PRELU", "RELU"}
    | {"RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ELU", "GELU", "EXP", "LOG", "SQRT", "RSQRT"}
    | {"CONCATENATION", "PAD", "QUANTIZE", "DEQUANTIZE", "RESIZE_BILINEAR"}
)
_WEIGHTED_OPS = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL", "SVDF"}
    | {"CONV_3D", "UNIDIRECTIONAL_SEQUENCE_LSTM", "EMBEDDING_LOOKUP"}
)


@dataclasses.dataclass(frozen=True)
class Edge:
    """An input or output of the model.

    Attributes:
      kind: "input" or "output".
      name, dtype, shape: As in the schema; -1 where the size is dynamic.
      scale, zero_point: None where it has no quantization.
    """

    kind: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None
    zero_point: int | None


@dataclasses.dataclass(frozen=True)
class Certificate:
    """The verdict on a model, and what it rests on.

    Attributes:
      float_ops: Ops between the edges with a tensor that is no integer.
      boundary: Float inputs and outputs of the model, and the QUANTIZE, DEQUANTIZE and
        TFLite_Detection_PostProcess there.
      defects: Integer arithmetic that overflows, is refused by TFLite, or means nothing.
      warnings: What works, but is not as it should be.
      op_counts: How often each op occurs.
      edges: Inputs and outputs of the model.
      accumulators: Proved bounds, one for each op with constant weights, in order of execution.
      unproved: Ops whose accumulators are not bounded by this certificate.
    """

    float_ops: tuple[Finding, ...]
    boundary: tuple[Finding, ...]
    defects: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    op_counts: Mapping[str, int]
    edges: tuple[Edge, ...]
    accumulators: tuple[AccumulatorBound, ...]
    unproved: tuple[str, ...]

    @property
    def is_integer_only(self) -> bool:
        """Whether no value from the input to the output tensor is ever a float."""
        return not self.float_ops and not self.boundary

    @property
    def needs_float_boundary(self) -> bool:
        """Whether all floats are at the edges, so that allow_float_boundary lets the model run."""
        return not self.float_ops and bool(self.boundary)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Everything that denies the certificate; warnings do not."""
        return self.float_ops + self.boundary + self.defects

    @property
    def passes(self) -> bool:
        """Whether the model is integer-only and its arithmetic is sound."""
        return not self.failures

    @property
    def tightest(self) -> AccumulatorBound | None:
        """The accumulator with the least headroom."""
        return min(self.accumulators, key=lambda bound: bound.headroom_bits, default=None)

    @property
    def verdict(self) -> str:
        """One line for people."""
        ops = _count(sum(self.op_counts.values()), "op")
        if not self.is_integer_only:
            if self.needs_float_boundary:
                return (
                    f"NOT integer-only: {len(self.boundary)} floats at the edges, none between; "
                    "runs with --allow_float_boundary"
                )
            floats = _count(len(self.float_ops), "float op")
            return f"NOT integer-only: {floats} of {ops}, {len(self.boundary)} floats at the edges"
        if self.defects:
            return f"NOT sound: {ops}, all integer, but {_count(len(self.defects), 'defect')}"
        return f"integer-only: {ops}, no float between input and output"


def certify(graph: Graph) -> Certificate:
    """Returns the certificate of a model; deterministic, from schema facts alone."""
    float_ops: list[Finding] = []
    boundary: list[Finding] = []
    defects: list[Finding] = []
    warnings: list[Finding] = []
    accumulators: list[AccumulatorBound] = []
    op_counts: collections.Counter[str] = collections.Counter()
    entries = {0, *(signature.subgraph for signature in graph.signatures)}
    for number, subgraph in enumerate(graph.subgraphs):
        flow = _Flow(number, subgraph, is_entry=number in entries)
        boundary.extend(flow.float_edges())
        warnings.extend(flow.dynamic_inputs())
        for op in subgraph.operators:
            op_counts[op.op] += 1
            place = Place(number, subgraph, op)
            if found := flow.float_op(place):
                (boundary if flow.is_edge_op(op) else float_ops).append(found)
                continue
            defects.extend(_missing_quantization(place))
            warnings.extend(_hidden_arithmetic(place))
            proof = range_proof.prove(place)
            defects.extend(proof.defects)
            warnings.extend(proof.warnings)
            if proof.bound is not None:
                accumulators.append(proof.bound)
    bounded = {bound.op for bound in accumulators}
    return Certificate(
        float_ops=tuple(float_ops),
        boundary=tuple(boundary),
        defects=tuple(defects),
        warnings=tuple(warnings),
        op_counts=dict(sorted(op_counts.items())),
        edges=tuple(_edges(graph.main)),
        accumulators=tuple(accumulators),
        unproved=tuple(sorted((range_proof.UNPROVED_OPS & op_counts.keys()) - bounded)),
    )


class _Flow:
    """Who writes and who reads each tensor of a subgraph, and what that says about its floats."""

    def __init__(self, number: int, subgraph: Subgraph, is_entry: bool) -> None:
        self._number = number
        self._subgraph = subgraph
        self._inputs = set(subgraph.inputs) if is_entry else set()
        self._outputs = set(subgraph.outputs) if is_entry else set()
        self._producer: dict[int, Operator] = {}
        self._consumers: dict[int, list[Operator]] = collections.defaultdict(list)
        edges = float_edges.find(subgraph) if is_entry else ((), ())
        self._edge_ops = {op.index for side in edges for op in side}
        for op in subgraph.operators:
            for index in op.outputs:
                self._producer[index] = op
            for index in op.inputs:
                self._consumers[index].append(op)

    def float_edges(self) -> Iterator[Finding]:
        for kind, indices in (("input", self._inputs), ("output", self._outputs)):
            for index in sorted(indices):
                tensor = self._subgraph.tensors[index]
                if tensor.dtype not in _INTEGER_DTYPES:
                    reason = (
                        f"an {kind} of the model is {tensor.dtype}; integer-only needs integers"
                    )
                    yield finding.at_tensor(self._number, tensor, reason)

    def dynamic_inputs(self) -> Iterator[Finding]:
        for index in sorted(self._inputs):
            tensor = self._subgraph.tensors[index]
            if tensor.is_dynamic:
                reason = (
                    f"its shape {list(tensor.shape_signature or ())} is dynamic; convert with a "
                    "static batch so that every size is known beforehand"
                )
                yield finding.at_tensor(self._number, tensor, reason)

    def float_op(self, place: Place) -> Finding | None:
        """Returns why `place` computes with floats, None where it does not."""
        tensors = place.inputs + place.outputs
        floats = [tensor for tensor in tensors if tensor.dtype not in _INTEGER_DTYPES]
        if not floats:
            return None
        sides = [
            ", ".join(dict.fromkeys(tensor.dtype for tensor in side))
            for side in (place.inputs, place.outputs)
        ]
        reason = self._reason(place)
        constants = [tensor.name for tensor in floats if tensor.data is not None]
        if constants:
            reason += f"; {_count(len(constants), 'float constant')}, the first is {constants[0]!r}"
        where = place.outputs[0] if place.outputs else floats[0]
        return finding.at_op(place, where, reason, dtype=" -> ".join(sides))

    def is_edge_op(self, op: Operator) -> bool:
        """Whether `op` only brings floats in, or takes them out."""
        return op.index in self._edge_ops

    def _reason(self, place: Place) -> str:
        op = place.op
        if self.is_edge_op(op):
            if float_edges.is_detection(op):
                return f"{op.op} behind the integer graph computes in float"
            side = "input" if op.op == "QUANTIZE" else "output"
            return f"{op.op} at the edge; convert with an integer {side}"
        if op.op == "QUANTIZE":
            return f"QUANTIZE behind {self._producers(op)}, computed in float"
        if op.op == "DEQUANTIZE":
            stored = "stored as integers, but " if place.inputs[0].data is not None else ""
            return f"{stored}used in float by {self._readers(op)}"
        if op.is_custom:
            return "custom op that computes in float"
        if op.op in _WEIGHTED_OPS and any(
            tensor.dtype in {"int8", "uint8", "int4"} for tensor in place.inputs
        ):
            return "hybrid (dynamic-range): integer weights with float activations; quantize both"
        behind = any(self._is_by("DEQUANTIZE", index) for index in op.inputs)
        readers = [reader for index in op.outputs for reader in self._consumers[index]]
        before = any(reader.op == "QUANTIZE" for reader in readers)
        if behind or before:
            return (
                "left in float between DEQUANTIZE and QUANTIZE: the converter found no integer "
                "form; its weights, input and output all need fake-quantization that TFLite's "
                "integer kernel can express"
            )
        return "computes in float: neither its input nor its weights are quantized"

    def _is_by(self, op: str, tensor_index: int) -> bool:
        return tensor_index in self._producer and self._producer[tensor_index].op == op

    def _producers(self, op: Operator) -> str:
        found = [self._producer[index] for index in op.inputs if index in self._producer]
        return _op_names(found) or "a constant"

    def _readers(self, op: Operator) -> str:
        return _op_names([reader for index in op.outputs for reader in self._consumers[index]])


def _op_names(ops: list[Operator]) -> str:
    return ", ".join(f"op {op.index} {op.op}" for op in ops)


def _missing_quantization(place: Place) -> Iterator[Finding]:
    if place.op.op not in _SCALED_OPS:
        return
    for tensor in place.inputs + place.outputs:
        if tensor.dtype in _ACTIVATION_DTYPES and tensor.quantization is None:
            reason = f"{place.op.op} needs its scale and zero point, it has none"
            yield finding.at_op(place, tensor, reason)


def _hidden_arithmetic(place: Place) -> Iterator[Finding]:
    if place.op.is_custom and place.outputs:
        reason = "a custom op: its tensors are integers, what it does inside is not in the schema"
        yield finding.at_op(place, place.outputs[0], reason)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _edges(subgraph: Subgraph) -> Iterator[Edge]:
    for kind, indices in (("input", subgraph.inputs), ("output", subgraph.outputs)):
        for index in indices:
            yield _edge(kind, subgraph.tensors[index])


def _edge(kind: str, tensor: Tensor) -> Edge:
    params = tensor.quantization
    return Edge(
        kind=kind,
        name=tensor.name,
        dtype=tensor.dtype,
        shape=tensor.shape_signature or tensor.shape,
        scale=None if params is None else params.scale[0],
        zero_point=None if params is None else params.zero_point[0],
    )
