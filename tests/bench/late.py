"""What each verb takes with every answer late, as where Azure is in another country."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measured_runs import Bench, Run

LATENCY_MS = 100
VERBS = {"provision": ("--yes",), "plan": (), "rotate": ("--force", "--yes"), "teardown": ("--yes",)}
MOST_SECONDS = {"rotate": 3.6, "teardown": 3.6}
MOST_TRIPS = {"provision": 44, "plan": 4}
MOST_CALLS = {"provision": 200, "plan": 46}


def late(world: Bench, times: int) -> Iterator[Row]:
    """An environment is made, planned, rotated and taken down."""
    runs: dict[str, list[Run]] = {verb: [] for verb in VERBS}
    for _ in range(times):
        world.control("POST", "/reset")
        world.control("PUT", "/faults", {"latency_ms": LATENCY_MS})
        for verb, options in VERBS.items():
            runs[verb].append(world.run(verb, *options))
    world.control("DELETE", "/faults")
    for verb, found in runs.items():
        name = {"provision": "first provision", "plan": "plan without changes"}.get(verb, verb)
        seconds, trips, calls = MOST_SECONDS.get(verb), MOST_TRIPS.get(verb), MOST_CALLS.get(verb)
        what = f"{name}, answers {LATENCY_MS} ms late"
        yield Row(what=what, found=[run.seconds for run in found], unit="s", most=seconds, waits=True)
        what = "  round trips in sequence after sign-in"
        yield Row(what=what, found=[run.depth for run in found], most=trips, waits=True)
        yield Row(what="  calls", found=[len(run.calls) for run in found], most=calls)
