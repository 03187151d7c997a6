"""Every write of provision, rotate and teardown, before which another run goes from its beginning to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reliability.interleaving import everywhere, pairs
from tests.reliability.restorable_environment import processors, restorable_environments

if TYPE_CHECKING:
    from tests.reliability.interleaving import Met
    from tests.reliability.tally import Tally


def measure(tally: Tally) -> None:
    """All of them."""
    with restorable_environments(processors()) as started:
        for pair in pairs():
            for met in everywhere(started, pair, every=tally.every):
                note(tally, met)


def note(tally: Tally, met: Met) -> None:
    """Count one, as truly interleaved or as refused by the lease; a write that was not made met nothing."""
    if met.reached:
        kind = "refused by the lease" if met.refused else "interleaved"
        tally.ran(kind, *(f"{met.point}: {one}" for one in met.wrong))
