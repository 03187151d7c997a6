"""Every write of provision, rotate and teardown, before which another run goes from its beginning to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reliability.interleaving import everywhere, pairs
from tests.reliability.restorable_environment import at_a_time, restorable_environments

if TYPE_CHECKING:
    from tests.reliability.interleaving import Met
    from tests.reliability.tally import Tally

ENTRY_LOST = "entry of a grant lost"


def measure(tally: Tally) -> None:
    """All of them."""
    with restorable_environments(at_a_time()) as started:
        for pair in pairs():
            for met in everywhere(started, pair, every=tally.every):
                note(tally, met)


def note(tally: Tally, met: Met) -> None:
    """Count one: truly interleaved, so that a grant's entry was lost, or refused by the lease. No write met nothing."""
    if met.reached:
        kind = "refused by the lease" if met.refused else ENTRY_LOST if met.overwritten else "interleaved"
        tally.ran(kind, *(f"{met.point}: {one}" for one in met.wrong))
