"""A key goes when the readers of its successor use that, or nobody can tell whether they do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.engine.observe import observe
from provisioner.engine.plan import plan_provision, view_of
from provisioner.engine.selection import limit_to
from provisioner.engine.usage import await_readers
from provisioner.errors import NotInUse, NotYetVisible
from provisioner.model import CONVERGE, Address, Result, Search, Usage
from tests.engine.toy_cloud import NOW, ToyCloud
from tests.engine.toys import KINDS, key_of, node, recipe
from tests.engine.walk import applied, planned

if TYPE_CHECKING:
    from pathlib import Path

HELD: dict[str, Any] = key_of()
WHAT = recipe(
    node("key/k"), node("slot/a", **HELD), node("slot/b", **HELD), searches=[Search(kind="key", scope="keys")]
)
ASKED, USED, UNKNOWN = Usage(awaited_from="run 1"), Usage(since=NOW), Usage(unknown_reason="it has no readers")


def world(older: str, a: list[Usage], b: list[Usage]) -> ToyCloud:
    """A key in two slots, and an older one of which the toy kind knows by its name what becomes of it."""
    things = {"key/k": {"key_id": "id1"}, "slot/a": {"key_id": "id1"}, "slot/b": {"key_id": "id1"}}
    return ToyCloud(things={**things, f"key/k/{older}": {"key_id": older}}, usages={"slot/a": a, "slot/b": b})


def waits(stands: ToyCloud) -> bool:
    """Whether the run had anything to wait for; it is over then."""
    snapshot = observe(stands.as_cloud(), WHAT, KINDS)
    made, view = plan_provision(WHAT, snapshot, KINDS), view_of(WHAT, snapshot, KINDS, CONVERGE)
    return await_readers(stands.as_cloud(), KINDS, made, view, grace=timedelta(seconds=3))


def test_an_older_key_goes_once_all_readers_show_that_they_use_the_next(tmp_path: Path) -> None:
    stands = world("succeeded", [ASKED, ASKED, USED], [USED])

    (gone,) = [
        one for one in applied(stands, WHAT, planned(stands, WHAT), tmp_path).values() if one.step.successor_in_use
    ]

    assert (gone.result, gone.note) == (Result.DONE, "")
    assert stands.usages["slot/a"] == [USED]
    assert "key/k/succeeded" not in stands.things


def test_it_stays_while_readers_who_were_asked_do_not_show_it(tmp_path: Path) -> None:
    stands = world("succeeded", [ASKED], [USED])

    kept = applied(stands, WHAT, planned(stands, WHAT), tmp_path)["key/k/succeeded"]

    assert isinstance(kept.error, NotInUse)
    assert str(kept.error).startswith("key/k/succeeded stays: run 1 has not shown in 3 s that slot/a is read")
    assert "key/k/succeeded" in stands.things


def test_where_nobody_can_tell_it_goes_and_the_outcome_says_why(tmp_path: Path) -> None:
    stands = world("succeeded", [USED], [UNKNOWN])

    gone = applied(stands, WHAT, planned(stands, WHAT), tmp_path)["key/k/succeeded"]

    assert (gone.result, gone.note) == (Result.DONE, "slot/b by its dates: it has no readers")


def test_an_answer_that_is_lost_after_readers_were_asked_frees_no_key(tmp_path: Path) -> None:
    freed = world("succeeded", [ASKED, UNKNOWN, USED], [USED])
    stuck = world("succeeded", [ASKED, UNKNOWN], [USED])

    gone = applied(freed, WHAT, planned(freed, WHAT), tmp_path)["key/k/succeeded"]
    kept = applied(stuck, WHAT, planned(stuck, WHAT), tmp_path)["key/k/succeeded"]

    assert (gone.result, gone.note, freed.usages["slot/a"]) == (Result.DONE, "", [USED])
    assert isinstance(kept.error, NotInUse)
    assert "key/k/succeeded" in stuck.things


def test_a_plan_that_is_limited_to_a_key_says_that_nobody_was_asked(tmp_path: Path) -> None:
    stands = world("succeeded", [ASKED], [ASKED])
    made = limit_to(planned(stands, WHAT), [Address("key", "k/succeeded")])

    gone = applied(stands, WHAT, made, tmp_path)["key/k/succeeded"]

    reason = "by its dates: this run is limited to other resources"
    left_out = f"slot/a {reason}; slot/b {reason}"
    assert (gone.result, gone.note) == (Result.DONE, left_out)


def test_a_key_that_goes_in_any_case_asks_nobody(tmp_path: Path) -> None:
    stands = world("retired", [ASKED], [ASKED])

    gone = applied(stands, WHAT, planned(stands, WHAT), tmp_path)["key/k/retired"]

    assert gone.result is Result.DONE


def test_a_revocation_waits_for_its_date_unless_all_readers_show_that_it_need_not() -> None:
    assert waits(world("revoked", [ASKED, USED], [ASKED, ASKED, USED]))
    with pytest.raises(NotYetVisible, match=r"readers to have their new keys, until 01:00 UTC at the latest"):
        waits(world("revoked", [USED], [UNKNOWN]))
    assert not waits(world("current", [ASKED], [ASKED]))
