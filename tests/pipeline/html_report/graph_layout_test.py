"""Layouts of graphs: layers in order, nothing overlaps, edges pass around nodes."""

import itertools
import subprocess
import sys

import hypothesis
import hypothesis.strategies as st
import pytest

from pipeline.html_report import graph_layout

_SIZE = (100, 40)


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) < side - 0.01 for a, b, side in zip(one, other, _SIZE, strict=True))


@st.composite
def _dags(draw) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(1, 14))
    pairs = list(itertools.combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=24)) if pairs else []
    return count, edges


@hypothesis.given(_dags())
def test_any_graph(dag):
    count, edges = dag
    layout = graph_layout.arrange(count, edges, _SIZE)
    assert len(layout.centres) == count
    assert not any(_overlap(*pair) for pair in itertools.combinations(layout.centres, 2))
    for x, y in layout.centres:
        assert x - _SIZE[0] / 2 + 0.01 >= 0
        assert x + _SIZE[0] / 2 <= layout.width + 0.01
        assert y - _SIZE[1] / 2 + 0.01 >= 0
        assert y + _SIZE[1] / 2 <= layout.height + 0.01
    for (first, last), route in zip(edges, layout.routes, strict=True):
        assert route[0] == layout.centres[first]
        assert route[-1] == layout.centres[last]
        heights = [y for _, y in route]
        assert heights == sorted(set(heights)), "downwards, layer by layer"


def test_an_edge_past_a_node_goes_around_it():
    layout = graph_layout.arrange(3, [(0, 1), (1, 2), (0, 2)], _SIZE)
    (_, bend, _) = layout.routes[2]
    assert abs(bend[0] - layout.centres[1][0]) > _SIZE[0] / 2


@pytest.mark.parametrize("length", [1, 30, 400])
def test_a_chain_of_any_length_is_a_column(length):
    layout = graph_layout.arrange(length, [(n, n + 1) for n in range(length - 1)], _SIZE)
    assert layout.width == _SIZE[0]
    assert len({x for x, _ in layout.centres}) == 1


def test_the_same_in_another_process():
    code = (
        "from pipeline.html_report import graph_layout as g;"
        "print(g.arrange(6, [(0, 1), (0, 2), (1, 3), (2, 3), (0, 4), (3, 5), (4, 5)], (9, 5)))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1
