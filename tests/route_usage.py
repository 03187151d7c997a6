"""Counts how often tests take each route of the local Azure, to find those that no client and no verb needs.

    pytest -p tests.route_usage --routes FILE tests/clients     adds to FILE which routes were taken
    python -m tests.route_usage FILE                            prints those that never were

See docs/adr/0024-a-route-of-the-local-azure-needs-a-caller.md. A call inside a batch is not counted.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app import process
from localazure.discovery import find_services

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--routes", type=Path, metavar="FILE", help="add to FILE how often each route was taken")


def pytest_configure(config: pytest.Config) -> None:
    """Ask each local Azure for its counts before it is stopped."""
    file, stop = config.getoption("--routes"), process.stop
    if file is None:
        return

    def stop_and_count(state: Path | None = None) -> bool:
        with suppress(OSError, ValueError, process.StartError):  # it has ended already
            taken = {
                label: count for label, count in process.send_control_request(state, "GET", "/routes").items() if count
            }
            with file.open("a") as lines:
                lines.write(json.dumps(taken) + "\n")
        return stop(state)

    process.stop = stop_and_count


def unused(lines: list[str]) -> list[str]:
    """Return the labels of the routes that are in no line."""
    taken: Counter[str] = Counter()
    for line in lines:
        counts: dict[str, Any] = json.loads(line)
        taken.update(counts)
    labels = (route.label(service.name) for service in find_services() for route in service.routes)
    return [label for label in labels if not taken[label]]


if __name__ == "__main__":
    never = unused(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines())
    sys.stdout.writelines(f"{label}\n" for label in never)
