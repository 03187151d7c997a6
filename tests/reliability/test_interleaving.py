"""Runs that meet others between two of their writes; `make reliability` has every write, here is a sample."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.reliability.interleaving import Met, Pair, everywhere, pairs
from tests.reliability.measures.interleaving import note
from tests.reliability.tally import Tally

if TYPE_CHECKING:
    from tests.reliability.restorable_environment import RestorableEnvironment

SEED = 20261129
SAMPLE = random.Random(SEED)  # noqa: S311  # the same each time, and guards nothing
# Of one environment only while the lease is taken: before, the other run waits a minute for it to run out.
POINTS = {pair: SAMPLE.randrange(20, 100) for pair in pairs()}


@pytest.mark.parametrize("pair", pairs(), ids=str)
def test_a_run_that_meets_another_one_between_two_writes_breaks_nothing(
    ground: RestorableEnvironment, pair: Pair
) -> None:
    (met,) = everywhere([ground], pair, points=[POINTS[pair]])

    assert met.reached
    assert met.wrong == ()
    assert met.refused is not pair.shared


def test_an_entry_that_another_run_overwrote_is_counted_apart() -> None:
    tally = Tally()
    note(tally, Met(point="", reached=True, overwritten=True))
    note(tally, Met(point="", reached=True))
    note(tally, Met(point="", reached=True, refused=True))
    note(tally, Met(point="", reached=False))
    expected = {"entry of a grant lost": 1, "interleaved": 1, "refused by the lease": 1}
    assert (dict(tally.faults), tally.survived) == (expected, 3)
