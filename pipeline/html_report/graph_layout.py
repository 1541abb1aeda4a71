"""Where ops and edges of a graph go: layers from top to bottom, few crossings (Sugiyama)."""

import dataclasses
from collections.abc import Sequence

_LAYER_GAP = 34.0
_SIDE_GAP = 28.0
_EDGE_WIDTH = 8.0  # What an edge takes of a layer that it passes.
_ROUNDS = 4  # Of reducing crossings.


@dataclasses.dataclass(frozen=True)
class Layout:
    """Positions; y grows downwards.

    Attributes:
      centres: (x, y) of each node.
      routes: For each edge, the points that it passes, from its first node's centre to its last's.
      width, height: Of all nodes together; no coordinate is negative.
    """

    centres: tuple[tuple[float, float], ...]
    routes: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def arrange(num_nodes: int, edges: Sequence[tuple[int, int]], node_size: tuple[int, int]) -> Layout:
    """Returns a layout of a directed acyclic graph.

    Args:
      num_nodes: At least 1.
      edges: (from, to), numbers of nodes, no pair twice; each leads to a larger number.
      node_size: Width and height of every node.
    """
    from grandalf import graphs, layouts  # here: only reports need it

    width, height = node_size
    vertices = [graphs.Vertex(number) for number in range(num_nodes)]
    for vertex in vertices:
        vertex.view = layouts.VertexViewer(width, height)
    links = [graphs.Edge(vertices[a], vertices[b]) for a, b in edges]
    for link in links:
        link.view = _Route()
    parts = graphs.Graph(vertices, links).C
    left = 0.0
    for part in sorted(parts, key=lambda part: min(vertex.data for vertex in part.sV)):
        plan = layouts.SugiyamaLayout(part)
        plan.xspace, plan.yspace, plan.dw = _SIDE_GAP, _LAYER_GAP, _EDGE_WIDTH
        plan.init_all(inverted_edges=[], optimize=True)
        plan.draw(_ROUNDS)
        points = [point for edge in part.sE for point in edge.view.points]
        points += [vertex.view.xy for vertex in part.sV]
        shift = left + width / 2 - min(x for x, _ in points)
        for vertex in part.sV:
            vertex.view.xy = (vertex.view.xy[0] + shift, vertex.view.xy[1])
        for edge in part.sE:
            edge.view.points = [(x + shift, y) for x, y in edge.view.points]
        left = max(x for x, _ in points) + shift + width / 2 + _SIDE_GAP
    centres = tuple(vertex.view.xy for vertex in vertices)
    return Layout(
        centres=centres,
        routes=tuple(tuple(link.view.points) for link in links),
        width=left - _SIDE_GAP,
        height=max(y for _, y in centres) + height / 2,
    )


class _Route:
    """What the library tells where an edge goes."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []

    def setpath(self, points: Sequence[tuple[float, float]]) -> None:
        self.points = list(points)
