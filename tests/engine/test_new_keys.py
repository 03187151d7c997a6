"""A key is created only if one of its holders can be written in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.errors import Conflict
from tests.engine.test_apply import results
from tests.engine.toy_cloud import ToyCloud, denied
from tests.engine.toys import key_of, node, recipe
from tests.engine.walk import applied, planned

if TYPE_CHECKING:
    from pathlib import Path

BOX, KEY = node("box/b", value="x"), node("key/k")
HELD: dict[str, Any] = key_of()
BROKEN: dict[str, BaseException] = {"box/b": Conflict(operation="PUT b", status=409, code="HolderKey")}


def test_a_credential_is_not_created_for_a_holder_that_cannot_be_written(tmp_path: Path) -> None:
    world, what = ToyCloud(write_errors=BROKEN), recipe(KEY, BOX, node("slot/s", container="box/b", **HELD))

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"box/b": "failed", "key/k": "blocked", "slot/s": "blocked"}
    assert "rotate key/k" not in world.calls


def test_a_credential_is_not_rotated_for_a_holder_that_cannot_be_written(tmp_path: Path) -> None:
    world = ToyCloud(things={"key/k": {"key_id": "id1"}}, write_errors=BROKEN)
    what = recipe(KEY, BOX, node("slot/s", container="box/b", **HELD))

    assert results(applied(world, what, planned(world, what), tmp_path))["key/k"] == "blocked"
    assert world.things["key/k"] == {"key_id": "id1"}


def test_a_credential_is_created_if_one_of_its_holders_can_be_written(tmp_path: Path) -> None:
    world = ToyCloud(write_errors=BROKEN)
    what = recipe(KEY, BOX, node("slot/s", container="box/b", **HELD), node("slot/t", **HELD))

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"box/b": "failed", "key/k": "done", "slot/s": "blocked", "slot/t": "done"}


def test_a_credential_waits_for_the_pass_that_decides_about_its_only_holder(tmp_path: Path) -> None:
    """Created before, it would be lost: nobody keeps a key between passes."""
    world = ToyCloud(things={"box/b": {"value": "x"}}, errors={"slot/s": denied()})
    grant = node("door/caller", container="box/b", access=True)
    what = recipe(KEY, BOX, grant, node("slot/s", container="box/b", needs=["door/caller"], **HELD))

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"box/b": "unchanged", "door/caller": "done", "key/k": "deferred", "slot/s": "deferred"}
    assert "rotate key/k" not in world.calls
