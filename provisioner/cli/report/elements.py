"""HTML and SVG as trees, so that every text and attribute is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable

Element = ET.Element


def element(tag: str, /, *inside: Element | str | None, **attributes: object) -> Element:
    """An element with texts and elements in it; `class_` and `stroke_width` are `class` and `stroke-width`."""
    made = ET.Element(tag, {key.rstrip("_").replace("_", "-"): str(value) for key, value in attributes.items()})
    last: Element | None = None
    for one in inside:
        if isinstance(one, str) and last is None:
            made.text = (made.text or "") + one
        elif isinstance(one, str) and last is not None:
            last.tail = (last.tail or "") + one
        elif isinstance(one, Element):
            made.append(one)
            last = one
    return made


def table(headings: Iterable[str], rows: Iterable[Iterable[Element | str]], empty: str) -> Element:
    """A table; a sentence where it would have no rows."""
    lines = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    if not lines:
        return element("p", empty, class_="quiet")
    head = element("tr", *(element("th", one, scope="col") for one in headings))
    return element("div", element("table", element("thead", head), element("tbody", *lines)), class_="wide")


def link(text: str, address: str) -> Element | str:
    """A link to a page; only the text where the address is none."""
    return element("a", text, href=address) if address.startswith(("https://", "http://")) else text


def as_html(page: Element) -> str:
    """The document."""
    return f"<!doctype html>\n{ET.tostring(page, encoding='unicode', method='html')}\n"
