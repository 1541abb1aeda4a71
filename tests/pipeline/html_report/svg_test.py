"""SVG for pages: no namespaces, the page's colours and fonts, ids of its own, the same text."""

from xml.etree import ElementTree

from matplotlib.figure import Figure

from pipeline.html_report import svg


def _figure(text: str = "text") -> Figure:
    figure = Figure(figsize=(2, 1))
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4], "o-", color=svg.COLOURS["accent"], gid=f"{svg.GIVEN}line")
    axes.set_title(text, fontweight="bold")
    return figure


def _markup(text: str = "text", name: str = "p") -> str:
    with svg.style():
        return svg.markup(svg.element(_figure(text), name, "label"))


def test_colours_follow_the_page_and_nothing_else_is_left():
    markup = _markup()
    assert "var(--accent)" in markup
    assert "var(--muted)" in markup
    assert not any(colour in markup for colour in svg.COLOURS.values())
    for foreign in ("http", "xmlns", "<style", "font-family", "metadata"):
        assert foreign not in markup
    assert "font-weight" in markup


def test_every_colour_has_one_stand_in():
    assert len(set(svg.COLOURS.values())) == len(svg.COLOURS)


def test_ids_are_of_this_drawing_and_references_lead_to_them():
    root = ElementTree.fromstring(_markup(name="mine"))
    ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
    assert len(set(ids)) == len(ids)
    assert all(identity.startswith("mine") for identity in ids)
    assert "mine-at-line" in ids
    uses = [node.attrib["href"].removeprefix("#") for node in root.iter("use")]
    assert uses
    assert set(uses) <= set(ids)


def test_the_same_twice_and_text_is_text():
    hostile = "</script><b>&$\\frac{$"
    assert _markup(hostile) == _markup(hostile)
    assert "&lt;/script&gt;&lt;b&gt;&amp;$\\frac{$" in _markup(hostile)


def test_style_does_not_outlast_its_block():
    import matplotlib as mpl

    before = mpl.rcParams["axes.grid"]
    with svg.style():
        assert mpl.rcParams["axes.grid"]
    assert mpl.rcParams["axes.grid"] == before
