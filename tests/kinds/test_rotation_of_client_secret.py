"""How a client secret's rotation begins, goes on, is revoked and taken back; decided without any I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from provisioner.kinds.client_secret import KIND, Passwords
from provisioner.kinds.client_secret.passwords import REVOKES_AT_ONCE_SUFFIX, REVOKES_SUFFIX, suffix_revoking
from provisioner.model import Action, Forces, Intent, Request, View
from tests.kinds.azure_setup import view_at
from tests.kinds.test_client_secret import DECLARED, NEW, NOW, OLD, UNSEEN, orphan_action, passwords, reference

if TYPE_CHECKING:
    from provisioner.model import Change

ROTATE = Request(intent=Intent.ROTATE, begin=True)
REVOKE = Request(intent=Intent.REVOKE, begin=True)
ROLLBACK = Request(intent=Intent.ROLLBACK, begin=True)


def view(asked: Request) -> View:
    """A place hands out the new key since two hours, and still keeps the old one."""
    places = (reference(NEW, age=timedelta(hours=2)), reference(OLD, current=False))
    return replace(view_at(NOW, {"a": places}), request=asked)


def both(age: timedelta = timedelta(hours=2)) -> Passwords:
    return passwords(key_old=timedelta(days=31), key_new=age)


def begun(observed: Passwords, asked: Request) -> list[Change]:
    return list(KIND.diff(DECLARED, observed, view(asked)))


def test_a_key_that_is_old_enough_is_rotated_when_rotations_may_begin() -> None:
    aged = both(timedelta(days=30))
    (change,) = begun(aged, ROTATE)
    assert (change.forces, change.before) == (Forces.ROTATE, NEW)
    assert change.reason == "due since 2027-03-01 12:00, it ends on 2027-03-31"
    assert begun(aged, replace(ROTATE, begin=False)) == []
    assert begun(aged, replace(ROTATE, names=("flink",))) == []
    assert begun(aged, replace(ROTATE, intent=Intent.CONVERGE)) == []


@pytest.mark.parametrize(("left", "due"), [(timedelta(days=1), True), (timedelta(days=1, seconds=1), False)], ids=str)
def test_a_key_that_ends_before_the_next_run_is_due_however_young_it_is(left: timedelta, *, due: bool) -> None:
    """As where a tenant's policy or a person made its life shorter than the spec says."""
    shown = both(timedelta(days=3))
    ending = tuple(replace(one, end=NOW + left) if one.key_id == NEW else one for one in shown.passwords)
    observed = replace(shown, passwords=ending)
    assert [change.reason for change in begun(observed, ROTATE)] == (
        [f"due since 2027-03-01 12:00, it ends on {NOW + left:%Y-%m-%d}"] if due else []
    )
    assert KIND.publish(observed, view(ROTATE)).known()["due"] == NOW + left - timedelta(days=1)


def test_a_key_that_is_not_due_is_rotated_by_force_only() -> None:
    assert begun(both(), ROTATE) == []
    (change,) = begun(both(), replace(ROTATE, force=True))
    assert change.reason == "asked for"


def test_a_key_that_graph_does_not_show_yet_is_not_due() -> None:
    fresh = (reference(NEW, age=timedelta(minutes=1)),)
    unseen = replace(view_at(NOW, {"a": fresh}), request=ROTATE)
    assert KIND.diff(DECLARED, passwords(key_old=timedelta(days=31)), unseen) == ()


def test_a_revoked_key_gets_a_successor_and_goes_when_its_readers_have_it() -> None:
    (change,) = begun(both(), REVOKE)
    assert change.reason == "revoked: the old one is removed once its readers have the new one"
    (abrupt,) = begun(both(), replace(REVOKE, outage=True))
    assert abrupt.reason.startswith("revoked at once: those who read it from vault_secret/a fail")
    assert orphan_action(OLD, both(), view(REVOKE)).action is Action.DELETE
    later = NOW + timedelta(minutes=10)
    arriving = (replace(reference(NEW), settled=later), reference(OLD, current=False))
    waiting = replace(view_at(NOW, {"a": arriving}), request=REVOKE)
    told = orphan_action(OLD, both(), waiting)
    assert (told.action, told.until, told.wait_in_run) == (Action.DEFER, later, True)
    at_once = replace(waiting, request=replace(REVOKE, outage=True))
    assert orphan_action(OLD, both(), at_once).action is Action.DELETE


def test_a_rollback_goes_back_to_the_key_that_a_place_still_keeps() -> None:
    assert begun(both(), ROLLBACK) == []
    assert KIND.publish(both(), view(ROLLBACK)).known()["key_id"] == OLD


@pytest.mark.parametrize(
    ("asked", "said"),
    [(ROLLBACK, "`provisioner rotate ENV --force --only airflow` makes a new key"), (ROTATE, "no holder has one")],
)
def test_without_a_key_to_go_to_a_rollback_is_refused_and_a_rotation_makes_one(asked: Request, said: str) -> None:
    nothing = replace(view_at(NOW, {"a": ()}), request=asked)
    (change,) = KIND.diff(DECLARED, both(), nothing)
    assert change.reason.endswith(said)
    assert change.forces is (Forces.REFUSE if asked is ROLLBACK else Forces.ROTATE)


def named(observed: Passwords, **marks: str) -> Passwords:
    """The same with what stands behind these keys' names."""
    found = tuple(
        replace(one, name=f"{one.name}{marks.get(one.key_id.replace('-', '_'), '')}") for one in observed.passwords
    )
    return replace(observed, passwords=found)


CUT_OFF = named(passwords(key_old=timedelta(days=3), key_new=timedelta(minutes=2)), key_new=REVOKES_AT_ONCE_SUFFIX)
STILL_OLD = view_at(NOW, {"a": (reference(OLD),)})


@pytest.mark.parametrize("intent", [Intent.CONVERGE, Intent.ROTATE])
def test_a_revocation_that_published_nothing_is_begun_again_by_whatever_runs(intent: Intent) -> None:
    (change,) = KIND.diff(DECLARED, CUT_OFF, replace(STILL_OLD, request=Request(intent=intent)))

    assert (change.forces, change.before, change.reason) == (
        Forces.ROTATE,
        OLD,
        "revoked by an interrupted run",
    )


def test_the_key_that_says_so_stays_until_another_says_so() -> None:
    newest = named(
        passwords(key_old=timedelta(days=3), key_new=timedelta(hours=2), key_next=timedelta(0)), key_new=REVOKES_SUFFIX
    )
    both_say = named(newest, key_next=REVOKES_SUFFIX)
    published = view_at(NOW, {"a": (reference("key-next", age=-timedelta(minutes=1)), reference(OLD, current=False))})

    assert orphan_action(NEW, newest, STILL_OLD).action is Action.KEEP
    assert orphan_action(NEW, both_say, published).action is Action.DELETE


@pytest.mark.parametrize(
    ("mark", "action", "soon"), [(REVOKES_AT_ONCE_SUFFIX, Action.DELETE, False), (REVOKES_SUFFIX, Action.DEFER, True)]
)
def test_a_key_that_a_newer_one_revokes_goes_without_the_overlap(mark: str, action: Action, *, soon: bool) -> None:
    handed = replace(reference(NEW, age=timedelta(minutes=2)), settled=NOW + timedelta(minutes=58))
    observed = (
        named(CUT_OFF, key_new="")
        if mark == REVOKES_AT_ONCE_SUFFIX
        else named(both(timedelta(minutes=2)), key_new=mark)
    )

    found = orphan_action(OLD, observed, view_at(NOW, {"a": (handed, reference(OLD, current=False))}))

    assert (found.action, found.wait_in_run) == (action, soon)


def test_a_key_of_the_same_second_is_revoked_unless_it_revokes_itself() -> None:
    together = passwords(key_old=timedelta(hours=1), key_new=timedelta(hours=1))

    assert suffix_revoking(OLD, named(together, key_new=REVOKES_SUFFIX)) == REVOKES_SUFFIX
    assert suffix_revoking(OLD, named(together, key_new=REVOKES_SUFFIX, key_old=REVOKES_SUFFIX)) == ""
    assert suffix_revoking(NEW, named(together, key_new=REVOKES_SUFFIX)) == ""
    assert suffix_revoking(UNSEEN, named(together, key_new=REVOKES_SUFFIX)) == ""


def test_nobody_rolls_back_to_a_revoked_key() -> None:
    revoking = named(both(), key_new=REVOKES_SUFFIX)

    (change,) = KIND.diff(DECLARED, revoking, view(ROLLBACK))

    assert change.forces is Forces.REFUSE
