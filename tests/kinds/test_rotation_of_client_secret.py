"""How a client secret's rotation begins, goes on, is revoked and taken back; decided without any I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from provisioner.kinds.client_secret import KIND, Passwords
from provisioner.model import Action, Asked, Forces, Intent, View
from tests.kinds.test_client_secret import DECLARED, NEW, NOW, OLD, fate, holding, passwords
from tests.kinds.worlds import view_at

if TYPE_CHECKING:
    from provisioner.model import Change

ROTATE = Asked(intent=Intent.ROTATE, begin=True)
REVOKE = Asked(intent=Intent.REVOKE, begin=True)
ROLLBACK = Asked(intent=Intent.ROLLBACK, begin=True)


def view(asked: Asked) -> View:
    """A place hands out the new key since two hours, and still keeps the old one."""
    places = (holding(NEW, age=timedelta(hours=2)), holding(OLD, current=False))
    return replace(view_at(NOW, {"a": places}), asked=asked)


def both(age: timedelta = timedelta(hours=2)) -> Passwords:
    return passwords(key_old=timedelta(days=31), key_new=age)


def begun(observed: Passwords, asked: Asked) -> list[Change]:
    return list(KIND.diff(DECLARED, observed, view(asked)))


def test_a_key_that_is_old_enough_is_rotated_when_rotations_may_begin() -> None:
    aged = both(timedelta(days=30))
    (change,) = begun(aged, ROTATE)
    assert (change.forces, change.before) == (Forces.ROTATE, NEW)
    assert change.reason == "due since 2027-03-01 12:00, it ends on 2027-03-31"
    assert begun(aged, replace(ROTATE, begin=False)) == []
    assert begun(aged, replace(ROTATE, names=("flink",))) == []
    assert begun(aged, replace(ROTATE, intent=Intent.CONVERGE)) == []


def test_a_key_that_is_not_due_is_rotated_by_force_only() -> None:
    assert begun(both(), ROTATE) == []
    (change,) = begun(both(), replace(ROTATE, force=True))
    assert change.reason == "asked for"


def test_a_key_that_graph_does_not_show_yet_is_not_due() -> None:
    fresh = (holding(NEW, age=timedelta(minutes=1)),)
    unseen = replace(view_at(NOW, {"a": fresh}), asked=ROTATE)
    assert KIND.diff(DECLARED, passwords(key_old=timedelta(days=31)), unseen) == ()


def test_a_revoked_key_gets_a_successor_and_goes_when_its_readers_have_it() -> None:
    (change,) = begun(both(), REVOKE)
    assert change.reason == "revoked: the old one goes when its readers have the new one"
    (abrupt,) = begun(both(), replace(REVOKE, outage=True))
    assert abrupt.reason.startswith("revoked at once: what was read from vault_secret/a fails")
    assert fate(OLD, both(), view(REVOKE)).action is Action.DELETE
    later = NOW + timedelta(minutes=10)
    arriving = (replace(holding(NEW), settled=later), holding(OLD, current=False))
    waiting = replace(view_at(NOW, {"a": arriving}), asked=REVOKE)
    told = fate(OLD, both(), waiting)
    assert (told.action, told.until, told.soon) == (Action.DEFER, later, True)
    at_once = replace(waiting, asked=replace(REVOKE, outage=True))
    assert fate(OLD, both(), at_once).action is Action.DELETE


def test_a_rollback_goes_back_to_the_key_that_a_place_still_keeps() -> None:
    assert begun(both(), ROLLBACK) == []
    assert KIND.publish(both(), view(ROLLBACK))["key_id"] == OLD


@pytest.mark.parametrize(
    ("asked", "said"),
    [(ROLLBACK, "no place still has the one before it and can be read"), (ROTATE, "no place holds one")],
)
def test_without_a_key_to_go_to_a_rollback_is_refused_and_a_rotation_makes_one(asked: Asked, said: str) -> None:
    nothing = replace(view_at(NOW, {"a": ()}), asked=asked)
    (change,) = KIND.diff(DECLARED, both(), nothing)
    assert change.reason == said
    assert change.forces is (Forces.REFUSE if asked is ROLLBACK else Forces.ROTATE)
