"""Writes that come too early: a replica does not know yet what the run has just made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioner.errors import NotFound
from tests.engine.test_apply import BOX, NOTE, results
from tests.engine.toy_cloud import ToyCloud
from tests.engine.toys import recipe
from tests.engine.walk import applied, planned

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.errors import CloudError


def lagging(times: int, code: str = "ResourceGroupNotFound") -> dict[str, list[CloudError]]:
    """A replica that does not know yet what the note stands in."""
    return {"note/n": [NotFound(operation="PUT n", status=404, code=code) for _ in range(times)]}


def test_what_this_run_has_made_is_waited_for_where_a_replica_does_not_know_it_yet(tmp_path: Path) -> None:
    world, what = ToyCloud(early=lagging(2)), recipe(BOX, NOTE)

    assert results(applied(world, what, planned(world, what), tmp_path)) == {"box/b": "done", "note/n": "done"}


@pytest.mark.parametrize(
    ("there", "early"),
    [
        ({"box/b": {"value": "x"}}, lagging(1)),  # nothing that the run has made
        ({}, lagging(1, "SecretNotFound")),  # no parent
        ({}, lagging(9)),
    ],
)
def test_what_is_missing_otherwise_or_for_too_long_is_an_error(
    tmp_path: Path, there: dict[str, dict[str, Any]], early: dict[str, list[CloudError]]
) -> None:
    world, what = ToyCloud(things=there, early=early), recipe(BOX, NOTE)

    found = applied(world, what, planned(world, what), tmp_path)["note/n"]

    assert (found.result.value, type(found.error)) == ("failed", NotFound)
