"""The report's drawings as inline SVG: resources by dependency, and the time of each credential."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from provisioner.cli.report.elements import Element, element
from provisioner.engine.order import closure, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.model import Address, Node

WIDTH, HEIGHT, GAP_X, GAP_Y = 186, 40, 32, 14
LONGEST_NAME = 22
SPAN, ROW, LABEL = 720, 46, 190  # of the timeline


def graph(nodes: Iterable[Node], states: Mapping[Address, str]) -> Element:
    """Each resource, to the right of all it needs. states: kept, changed, absent or unknown."""
    sorted_nodes = ordered(tuple(nodes))
    needs = {node.address: _needs_not_implied(node, sorted_nodes) for node in sorted_nodes}
    places = _top_left_corners(needs)
    width = max((x for x, _ in places.values()), default=0) + WIDTH
    height = max((y for _, y in places.values()), default=0) + HEIGHT
    arrows = [_arrow(places[need], places[address]) for address, found in needs.items() for need in found]
    boxes = [_box(address, places[address], states.get(address, "unknown")) for address in places]
    title = element("title", "Resources, each to the right of what it needs")
    box = f"-2 -2 {width + 4} {height + 4}"
    style = f"min-width:{min(width, 1200)}px"
    return element("svg", title, *arrows, *boxes, viewBox=box, role="img", class_="graph", style=style)


def _needs_not_implied(node: Node, nodes: Iterable[Node]) -> tuple[Address, ...]:
    """What a node needs, without what that needs itself."""
    needs = {one.address: one.all_needs for one in nodes}
    direct = node.all_needs
    farther = {far for near in direct for far in closure(needs[near], needs)}
    return tuple(near for near in direct if near not in farther)


def _top_left_corners(sorted_needs: Mapping[Address, tuple[Address, ...]]) -> dict[Address, tuple[int, int]]:
    columns: dict[Address, int] = {}
    used: dict[int, int] = defaultdict(int)
    places: dict[Address, tuple[int, int]] = {}
    for address, direct in sorted_needs.items():
        column = columns[address] = 1 + max((columns[one] for one in direct), default=-1)
        places[address] = (column * (WIDTH + GAP_X), used[column] * (HEIGHT + GAP_Y))
        used[column] += 1
    return places


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> Element:
    x1, y1, x2, y2 = start[0] + WIDTH, start[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    return element("path", d=f"M{x1} {y1} C{x1 + 30} {y1} {x2 - 30} {y2} {x2} {y2}", class_="arrow")


def _box(address: Address, place: tuple[int, int], state: str) -> Element:
    x, y = place
    name = address.name if len(address.name) <= LONGEST_NAME else f"{address.name[:8]}…{address.name[-13:]}"
    return element(
        "g",
        element("title", f"{address}: {state}"),
        element("rect", x=x, y=y, width=WIDTH, height=HEIGHT, rx=6, class_=state),
        element("text", address.kind, x=x + 10, y=y + 15, class_="kind"),
        element("text", name, x=x + 10, y=y + 31, class_="name"),
    )


def timeline(credentials: Iterable[Mapping[str, Any]], now: datetime) -> Element | None:
    """When each credential was made, is in use, is replaced and expires; None without any."""
    found = list(credentials)
    if not found:
        return None
    first = min([now, *(datetime.fromisoformat(one["since"]) for one in found)]) - timedelta(days=1)
    last = max([now, *(datetime.fromisoformat(one["expires"]) for one in found)]) + timedelta(days=1)

    def at(moment: datetime) -> float:
        return round(LABEL + SPAN * (moment - first) / (last - first), 1)

    height = ROW * len(found) + 26
    today = element("line", x1=at(now), x2=at(now), y1=0, y2=height - 20, class_="now")
    label = element("text", f"now, {now:%Y-%m-%d}", x=at(now), y=height - 6, text_anchor="middle", class_="kind")
    rows = [_row(one, number * ROW, now, at) for number, one in enumerate(found)]
    title = element("title", "Credentials over time")
    box = f"0 0 {LABEL + SPAN + 10} {height}"
    return element("svg", title, *rows, today, label, viewBox=box, role="img", class_="timeline")


def _row(one: Mapping[str, Any], y: int, now: datetime, at: Any) -> Element:
    since, expires, due = (datetime.fromisoformat(one[name]) for name in ("since", "expires", "next_rotation"))
    state = "absent" if expires <= now else "changed" if one["due"] else "kept"
    parts = [
        element("text", one["address"].partition("/")[2], x=0, y=y + 22, class_="name"),
        element("rect", x=at(since), y=y + 8, width=at(expires) - at(since), height=20, rx=4, class_=state),
        _mark(at(due), y, "next rotation", f"next rotation {due:%Y-%m-%d}"),
    ]
    for old in one["retiring"]:
        until = datetime.fromisoformat(old["until"]) if old["until"] else now
        start, end = at(since), at(max(until, since))
        hint = element("title", f"overlap: the key before is valid until {until:%Y-%m-%d %H:%M}")
        parts.append(element("rect", hint, x=start, y=y + 30, width=max(end - start, 2), height=6, class_="unknown"))
    uses = [datetime.fromisoformat(holder["in_use"]) for holder in one["holders"] if holder["in_use"]]
    parts += [_mark(at(use), y, "in use", f"in use since {use:%Y-%m-%d %H:%M}") for use in uses]
    return element("g", element("title", f"{one['address']}, key {one['key_id']}"), *parts)


def _mark(x: float, y: int, what: str, hint: str) -> Element:
    return element(
        "g",
        element("title", hint),
        element("line", x1=x, x2=x, y1=y + 4, y2=y + 32, class_="mark"),
        element("text", what, x=x + 4, y=y + 22, class_="kind"),
    )
