"""The page: everything that is known of a model, put into page.html."""

import base64
import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import certificate, flatbuffer, layer_rows, layer_warnings, summary, tensor_names
from pipeline.certificate import Certificate, Edge
from pipeline.errors import InputError
from pipeline.graph import Graph, Operator
from pipeline.html_report import graph_plot, histograms, op_facts, plots, road, svg, texts
from pipeline.html_report.evidence import Evidence, Source
from pipeline.html_report.histograms import Histogram
from pipeline.html_report.op_facts import OpFacts
from pipeline.html_report.road import Names, Stage
from pipeline.layer_figures import LayerFigures

_FOLDER = pathlib.Path(__file__).parent
_MAX_COMMIT = 12  # Characters of one.
_MAX_DRAWN = 1200  # Ops; a layout of more takes minutes, and nobody would find anything in it.


@dataclasses.dataclass(frozen=True, eq=False)
class Contents:
    """All that a page follows from.

    Attributes:
      title: What the model is called.
      model: The flatbuffer.
      evidence: What its stages reported.
      names: What commands of missing stages call the model and its run.
      pictures: Inputs of the model whose activations are counted, integers [N, *shape] for each;
        () where there are none.
      pictures_source: What they are, for people; "" without.
    """

    title: str
    model: bytes
    evidence: Evidence
    names: Names
    pictures: Sequence[np.ndarray] = ()
    pictures_source: str = ""


@dataclasses.dataclass(frozen=True)
class Page:
    """A page, and whether a verdict on it is bad."""

    html: str
    is_good: bool


def render(contents: Contents) -> Page:
    """Returns the page.

    Raises:
      ModelError: The model is malformed, or the interpreter does not take it.
      InputError: The run's layers are not this model's.
    """
    graph = flatbuffer.read(contents.model)
    certified = certificate.certify(graph)
    evidence = contents.evidence
    _check_layers(graph, evidence)
    stages = road.stages(evidence, certified, len(contents.model), contents.names)
    ops = op_facts.describe(graph, certified, evidence)
    counted = _activations(graph, contents, certified.is_integer_only)
    fields = {
        "title": contents.title,
        "sha256": hashlib.sha256(contents.model).hexdigest(),
        "stages": stages,
        "overall": _overall(stages),
        "figures": _figures(graph, certified, len(contents.model)),
        "evidence": evidence,
        "certified": certified,
        "findings": _findings(certified, evidence),
        "plots": _plots(evidence, certified),
        "drawing": _drawing(graph),
        "ops": ops,
        "num_other_subgraphs": len(graph.subgraphs) - 1,
        "histograms": _histograms(graph, ops, counted, evidence),
        "pictures_source": contents.pictures_source if counted else "",
        "layer_rows": [layer_rows.row(it) for it in _layers(evidence)],
        "settings": _settings(evidence),
        "sources": [(_source(it), it.provenance.get("inputs", {})) for it in evidence.sources],
        "versions": _versions(evidence.sources),
        "profile_command": road.profile_command(contents.names),
        "missing": {it.name: it if it.status == "missing" else None for it in stages},
    }
    return Page(_fill(fields), all(stage.status != "bad" for stage in stages))


def _fill(fields: Mapping[str, Any]) -> str:
    import jinja2  # here: only pages need it
    from markupsafe import Markup

    def shown(value: object) -> object:
        return value if isinstance(value, Markup) else texts.printable(value)

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        texts=texts,
        script_hash=f"sha256-{digest}",
        **fields,
    )


def _markup(drawing: plots.Plot) -> Any:
    from markupsafe import Markup

    # ElementTree has escaped every text and attribute.
    return None if drawing is None else Markup(svg.markup(drawing))


def _check_layers(graph: Graph, evidence: Evidence) -> None:
    layers = {it.layer for it in _layers(evidence)}
    outputs = (graph.main.tensors[op.outputs[0]] for op in graph.main.operators if op.outputs)
    of_model = {tensor_names.keras_layer(tensor.name, layers) for tensor in outputs}
    if layers and not layers & of_model:
        raise InputError(
            f"the run's layers ({', '.join(sorted(layers)[:3])}, ...) are none of the model's: "
            "needed the run that the model was converted from"
        )


def _layers(evidence: Evidence) -> Sequence[LayerFigures]:
    return () if evidence.layers is None else evidence.layers.layers


def _activations(
    graph: Graph, contents: Contents, is_integer_only: bool
) -> Mapping[int, Histogram]:
    if not contents.pictures or not is_integer_only:
        return {}
    return histograms.of_activations(contents.model, graph.main, contents.pictures)


def _overall(stages: Sequence[Stage]) -> tuple[str, str]:
    """Returns (status, words) of all stages together."""
    bad = [stage.name for stage in stages if stage.status == "bad"]
    missing = [stage.name for stage in stages if stage.status == "missing"]
    if bad:
        return "bad", f"not good: {', '.join(bad)}"
    if missing:
        return "missing", f"good so far; not run: {', '.join(missing)}"
    return "good", "every stage was run, every verdict is good"


def _figures(graph: Graph, certified: Certificate, size_bytes: int) -> Mapping[str, str]:
    """Returns what the model itself says, by title."""
    ops = list(summary.ops(graph))
    return {
        "file": texts.size(size_bytes),
        "ops": str(len(ops)),
        "multiply-accumulates": f"{sum(op.macs or 0 for op in ops):,}",
        "peak of activations": texts.size(summary.peak_activation_bytes(graph.main)),
        **{f"{edge.kind} {texts.short(edge.name, 60)}": _edge(edge) for edge in certified.edges},
    }


def _edge(edge: Edge) -> str:
    shape = "x".join(map(str, edge.shape))
    if edge.scale is None:
        return f"{edge.dtype} {shape}"
    return f"{edge.dtype} {shape}, scale {edge.scale:.6g}, zero point {edge.zero_point}"


def _findings(certified: Certificate, evidence: Evidence) -> list[tuple[str, str, str]]:
    """Returns (status, kind, words) of everything that somebody should look at."""
    found = [
        ("bad", kind, str(one))
        for kind, several in (
            ("float op", certified.float_ops),
            ("float edge", certified.boundary),
            ("defect", certified.defects),
        )
        for one in several
    ]
    found += [("warned", "warning", str(one)) for one in certified.warnings]
    found += [("warned", one.kind, str(one)) for one in layer_warnings.check(_layers(evidence))]
    return found


def _plots(evidence: Evidence, certified: Certificate) -> Mapping[str, Any]:
    layers, noise = _layers(evidence), evidence.noise
    drawn = {
        "latency": plots.latency_against_accuracy(
            evidence.latencies, evidence.accuracies, "plot-latency"
        ),
        "noise": plots.noise_by_layer(layers, "plot-noise"),
        "ops_noise": plots.noise_by_op(noise, "plot-ops-noise"),
        "causes": plots.causes(noise, "plot-causes"),
        "range_use": plots.range_use(layers, "plot-range-use"),
        "saturation": plots.saturation(layers, "plot-saturation"),
        "headroom": plots.headroom(
            certified.accumulators, evidence.measured_accumulators, "plot-headroom"
        ),
        "op_times": plots.op_times(evidence.op_times, "plot-op-times"),
    }
    return {name: _markup(drawing) for name, drawing in drawn.items()}


def _drawing(graph: Graph) -> Any:
    drawable = 0 < len(graph.main.operators) <= _MAX_DRAWN
    return _markup(graph_plot.draw(graph.main, "graph") if drawable else None)


@dataclasses.dataclass(frozen=True)
class _Drawn:
    """A histogram: its SVG, and the width and height of its view box."""

    markup: Any
    width: str
    height: str


def _histograms(
    graph: Graph,
    ops: Sequence[OpFacts],
    counted: Mapping[int, Histogram],
    evidence: Evidence,
) -> Mapping[int, _Drawn]:
    """Returns the drawings by op; ops without codes have none."""
    learned = {it.layer: it.output for it in _layers(evidence) if it.output is not None}
    found: dict[int, _Drawn] = {}
    for op, facts in zip(graph.main.operators, ops, strict=True):
        output = learned.get(facts.layer)
        drawing = plots.histograms(
            histograms.of_weights(graph.main, op),
            *_values(graph, op, counted),
            None if output is None else (output.minimum, output.maximum),
            f"hist-{op.index}",
        )
        if drawing is not None:
            _, _, width, height = drawing.attrib["viewBox"].split()
            found[op.index] = _Drawn(_markup(drawing), width, height)
    return found


def _values(
    graph: Graph, op: Operator, counted: Mapping[int, Histogram]
) -> tuple[Histogram | None, tuple[float, float] | None]:
    """Returns the histogram of an op's output, and the real values at its ends."""
    index = next((it for it in op.outputs if it in counted), None)
    if index is None:
        return None, None
    histogram, params = counted[index], graph.main.tensors[index].quantization
    assert params is not None, "only tensors with parameters are counted"
    scale, zero_point = params.per_tensor
    low, high = ((code - zero_point) * scale for code in (histogram.low, histogram.high))
    return histogram, (low, high)


def _settings(evidence: Evidence) -> Mapping[str, str]:
    """Returns how training was configured; what was left at nothing is left out."""
    if evidence.training is None:
        return {}
    given = {
        name: str(value)
        for name, value in evidence.training.config.items()
        if value not in (None, "", [], {}, False)
    }
    return {"parameters": f"{evidence.training.num_parameters:,}", **given}


def _source(source: Source) -> Mapping[str, str]:
    provenance = source.provenance
    commit = str(provenance.get("git_commit") or "unknown")[:_MAX_COMMIT]
    cpu = provenance.get("cpu") or {}
    seed = provenance.get("seed")
    return {
        "name": source.name,
        "stage": source.stage,
        "commit": f"{commit}, with changes" if provenance.get("git_dirty") else commit,
        "seed": "" if seed is None else str(seed),
        "utc": str(provenance.get("utc", "")),
        "cpu": str(cpu.get("model", "")),
        "command": _command(str(provenance.get("command", ""))),
    }


def _command(command: str) -> str:
    """Returns a command without the path of one machine's Python."""
    _, python, tool = command.partition(" -m ")
    return f"python{python}{tool}" if python else command


def _versions(sources: Sequence[Source]) -> Mapping[str, str]:
    """Returns what the reports were written with; where they differ, all of it."""
    found: dict[str, list[str]] = {}
    for source in sources:
        told = {
            **(source.provenance.get("versions") or {}),
            "Python": source.provenance.get("python"),
            "system": source.provenance.get("platform"),
        }
        for name, version in told.items():
            if version and str(version) not in found.setdefault(name, []):
                found[name].append(str(version))
    return {name: ", ".join(versions) for name, versions in found.items() if versions}
