"""The plots of the page; each is None where nothing was measured. matplotlib is imported late."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from pipeline.html_report import svg, texts
from pipeline.html_report.evidence import Accuracy, Latency, LayerNoise, OpTimes
from pipeline.html_report.histograms import Histogram
from pipeline.layer_figures import LayerFigures
from pipeline.range_proof import AccumulatorBound

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE = (5.6, 2.7)  # Inches.
_SMALL = (3.3, 1.3)
# Left, bottom, width and height of its halves. Fixed: there may be hundreds, and layouts take time.
_SMALL_AXES = ((0.1, 0.15, 0.38, 0.7), (0.6, 0.15, 0.38, 0.7))
_MAX_NAMED = 40  # More layers than that are numbered on their axis.
_MAX_NAME = 22
_OPS_SHOWN = 7
_INK, _MUTED, _ACCENT = (svg.COLOURS[it] for it in ("ink", "muted", "accent"))
_BAD = svg.COLOURS["bad"]
_SERIES = tuple(svg.COLOURS[f"series-{number}"] for number in range(1, 9))

Plot = ElementTree.Element | None


def latency_against_accuracy(
    latencies: Sequence[Latency], accuracies: Sequence[Accuracy], name: str
) -> Plot:
    """Returns the models that have both as points with their intervals; accuracies alone as lines.

    Args:
      latencies: All; a point for each device.
      accuracies: Rows are named "FILE (ENGINE)"; those of Keras models have no latency.
      name: Of the element.
    """
    by_file = {row.model.rpartition(" (")[0]: row for row in accuracies if not row.is_keras}
    points = [(row, by_file[row.model]) for row in latencies if row.model in by_file]
    if not points:
        return None

    def draw(axes: "Axes") -> None:
        for colour, (row, value) in zip(itertools.cycle(_SERIES), points, strict=False):
            median_ms = row.median_us / 1000
            axes.errorbar(
                median_ms,
                100 * value.share,
                xerr=[[median_ms - row.low_us / 1000], [row.high_us / 1000 - median_ms]],
                yerr=[[100 * (value.share - value.low)], [100 * (value.high - value.share)]],
                marker="o",
                markersize=6,
                capsize=3,
                color=colour,
                label=f"{texts.short(row.model, 24)}, {texts.short(row.device, 30)}",
            )
        keras = [row for row in accuracies if row.is_keras]
        for line, row in zip(itertools.cycle(("--", ":", "-.")), keras, strict=False):
            label = f"{texts.short(row.model, 24)} (Keras)"
            axes.axhline(100 * row.share, color=_MUTED, linestyle=line, linewidth=1, label=label)
        axes.set_xlabel("median latency (ms)")
        axes.set_ylabel("accuracy (%)")
        axes.set_xlim(left=0, right=1.3 * max(row.high_us for row, _ in points) / 1000)
        _legend(axes, columns=2)

    return _plot(name, "Accuracy against latency", draw)


def noise_by_layer(layers: Sequence[LayerFigures], name: str) -> Plot:
    """Returns each layer's signal-to-noise ratios after training."""
    if not layers:
        return None
    lines = {
        "this layer's rounding": [it.noise.layer for it in layers],
        "all rounding up to it": [it.noise.network for it in layers],
        "difference to the float model": [it.noise.float_model for it in layers],
    }
    names = [it.layer for it in layers]
    return _by_layer(name, "Signal-to-noise ratio by layer", names, "SQNR (dB)", lines)


def noise_by_op(noise: Sequence[LayerNoise], name: str) -> Plot:
    """Returns each layer's signal-to-noise ratios, as integer op and fake-quantized."""
    if not noise:
        return None
    lines = {
        "integer op": [it.integer_db for it in noise],
        "fake-quantized layer": [it.fake_quant_db for it in noise],
    }
    names = [it.layer for it in noise]
    return _by_layer(name, "Signal-to-noise ratio of each layer alone", names, "SQNR (dB)", lines)


def causes(noise: Sequence[LayerNoise], name: str) -> Plot:
    """Returns where each layer's noise comes from, as shares."""
    if not noise:
        return None
    steps = list(dict.fromkeys(step for it in noise for step in it.parts))
    columns = {step: [100 * it.parts.get(step, 0.0) for it in noise] for step in steps}

    def draw(axes: "Axes") -> None:
        _stack(axes, columns)
        _name_layers(axes, [it.layer for it in noise])
        axes.set_ylabel("share of the noise (%)")
        _legend(axes)

    return _plot(name, "Where each layer's noise comes from", draw)


def range_use(layers: Sequence[LayerFigures], name: str) -> Plot:
    """Returns the share of each range's codes that occur."""
    shown = [(it.layer, it.output) for it in layers if it.output is not None]
    values = [100 * output.used_share for _, output in shown]
    names = [layer for layer, _ in shown]
    return _bars(name, "Codes of each range that occur", names, values, "codes used (%)", _ACCENT)


def saturation(layers: Sequence[LayerFigures], name: str) -> Plot:
    """Returns the share of each layer's values outside of its range."""
    shown = [(it.layer, it.output) for it in layers if it.output is not None]
    values = [100 * output.saturation for _, output in shown]
    names = [layer for layer, _ in shown]
    return _bars(name, "Values that saturate", names, values, "saturated (%)", _SERIES[3])


def headroom(
    bounds: Sequence[AccumulatorBound], measured: Sequence[AccumulatorBound], name: str
) -> Plot:
    """Returns the bits that each accumulator has left: on any input, and within codes seen."""
    if not bounds:
        return None
    seen = {(it.subgraph, it.op_index): it.headroom_bits for it in measured}

    def draw(axes: "Axes") -> None:
        places = range(len(bounds))
        values = [it.headroom_bits for it in bounds]
        axes.bar(places, values, width=0.66, color=_ACCENT, label="proved, for every input")
        known = [seen.get((it.subgraph, it.op_index)) for it in bounds]
        if seen:
            marks = [(place, bits) for place, bits in zip(places, known, strict=True) if bits]
            axes.plot(*zip(*marks, strict=True), "D", ms=5, color=_SERIES[3], label="on pictures")
            _legend(axes)
        axes.axhline(0, color=_BAD, linewidth=1.2)
        _name_layers(axes, [it.layer or it.tensor for it in bounds])
        axes.set_ylabel("bits left (0: overflow)")

    return _plot(name, "Headroom of the accumulators", draw)


def histograms(
    weights: Histogram | None,
    activations: Histogram | None,
    real_limits: tuple[float, float] | None,
    learned: tuple[float, float] | None,
    name: str,
) -> Plot:
    """Returns the codes of an op's weights and the values of its output.

    Args:
      weights: Of the constant weights.
      activations: Of the output.
      real_limits: The real values of the smallest code of the output and of the one after the
        largest.
      learned: The range that training learned for it, marked; None where none is known.
      name: Of the element.
    """
    if weights is None and activations is None:
        return None
    from matplotlib.figure import Figure

    with svg.style():
        figure = Figure(figsize=_SMALL)
        left, right = _SMALL_AXES
        if weights is not None:
            limits = weights.low, weights.high
            _counts(figure.add_axes(left), weights, limits, _SERIES[0], "weight codes")
        if activations is not None and real_limits is not None:
            axes = figure.add_axes(right)
            _counts(axes, activations, real_limits, _SERIES[2], "output values")
            for edge in learned or ():
                axes.axvline(edge, color=_SERIES[3], linewidth=1, linestyle=":")
        return svg.element(figure, name, "Histograms of weights and output")


def op_times(rows: Sequence[OpTimes], name: str) -> Plot:
    """Returns the time of a run split by op, a bar for each device."""
    if not rows:
        return None
    totals: dict[str, float] = {}
    for row in rows:
        for op, op_ms in row.ms_by_op.items():
            totals[op] = totals.get(op, 0.0) + op_ms
    shown = sorted(totals, key=lambda op: (-totals[op], op))[:_OPS_SHOWN]
    columns = {op: [row.ms_by_op.get(op, 0.0) for row in rows] for op in shown}
    if len(totals) > len(shown):
        rest = [
            sum(op_ms for op, op_ms in row.ms_by_op.items() if op not in columns) for row in rows
        ]
        columns["other"] = rest

    def draw(axes: "Axes") -> None:
        lefts = [0.0] * len(rows)
        for colour, (op, values) in zip(_SERIES, columns.items(), strict=False):
            axes.barh(range(len(rows)), values, left=lefts, label=texts.short(op, 30), color=colour)
            lefts = [left + value for left, value in zip(lefts, values, strict=True)]
        axes.set_yticks(range(len(rows)), [texts.short(row.device, 40) for row in rows])
        axes.invert_yaxis()
        axes.set_xlabel("mean time of a run (ms), with profiling on")
        axes.grid(axis="y", visible=False)
        _legend(axes)

    return _plot(name, "Time by op", draw, height=1.4 + 0.4 * len(rows))


def _by_layer(
    name: str,
    label: str,
    names: Sequence[str],
    unit: str,
    lines: Mapping[str, Sequence[float | None]],
) -> Plot:
    def draw(axes: "Axes") -> None:
        # The first lies on top of those that it may coincide with.
        for height, colour, marker, (title, values) in zip(
            (5, 4, 3), (_ACCENT, _SERIES[3], _MUTED), "osD", lines.items(), strict=False
        ):
            known = [(place, value) for place, value in enumerate(values) if value is not None]
            if known:
                style: Any = {"marker": marker, "color": colour, "label": title}
                axes.plot(*zip(*known, strict=True), ms=6.5 - height / 2, zorder=height, **style)
        _name_layers(axes, names)
        axes.set_ylabel(unit)
        _legend(axes, columns=2)

    return _plot(name, label, draw)


def _bars(
    name: str, label: str, names: Sequence[str], values: Sequence[float], unit: str, colour: str
) -> Plot:
    if not names:
        return None

    def draw(axes: "Axes") -> None:
        axes.bar(range(len(values)), values, width=0.66, color=colour)
        _name_layers(axes, names)
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0, top=None if any(values) else 1)

    return _plot(name, label, draw)


def _plot(
    name: str, label: str, draw: "Callable[[Axes], None]", height: float = _WIDE[1]
) -> ElementTree.Element:
    from matplotlib.figure import Figure

    with svg.style():
        # A figure that no window and no global state knows of.
        figure = Figure(figsize=(_WIDE[0], height), layout="constrained")
        draw(figure.subplots())
        return svg.element(figure, name, label)


def _counts(
    axes: Any, histogram: Histogram, limits: tuple[float, float], colour: str, title: str
) -> None:
    count = len(histogram.counts)
    width = (limits[1] - limits[0]) / count
    edges = [limits[0] + width * number for number in range(count + 1)]
    axes.stairs(100 * histogram.shares, edges, fill=True, color=colour)
    axes.set_title(title, fontsize=8, color=_MUTED)
    axes.tick_params(labelsize=7.5)
    axes.locator_params(axis="both", nbins=4)
    axes.grid(axis="x", visible=False)
    axes.yaxis.set_major_formatter("{x:g} %")


def _stack(axes: "Axes", columns: Mapping[str, Sequence[float]]) -> None:
    count = len(next(iter(columns.values())))
    bottoms = [0.0] * count
    for colour, (title, values) in zip(_SERIES, columns.items(), strict=False):
        axes.bar(range(count), values, bottom=bottoms, width=0.66, color=colour, label=title)
        bottoms = [bottom + value for bottom, value in zip(bottoms, values, strict=True)]


def _name_layers(axes: Any, names: Sequence[str]) -> None:
    axes.grid(axis="x", visible=False)
    axes.set_xlim(-0.6, len(names) - 0.4)
    if len(names) > _MAX_NAMED:
        axes.set_xlabel("layer, numbered in the order of the model")
        return
    axes.set_xticks(
        range(len(names)),
        [texts.short(name, _MAX_NAME) for name in names],
        rotation=40,
        horizontalalignment="right",
        rotation_mode="anchor",
        fontsize=8.5,
    )


def _legend(axes: Any, columns: int = 3) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        fontsize=8.5,
        borderaxespad=0.2,
        handlelength=1.4,
        columnspacing=1.4,
        labelcolor=_INK,
    )
