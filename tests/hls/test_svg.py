"""An <svg> element of few bytes draws what matplotlib drew."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
from matplotlib.figure import Figure

from hls.plots import canvas
from hls.svg import svg


def draw(figure: Figure) -> None:
    axis = figure.subplots()
    x = np.linspace(0, 1, 40)
    axis.errorbar(x, x**2, 0.1 + x, marker="s", label="measured")
    axis.fill_between(x, x, x + 1, alpha=0.2)
    axis.stairs(x[1:], x)
    axis.set_xlabel("Signal efficiency $\\varepsilon_S$")
    axis.legend()


def drawn(text: str) -> list[tuple[str, str]]:
    """What is put on the page, in order: the shape with its references resolved, rounded, and where it goes."""
    root = ElementTree.fromstring(text)
    by_id = {element.get("id"): element for element in root.iter()}
    found = []
    for element in root.iter():
        used = element.get("{http://www.w3.org/1999/xlink}href")
        shape = element if used is None else by_id[used[1:]]
        if shape.get("d"):
            place = [element.get(name, "") for name in ("x", "y", "transform")]
            numbers = [numbers_of(part) for part in (shape.get("d", ""), *place)]
            style = {*styles(shape.get("style", "")), *styles(element.get("style", ""))}
            found.append((re.sub(r"[^A-Za-z]", "", shape.get("d", "")), numbers, style))
    return found


def numbers_of(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def styles(text: str) -> set[str]:
    return {re.sub(r"\d+\.\d+", "", part).replace(" ", "") for part in text.split(";")} - {""}


def test_every_shape_is_where_matplotlib_put_it_in_half_the_bytes() -> None:
    with canvas(4, 3) as figure:
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg")
        figure.set_layout_engine("none")
        text = svg(figure, "plot-0")
    expected, found = drawn(re.sub(r"<metadata>.*</metadata>", "", buffer.getvalue(), flags=re.S)), drawn(text)
    assert len(expected) == len(found) > 100
    for (kind, numbers, style), (same_kind, rounded, same_style) in zip(expected, found, strict=True):
        assert (kind, style) == (same_kind, same_style)
        for before, after in zip(numbers, rounded, strict=True):
            np.testing.assert_allclose(after, before, atol=0.00501)
    assert len(text) < 0.6 * len(buffer.getvalue())


def test_all_ids_begin_with_the_prefix_and_all_references_lead_to_one() -> None:
    with canvas(4, 3) as figure:
        draw(figure)
        text = svg(figure, "plot-0")
    ids = re.findall(r'\bid="([^"]+)"', text)
    references = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    assert len(ids) == len(set(ids)) and set(ids) == references and all(name.startswith("plot-0-") for name in ids)
