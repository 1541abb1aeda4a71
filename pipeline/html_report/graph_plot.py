"""The graph of a model: ops with their quantization parameters, each a link to its figures."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from pipeline import tensor_names
from pipeline.graph import Operator, Subgraph, Tensor
from pipeline.html_report import graph_layout, svg, texts

_NODE = (176, 52)  # Points, as everything here.
_MARGIN = 8.0
_ROUNDING = 7.0
# Of each line in a box: height, size, weight, colour, and how many characters fit.
_LINES = (
    (0.27, 11.0, "bold", "ink", 24),
    (0.55, 9.5, "normal", "ink", 28),
    (0.81, 8.5, "normal", "muted", 36),
)
_POINTS_PER_INCH = 72.0

# What a kind of op is drawn in; all others in the last one.
_COLOURS = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"), "series-1"),
    **dict.fromkeys(("FULLY_CONNECTED", "BATCH_MATMUL"), "series-2"),
    **dict.fromkeys(("ADD", "SUB", "MUL", "CONCATENATION"), "series-3"),
    **dict.fromkeys(("MEAN", "SUM", "AVERAGE_POOL_2D", "MAX_POOL_2D"), "series-4"),
}
_OTHER_COLOUR = "series-5"


def draw(graph: Subgraph, name: str) -> ElementTree.Element:
    """Returns the drawing; the link of op N leads to "#op-N".

    Args:
      graph: The subgraph; it has ops.
      name: Of the element, unique in the page.
    """
    from matplotlib.figure import Figure  # here: it takes a while

    layout = graph_layout.arrange(len(graph.operators), list(edges(graph)), _NODE)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    with svg.style():
        figure = Figure(figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set_xlim(-_MARGIN, layout.width + _MARGIN)
        axes.set_ylim(layout.height + _MARGIN, -_MARGIN)
        for points in layout.routes:
            _draw_edge(axes, points)
        for op, centre in zip(graph.operators, layout.centres, strict=True):
            _draw_node(axes, graph, op, centre)
        root = svg.element(figure, name, f"Graph of {len(graph.operators)} ops")
    # A group of links, to readers of screens, not one picture.
    root.set("role", "group")
    root.set("width", f"{width:.0f}")
    root.set("height", f"{height:.0f}")
    _make_links(root, graph, name)
    return root


def edges(graph: Subgraph) -> Iterator[tuple[int, int]]:
    """Yields (from, to) of ops that compute and read one tensor, each pair once."""
    producer: dict[int, int] = {}
    for op in graph.operators:
        yield from sorted({(producer[it], op.index) for it in op.inputs if it in producer})
        producer |= dict.fromkeys(op.outputs, op.index)


def _draw_edge(axes: Any, points: tuple[tuple[float, float], ...]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x, y), *rest = points
    vertices, codes = [(x, y + _NODE[1] / 2)], [Path.MOVETO]
    for number, (next_x, next_y) in enumerate(rest):
        if number == len(rest) - 1:
            next_y -= _NODE[1] / 2
        x, y = vertices[-1]
        middle = (y + next_y) / 2
        vertices += [(x, middle), (next_x, middle), (next_x, next_y)]
        codes += [Path.CURVE4] * 3
    line = Path(vertices, codes)
    axes.add_patch(
        PathPatch(line, facecolor="none", edgecolor=svg.COLOURS["muted"], linewidth=1.1, zorder=1)
    )


def _draw_node(axes: Any, graph: Subgraph, op: Operator, centre: tuple[float, float]) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle

    left, top = centre[0] - _NODE[0] / 2, centre[1] - _NODE[1] / 2
    box = FancyBboxPatch(
        (left + _ROUNDING, top + _ROUNDING),
        *(side - 2 * _ROUNDING for side in _NODE),
        boxstyle=f"round,pad={_ROUNDING}",
        facecolor=svg.COLOURS["card"],
        edgecolor=svg.COLOURS["line"],
        linewidth=1.2,
        zorder=2,
        gid=f"{svg.GIVEN}box-{op.index}",
    )
    axes.add_patch(box)
    colour = svg.COLOURS[_COLOURS.get(op.op, _OTHER_COLOUR)]
    stripe = Rectangle((left + 8, top + 10), 3.5, _NODE[1] - 20, facecolor=colour, zorder=3)
    stripe.set_gid(f"{svg.GIVEN}stripe-{op.index}")
    axes.add_patch(stripe)
    for number, ((at, size, weight, tone, length), line) in enumerate(
        zip(_LINES, lines(graph, op), strict=True)
    ):
        axes.text(
            left + 18,
            top + at * _NODE[1],
            texts.short(line, length),
            fontsize=size,
            fontweight=weight,
            color=svg.COLOURS[tone],
            verticalalignment="center_baseline",
            zorder=4,
            gid=f"{svg.GIVEN}text-{op.index}-{number}",
        )


def lines(graph: Subgraph, op: Operator) -> tuple[str, str, str]:
    """Returns what stands in the box of an op: itself, its layer, its output's grid."""
    output = graph.tensors[op.outputs[0]] if op.outputs else None
    layer = None if output is None else tensor_names.keras_layer(output.name)
    return f"{op.index}  {op.op}", layer or "", "" if output is None else _grid(output)


def _grid(tensor: Tensor) -> str:
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    return f"{shape}  {texts.grid(tensor)}"


def _make_links(root: ElementTree.Element, graph: Subgraph, name: str) -> None:
    """Puts what was drawn of each op into a link of its own."""
    parents = {child: parent for parent in root.iter() for child in parent}
    by_id = {node.attrib["id"]: node for node in root.iter() if "id" in node.attrib}
    for op in graph.operators:
        parts = [f"box-{op.index}", f"stripe-{op.index}"]
        parts += [f"text-{op.index}-{number}" for number in range(len(_LINES))]
        drawn = [by_id.get(f"{name}-{svg.GIVEN}{part}") for part in parts]
        groups = [group for group in drawn if group is not None]  # Empty text is not drawn.
        box = groups[0]
        link = ElementTree.Element("a", _link(graph, op))
        parent = parents[box]
        parent.insert(list(parent).index(box), link)
        for group in groups:
            parents[group].remove(group)
            del group.attrib["id"]
            link.append(group)


def _link(graph: Subgraph, op: Operator) -> dict[str, str]:
    label = ", ".join(filter(None, lines(graph, op)))
    return {
        "href": f"#op-{op.index}",
        "class": "node",
        "data-op": str(op.index),
        "aria-label": texts.printable(label),
    }
