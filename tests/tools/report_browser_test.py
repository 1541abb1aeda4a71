"""A page of tools.report, opened from a file in a headless Chromium, clicked, typed at, printed."""

import pathlib
import re

import pytest

from tests.pipeline.html_report import pages

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests import browser

pytestmark = pytest.mark.skipif(
    bool(browser.missing()), reason=f"apt-get install {' '.join(browser.missing())}"
)


@pytest.fixture(scope="module")
def path(run_tool, tmp_path_factory) -> pathlib.Path:
    """The page of a network with a hostile layer."""
    folder = tmp_path_factory.mktemp("report")
    layers = ("stem", pages.HOSTILE.replace("/", "|"), "join", "logits")
    (folder / "m.tflite").write_bytes(pages.network(layers))
    reports = pages.write_reports(folder, folder / "m.tflite", layer=pages.HOSTILE)
    done = run_tool(
        *("report", f"--model={folder / 'm.tflite'}", f"--output={folder / 'r.html'}"),
        *("--evidence=" + ",".join(map(str, reports)), f"--name={pages.HOSTILE}"),
    )
    assert done.returncode == 0, done.stderr
    return folder / "r.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(chromium, path):
    """The browser, with the page just opened."""
    browser.prefer(chromium, "light")
    chromium.get("about:blank")
    chromium.get_log("browser")
    browser.requested(chromium)
    chromium.get(path.as_uri())
    return chromium


def _colours(page) -> tuple[str, str, str]:
    """Of the paper, of text, and of text in a plot."""
    script = (
        "const s = e => getComputedStyle(document.querySelector(e)); return [s('body').background"
    )
    script += "Color, s('body').color, s('#plot-ops-noise text').fill]"
    return tuple(page.execute_script(script))


def _lightness(colour: str) -> int:
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def _click(page, selector: str) -> None:
    element = page.find_element(By.CSS_SELECTOR, selector)
    page.execute_script(
        "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element
    )
    element.click()


def _panel(page) -> str:
    return page.find_element(By.ID, "panel").text


def test_nothing_is_fetched_and_nothing_complained_of(page, path):
    _click(page, "a.node")
    assert browser.requested(page) == [path.as_uri()]
    assert page.get_log("browser") == []


def test_hostile_names_are_text(page):
    assert page.find_elements(By.TAG_NAME, "img") == []
    assert page.title.startswith("</script><img src=x")
    assert "</script><img src=x onerror" in page.find_element(By.TAG_NAME, "h1").text


def test_click_shows_the_numbers_and_escape_closes(page):
    assert "Choose an op" in _panel(page)
    _click(page, "a.node[data-op='0']")
    shown = _panel(page)
    for text in ("0 CONV_2D", "stem", "33.2 dB", "clipping 75%", "bits left", "scale\n0.0078125"):
        assert text in shown
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    assert "Choose an op" in _panel(page)


def test_close_button_leads_back_to_the_op(page):
    _click(page, "a.node[data-op='2']")
    _click(page, ".op.open .close")
    assert "Choose an op" in _panel(page)
    assert page.switch_to.active_element.get_attribute("data-op") == "2"


def test_keyboard_alone(page):
    for _ in range(60):
        page.switch_to.active_element.send_keys(Keys.TAB)
        if page.switch_to.active_element.get_attribute("data-op") is not None:
            break
    assert page.switch_to.active_element.get_attribute("data-op") == "0"
    page.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    node = page.switch_to.active_element
    assert node.get_attribute("data-op") == "1"
    border = page.execute_script(
        "return getComputedStyle(arguments[0].querySelector('path')).strokeWidth", node
    )
    assert border == "3px", "the focus can be seen"
    node.send_keys(Keys.ENTER)
    assert "1 CONV_2D" in _panel(page)
    node.send_keys(Keys.ESCAPE)
    assert "Choose an op" in _panel(page)
    before = page.find_element(By.ID, "graph").size["width"]
    node.send_keys("+")
    node.send_keys("+")
    assert page.find_element(By.ID, "graph").size["width"] > 1.4 * before
    node.send_keys("-")
    node.send_keys(Keys.TAB)
    assert page.switch_to.active_element.get_attribute("data-op") is None, "the graph is one stop"


def test_buttons_zoom_and_fit(page):
    width = page.find_element(By.ID, "graph").size["width"]
    _click(page, "[data-zoom='in']")
    assert page.find_element(By.ID, "graph").size["width"] > width
    _click(page, "[data-zoom='fit']")
    graph, canvas = (page.find_element(By.ID, name).size for name in ("graph", "canvas"))
    assert graph["width"] <= canvas["width"]
    assert graph["height"] <= canvas["height"]


def test_light_and_dark(page):
    paper, text, in_plot = map(_lightness, _colours(page))
    assert paper > 600 > 300 > max(text, in_plot)
    browser.prefer(page, "dark")
    paper, text, in_plot = map(_lightness, _colours(page))
    assert paper < 150 < 400 < min(text, in_plot)


def test_prints(page):
    document = browser.printed(page)
    assert document.startswith(b"%PDF-")
    assert document.count(b"/Type /Page\n") + document.count(b"/Type /Page ") >= 2


def test_without_script(page, path):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(path.as_uri())
        assert not page.find_element(By.CSS_SELECTOR, "[data-zoom='in']").is_displayed()
        _click(page, "a.node[data-op='1']")
        assert "1 CONV_2D" in _panel(page)
        assert page.current_url.endswith("#op-1")
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
