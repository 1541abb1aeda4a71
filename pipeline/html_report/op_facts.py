"""What the page tells of each op: a row of a table, and a panel of figures."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pipeline import summary
from pipeline.certificate import Certificate
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor
from pipeline.html_report import texts
from pipeline.html_report.evidence import Evidence, LayerNoise, Match
from pipeline.layer_figures import LayerFigures
from pipeline.range_proof import AccumulatorBound
from pipeline.summary import OpSummary

_MAX_TEXT = 160  # Of all options together.
_UNSET_BIAS_TYPE = ("quantized_bias_type", "FLOAT32")  # What readers of the schema take 0 for.
_Row = TypeVar("_Row", Match, LayerNoise, AccumulatorBound)


@dataclasses.dataclass(frozen=True)
class Operand:
    """A tensor in its role: "input", "constant" or "output"."""

    role: str
    name: str
    dtype: str
    shape: str
    scale: str
    zero_point: str
    real_range: str


@dataclasses.dataclass(frozen=True)
class OpFacts:
    """One op of the main subgraph.

    Attributes:
      index, op, layer: Which.
      output: Its first output.
      macs, constant_bytes: As texts.
      operands: All its tensors.
      facts: Title -> text, of all that is known.
    """

    index: int
    op: str
    layer: str
    output: Operand | None
    macs: str
    constant_bytes: str
    operands: tuple[Operand, ...]
    facts: Mapping[str, str]


def describe(graph: Graph, certified: Certificate, evidence: Evidence) -> tuple[OpFacts, ...]:
    """Returns what is known of each op of the main subgraph, in order of execution."""
    found = evidence.verification
    proved = [bound for bound in certified.accumulators if bound.subgraph == 0]
    measured = [bound for bound in evidence.measured_accumulators if bound.subgraph == 0]
    known = _Known(
        matches=_by_op(found.tensors if found else ()),
        fidelity=_by_op(found.fidelity.layers if found and found.fidelity else ()),
        proved=_by_op(proved),
        measured=_by_op(measured),
        noise=_by_op(evidence.noise),
        layers={it.layer: it for it in (evidence.layers.layers if evidence.layers else ())},
    )
    summaries = (it for it in summary.ops(graph) if it.subgraph == 0)
    return tuple(
        _describe(graph.main, op, one, known)
        for op, one in zip(graph.main.operators, summaries, strict=True)
    )


@dataclasses.dataclass(frozen=True)
class _Known:
    """Figures by op index, and those of layers by name."""

    matches: Mapping[int, Match]
    fidelity: Mapping[int, Match]
    proved: Mapping[int, AccumulatorBound]
    measured: Mapping[int, AccumulatorBound]
    noise: Mapping[int, LayerNoise]
    layers: Mapping[str, LayerFigures]


def _by_op(rows: Sequence[_Row]) -> dict[int, _Row]:
    return {row.op_index: row for row in rows}


def _describe(graph: Subgraph, op: Operator, one: OpSummary, known: _Known) -> OpFacts:
    layer = one.layer or ""
    operands = tuple(_operands(graph, op))
    facts = {
        "options": _options(op.options),
        "multiply-accumulates": "" if one.macs is None else f"{one.macs:,}",
        **_agreement(op, known),
        **_headroom(op, known),
        **_noise(known.noise.get(op.index)),
        **_range(known.layers.get(layer)),
    }
    return OpFacts(
        index=op.index,
        op=op.op,
        layer=layer,
        output=next((it for it in operands if it.role == "output"), None),
        macs="" if one.macs is None else f"{one.macs:,}",
        constant_bytes=f"{one.constant_bytes:,}" if one.constant_bytes else "",
        operands=operands,
        facts={title: text for title, text in facts.items() if text},
    )


def _operands(graph: Subgraph, op: Operator) -> Iterator[Operand]:
    for index in op.inputs:
        if index != ABSENT:
            tensor = graph.tensors[index]
            yield _operand("input" if tensor.data is None else "constant", tensor)
    for index in op.outputs:
        yield _operand("output", graph.tensors[index])


def _operand(role: str, tensor: Tensor) -> Operand:
    return Operand(
        role=role,
        name=tensor.name,
        dtype=tensor.dtype,
        shape="x".join(map(str, tensor.shape_signature or tensor.shape)) or "scalar",
        scale=texts.scales(tensor),
        zero_point=texts.zero_points(tensor),
        real_range=texts.real_range(tensor),
    )


def _options(options: Mapping[str, Any]) -> str:
    shown = (
        f"{name} {value}"
        for name, value in options.items()
        if value not in (0, "NONE", None) and (name, value) != _UNSET_BIAS_TYPE
    )
    return texts.short(", ".join(shown), _MAX_TEXT)


def _agreement(op: Operator, known: _Known) -> dict[str, str]:
    return {
        title: f"{texts.nearly_all(match.equal_share)} equal, at most "
        f"{match.max_abs_difference:g} off"
        for title, match in (
            ("against the engine", known.matches.get(op.index)),
            ("against fake-quant", known.fidelity.get(op.index)),
        )
        if match is not None
    }


def _headroom(op: Operator, known: _Known) -> dict[str, str]:
    return {
        title: f"{bound.headroom_bits:.1f} bits left: |sum| ≤ {bound.bound:,} in channel "
        f"{bound.channel}"
        for title, bound in (
            ("accumulator, proved", known.proved.get(op.index)),
            ("accumulator, on pictures", known.measured.get(op.index)),
        )
        if bound is not None
    }


def _noise(noise: LayerNoise | None) -> dict[str, str]:
    if noise is None:
        return {}
    parts = sorted(noise.parts.items(), key=lambda part: -part[1])
    return {
        "SQNR, integer op": texts.decibel(noise.integer_db),
        "SQNR, fake-quantized": texts.decibel(noise.fake_quant_db),
        "noise from": ", ".join(f"{name} {share:.0%}" for name, share in parts if share >= 0.005),
        "worst channels": ", ".join(f"{it} ({share:.0%})" for it, share in noise.worst_channels),
    }


def _range(layer: LayerFigures | None) -> dict[str, str]:
    if layer is None or layer.output is None:
        return {}
    output = layer.output
    learner = "" if output.learner is None else f" ({output.learner})"
    return {
        "range": f"{output.minimum:.4g} to {output.maximum:.4g}{learner}",
        "codes used": f"{output.num_used} of {output.num_codes}",
        "saturated": texts.small_percent(output.saturation),
    }
