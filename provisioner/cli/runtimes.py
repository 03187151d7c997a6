"""Shows the real programs behind the local Azure's services, for `provisioner local`.

Knows the documents of `GET /runtimes`, not the local Azure.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    State = dict[str, Any]

MEBIBYTE = 1 << 20


def line(state: State) -> str:
    """One runtime in one line."""
    head = f"{state['kind']} {state['version']} behind {state['name']}"
    if state["state"] == "ready":
        ports = ", ".join(address.rpartition(":")[2] for address in state["listening"])
        memory = f"{state['memory_bytes'] / MEBIBYTE:.0f} MB" if state["memory_bytes"] else "unknown memory"
        where = ", ".join((state["url"], *(f"{what} {address}" for what, address in state["shown"].items())))
        return f"{head}: ready in {state['ready_seconds']} s at {where} (ports {ports or 'unknown'}; {memory})"
    if state["state"] == "failed":
        return f"{head}: {state['failure']}"
    return f"{head}: {state['told'] or state['state']}"


def failures(runtimes: list[State]) -> list[str]:
    """A line for every runtime that could not be started."""
    return [line(state) for state in runtimes if state["state"] == "failed"]


@contextmanager
def progress(say: Callable[[str], None], *, live: bool) -> Generator[Callable[[list[State]], None]]:
    """A watcher that prints each change of a runtime as a line; on a terminal, a live line shows the others."""
    seen: dict[str, str] = {}

    def new_lines(runtimes: list[State]) -> None:
        for state in runtimes:
            doing = f"{state['state']} {state['told']}"
            if state["state"] != "failed" and seen.get(state["resource_id"]) != doing:
                say(line(state))
            seen[state["resource_id"]] = doing

    if not live:
        yield new_lines
        return
    from rich.console import Console

    with Console().status("starting") as spinner:

        def update(runtimes: list[State]) -> None:
            new_lines(runtimes)
            going = [f"{one['name']} {one['since_seconds']:.0f} s" for one in runtimes if one["state"] != "ready"]
            spinner.update(", ".join(going) or "ready")

        yield update
