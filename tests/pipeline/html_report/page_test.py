"""The page as a whole: complete, escaped, valid, and the same twice."""

import html.parser
import pathlib
import re

import numpy as np
import pytest

from pipeline import files
from pipeline.errors import InputError
from pipeline.html_report import evidence, page, svg
from pipeline.html_report.page import Contents
from pipeline.html_report.road import Names
from pipeline.run_dir import RunDir
from tests.pipeline.html_report import pages

_VOID = {"meta", "link", "use", "path", "img"}


class _Reader(html.parser.HTMLParser):
    """Checks that tags are closed in order; collects what a test asks for."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.references.append(value or "")
            assert not name.startswith("on"), "no inline handlers"
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag


def _contents(folder, layers=pages.LAYERS, **options) -> Contents:
    model = folder / "m.tflite"
    model.write_bytes(pages.network(layers))
    run_dir = RunDir.open(pages.write_run(folder / "run", layers), "nothing")
    reports = pages.write_reports(folder, model, layer=layers[0])
    found = evidence.read(model, files.sha256(model), run_dir, reports)
    codes = np.random.default_rng(0).integers(-128, 128, (2, 1, 8, 8, 1)).astype(np.int8)
    given = {"title": "net", "pictures": [codes], "pictures_source": "2 pictures", **options}
    return Contents(
        model=model.read_bytes(), evidence=found, names=Names("m.tflite", "run"), **given
    )


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> page.Page:
    """With everything that there can be."""
    return page.render(_contents(tmp_path_factory.mktemp("page")))


def test_every_part_is_there(rendered):
    assert rendered.is_good
    for part in (
        *("plot-latency", "plot-noise", "plot-ops-noise", "plot-causes", "plot-range-use"),
        *("plot-saturation", "plot-headroom", "plot-op-times", "graph", "hist-0", "hist-2"),
    ):
        assert f'<svg id="{part}"' in rendered.html
    for shown in ("BUILTIN_REF", "25.00 % to 95.00 %", "Pixel, big", "256 held-out", "1,234"):
        assert shown in rendered.html


def test_tags_ids_and_references_are_sound(rendered):
    reader = _Reader()
    reader.feed(rendered.html)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    inner = {it.removeprefix("#") for it in reader.references if it.startswith("#")}
    assert inner <= set(reader.ids)
    assert {it for it in reader.references if not it.startswith("#")} == {"data:,"}
    assert set(reader.tags) >= {"main", "nav", "table", "caption", "th", "figure", "aside"}


def test_no_address_and_nothing_foreign_may_run(rendered):
    assert not re.search(r"(?i)https?:|//[a-z]|@import|url\((?!#)", rendered.html)
    assert "default-src 'none'" in rendered.html
    assert "script-src 'sha256-" in rendered.html.replace("&#39;", "'")


def test_the_same_bytes_twice(rendered, tmp_path_factory):
    contents = _contents(tmp_path_factory.mktemp("twice"))
    assert page.render(contents) == page.render(contents)


def test_hostile_names_are_text(tmp_path):
    layer = pages.HOSTILE.replace("/", "|")
    contents = _contents(tmp_path, ("stem", layer, "x", "y"), title=pages.HOSTILE)
    rendered = page.render(contents).html
    reader = _Reader()
    reader.feed(rendered)
    assert "img" not in reader.tags
    assert reader.tags.count("script") == 1
    assert "\x07" not in rendered
    rendered.encode("utf-8")


def test_a_model_alone(tmp_path):
    contents = Contents("net", pages.network(), evidence.Evidence(), Names("m.tflite", None))
    rendered = page.render(contents).html
    assert rendered.count('class="stage missing"') == 5
    assert "Histograms of activations need pictures" in rendered
    assert "No report was given" in rendered


def test_the_run_of_another_model(tmp_path):
    contents = _contents(tmp_path)
    other = pages.network(("a", "b", "c", "d"))
    with pytest.raises(InputError, match="needed the run that the model was converted from"):
        page.render(Contents("net", other, contents.evidence, contents.names))


def test_every_colour_of_a_drawing_is_light_and_dark_in_the_style():
    style = pathlib.Path(page.__file__).with_name("page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    light, dark = (set(re.findall(r"--([a-z0-9-]+):", block)) for block in blocks)
    assert light == dark
    assert set(svg.COLOURS) <= light
