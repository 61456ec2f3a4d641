"""A figure of matplotlib as an <svg> element of few bytes, of which several can stand in one page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
# What matplotlib scales glyphs by has more digits than any length needs.
_LENGTH = re.compile(r"scale\([^)]*\)|-?\d+\.\d{3,}")

ElementTree.register_namespace("", _SVG[1:-1])
ElementTree.register_namespace("xlink", _HREF[1 : _HREF.index("}")])


def svg(figure: Figure, prefix: str) -> str:
    """The figure, without a size of its own; ids start with `prefix`.

    It is drawn to a hundredth of a point, and what matplotlib writes more than once or for nobody is left out.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    root = ElementTree.fromstring(buffer.getvalue())
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    names = {name: f"{prefix}-{number}" for number, name in enumerate(dict.fromkeys(_references(root)))}
    styles = {element.get("id", ""): element.get("style") for element in root.iter()}
    for element in root.iter():
        if element.tag == f"{_SVG}use" and element.get("style") == styles[element.get(_HREF, "#")[1:]]:
            element.attrib.pop("style", None)  # it is that of what is used
    _shorten(root, names)
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _references(root: Element) -> Iterator[str]:
    """The ids that anything refers to."""
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == _HREF:
                yield value.removeprefix("#")
            yield from _REFERENCE.findall(value)


def _shorten(element: Element, names: Mapping[str, str]) -> None:
    """Leave out the ids without a new name, groups that say nothing, blanks, and digits that nobody sees."""
    children: list[Element] = []
    for child in element:
        _shorten(child, names)
        children += child if child.tag == f"{_SVG}g" and not child.attrib else [child]
        child.tail = None
    element[:] = children
    if element.text is not None and not element.text.strip():
        element.text = None
    if "id" in element.attrib and element.attrib["id"] not in names:
        del element.attrib["id"]
    for name, value in element.attrib.items():
        element.set(name, _short(name, value, names))


def _short(name: str, value: str, names: Mapping[str, str]) -> str:
    if name == "id":
        return names[value]
    if name == _HREF:
        return f"#{names[value[1:]]}"
    value = _REFERENCE.sub(lambda found: f"url(#{names[found[1]]})", value)
    value = _LENGTH.sub(_rounded, value)
    if name == "style":
        return value.replace(": ", ":").replace("; ", ";")
    return re.sub(r"\s*([MLCQz])\s*", r"\1", value) if name == "d" else value


def _rounded(length: re.Match[str]) -> str:
    if length[0].startswith("scale"):
        return length[0]
    text = f"{float(length[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
