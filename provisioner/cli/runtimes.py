"""The real programs behind the local Azure's services, as `provisioner local` shows them: lines out of what it tells.

Knows the documents of `GET /runtimes`, not the local Azure.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Told = dict[str, Any]

MEBIBYTE = 1 << 20


def line(told: Told) -> str:
    """One runtime in one line."""
    head = f"{told['kind']} {told['version']} behind {told['name']}"
    if told["state"] == "ready":
        ports = ", ".join(address.rpartition(":")[2] for address in told["listening"])
        held = f"{told['memory_bytes'] / MEBIBYTE:.0f} MB" if told["memory_bytes"] else "unknown memory"
        where = ", ".join((told["url"], *(f"{what} {address}" for what, address in told["shown"].items())))
        return f"{head}: ready in {told['ready_seconds']} s at {where} (ports {ports or 'unknown'}; {held})"
    if told["state"] == "failed":
        return f"{head}: {told['failure']}"
    return f"{head}: {told['told'] or told['state']}"


def failures(runtimes: list[Told]) -> list[str]:
    """What every runtime says that could not be started."""
    return [line(told) for told in runtimes if told["state"] == "failed"]


@contextmanager
def progress(say: Callable[[str], None], *, live: bool) -> Generator[Callable[[list[Told]], None]]:
    """A watcher: each new thing that a runtime does is a line; on a terminal, what is under way stands below them."""
    seen: dict[str, str] = {}

    def new_lines(runtimes: list[Told]) -> None:
        for told in runtimes:
            doing = f"{told['state']} {told['told']}"
            if told["state"] != "failed" and seen.get(told["resource_id"]) != doing:
                say(line(told))
            seen[told["resource_id"]] = doing

    if not live:
        yield new_lines
        return
    from rich.console import Console

    with Console().status("starting") as spinner:

        def shown(runtimes: list[Told]) -> None:
            new_lines(runtimes)
            going = [f"{told['name']} {told['since_seconds']:.0f} s" for told in runtimes if told["state"] != "ready"]
            spinner.update(", ".join(going) or "ready")

        yield shown
