"""From a matplotlib figure to SVG that a page can hold: the page's colours, fonts and ids.

Colours are drawn as stand-ins and become CSS variables, so that one picture serves light, dark and
paper. The same figure gives the same text.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Generator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# CSS variable of page.css -> what stands for it in a drawing.
_NAMES = (
    *("ink", "muted", "line", "card", "accent", "bad"),
    *(f"series-{number}" for number in range(1, 9)),
)
COLOURS = {name: f"#{number:02x}{number:02x}{number:02x}" for number, name in enumerate(_NAMES, 1)}
_VARIABLES = {colour: f"var(--{name})" for name, colour in COLOURS.items()}

GIVEN = "at-"  # Begins each gid that is to stay an id, as "NAME-GID".

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_COLOUR = re.compile(r"#[0-9a-f]{6}")
# "font: 700 10px 'DejaVu Sans', ..." of older versions, "font-family: ..." of newer ones.
_FONT = re.compile(r"font: (?:(\d+|bold) )?([\d.]+)px [^;]*")
_FAMILY = re.compile(r"font-family: [^;]*(; )?")
_NO_ROTATION = re.compile(r"rotate\(-?0 [^)]*\)")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_STYLE: Any = {  # matplotlib names its keys in a type that only it has.
    "svg.fonttype": "none",  # Text stays text: the page's font, and found by a search.
    "text.parse_math": False,  # Names are no formulas.
    "font.size": 10.0,
    "text.color": COLOURS["ink"],
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.edgecolor": COLOURS["line"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "grid.color": COLOURS["line"],
    "grid.linewidth": 0.6,
    "xtick.color": COLOURS["line"],
    "ytick.color": COLOURS["line"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "patch.linewidth": 0.0,
}


@contextlib.contextmanager
def style() -> Generator[None, None, None]:
    """Within it figures are made, and drawn, in the style of the page."""
    import matplotlib as mpl  # here: it takes a while

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The reader's fonts draw the text, not matplotlib's.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def element(figure: "Figure", name: str, label: str) -> ElementTree.Element:
    """Returns a figure as an <svg> element without namespaces.

    Args:
      figure: Made within style().
      name: Unique in the page; begins every id of the drawing.
      label: What it shows, for those who do not see it.
    """
    import matplotlib as mpl

    text = io.StringIO()
    with style(), mpl.rc_context({"svg.hashsalt": name}):
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", metadata=metadata)
    root = ElementTree.fromstring(text.getvalue())
    for node in root.iter():
        _clean(node)
    _rename_ids(root, name)
    _drop_style_sheets(root)
    # The page decides on the size; its natural one is what a script zooms from.
    view_box = root.attrib["viewBox"]
    root.attrib = {"id": name, "viewBox": view_box, "role": "img", "aria-label": label}
    return root


def markup(root: ElementTree.Element) -> str:
    """Returns an element of element() as HTML."""
    return ElementTree.tostring(root, encoding="unicode")


def _clean(node: ElementTree.Element) -> None:
    node.tag = node.tag.removeprefix(_NAMESPACE)
    if _HREF in node.attrib:
        node.attrib["href"] = node.attrib.pop(_HREF)
    if "style" in node.attrib:
        text = _FAMILY.sub("", _FONT.sub(_size_alone, node.attrib["style"]))
        node.attrib["style"] = _COLOUR.sub(_variable, text)
    if _NO_ROTATION.fullmatch(node.get("transform", "")):
        del node.attrib["transform"]
    for text in ("text", "tail"):
        if not (getattr(node, text) or "").strip():
            setattr(node, text, None)


def _rename_ids(root: ElementTree.Element, name: str) -> None:
    """Makes ids unique in the page; drops those that nothing refers to and nobody gave."""
    referred = {node.get("href", "") for node in root.iter()}
    referred |= {f"#{found[1]}" for node in root.iter() if (found := _clip(node)) is not None}
    for node in root.iter():
        identity = node.attrib.pop("id", "")
        if f"#{identity}" in referred or identity.startswith(GIVEN):
            node.set("id", f"{name}-{identity}")
        if node.tag == "use":
            node.set("href", f"#{name}-{node.attrib['href'].removeprefix('#')}")
        if (found := _clip(node)) is not None:
            node.set("clip-path", f"url(#{name}-{found[1]})")


def _clip(node: ElementTree.Element) -> re.Match[str] | None:
    return _REFERENCE.fullmatch(node.get("clip-path", ""))


def _variable(colour: re.Match[str]) -> str:
    return _VARIABLES.get(colour[0], colour[0])


def _size_alone(font: re.Match[str]) -> str:
    weight = f"font-weight: {font[1]}; " if font[1] else ""
    return f"{weight}font-size: {font[2]}px"


def _drop_style_sheets(root: ElementTree.Element) -> None:
    """They would hold for the whole page."""
    for node in root.iter("defs"):
        for child in node.findall("style"):
            node.remove(child)
