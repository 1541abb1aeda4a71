"""The graph of a model as links: one for each op, with what it is called and its grid."""

from pipeline.html_report import graph_plot
from tests.pipeline.html_report import pages


def test_each_op_is_one_link_in_order_of_execution():
    root = graph_plot.draw(pages.graph().main, "graph")
    links = list(root.iter("a"))
    assert [link.get("href") for link in links] == ["#op-0", "#op-1", "#op-2", "#op-3"]
    assert links[0].get("aria-label") == "0  CONV_2D, stem, 1x8x8x2  int8  0.05, -7"
    texts = ["".join(text.itertext()) for text in links[2].iter("text")]
    assert texts[:2] == ["2  ADD", "join"]
    assert len(list(root.iter("text"))) == 12, "every text is in a link"


def test_edges_are_told_once():
    main = pages.graph().main
    assert list(graph_plot.edges(main)) == [(0, 1), (0, 2), (1, 2), (2, 3)]


def test_hostile_names():
    root = graph_plot.draw(pages.graph((pages.HOSTILE.replace("/", "|"),) * 4).main, "graph")
    assert list(root.iter("img")) == []
    assert any("<" in "".join(text.itertext()) for text in root.iter("text"))
