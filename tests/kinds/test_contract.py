"""Every kind through its life: undisturbed, and with each thing that can go wrong on the way.

Absent → create → read → no diff → update → no diff → delete → delete again → absent. Whatever goes wrong, the world
ends as it does undisturbed: nothing twice, nothing lost. The kinds are those in the folder; each is tried with the
`EXAMPLE` in its own test.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.engine.observe import observe
from provisioner.errors import NotAuthorized, Refusals
from provisioner.kind import Container, Kind
from provisioner.kinds import kinds
from provisioner.model import Action
from tests.kinds import lifecycle
from tests.kinds.azure_setup import cloud_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator import LocalAzure
    from tests.kinds.lifecycle import Example, Lifecycle, Phase

KINDS = kinds()
MADE = sorted(name for name, kind in KINDS.items() if kind.create is not None)
FOUND = sorted(name for name, kind in KINDS.items() if not isinstance(kind.owned, str))
GIVEN = sorted(KINDS.keys() - set(MADE))
LAG_SECONDS = 0.4
RUNS = 3
# Reading one's own write is certain in storage: https://learn.microsoft.com/azure/storage/blobs/concurrency-manage.
# Whoever polls an operation is sent to where it runs.
EVENTUAL = {"host": r"^(?!.*\.(dfs|blob)\.core\.windows\.net$)", "path": r"^(?!.*operation(result|statuse)?s/)"}
# What a given resource does not tell where it does not answer: an address in a private network need not.
UNREACHED = {"flink_session": {"flink_version"}}


def example_of(name: str) -> Example:
    """Raises AttributeError for a kind that nothing is known to try with."""
    return import_module(f"tests.kinds.test_{name}").EXAMPLE


@pytest.fixture(scope="session")
def lived() -> dict[str, Lifecycle]:
    """Undisturbed lives, lived once."""
    return {}


@pytest.fixture
def live(azure: LocalAzure, lived: dict[str, Lifecycle]) -> Callable[[str], Lifecycle]:
    """The undisturbed life of a kind."""

    def undisturbed(name: str) -> Lifecycle:
        if name not in lived:
            lived[name] = lifecycle.lifecycle_of(azure, name, example_of(name))
        return lived[name]

    return undisturbed


def pending(azure: LocalAzure, part: Phase) -> list[str]:
    """What a plan would do now, apart from what waits for a date."""
    cloud = cloud_of(azure)
    made, _ = lifecycle.planned(cloud, part.recipe, part.name)
    cloud.session.close()
    return [f"{step.action} {step.address}" for step in made.steps if step.pending]


def at(method: str, host: str, path: str) -> dict[str, str]:
    """The calls that a rule is for."""
    return {"method": method, "host": f"^{re.escape(host)}$", "path": f"^{re.escape(path)}$"}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_has_an_example(name: str) -> None:
    assert example_of(name)


def unseen(kind: Kind[Any, Any]) -> bool:
    """Whether what the spec no longer names would stay and nobody would know, nor know why."""
    return kind.delete is not None and kind.container is None and not kind.owned


def test_no_kind_leaves_what_the_spec_no_longer_names_unseen() -> None:
    assert [name for name, kind in KINDS.items() if unseen(kind)] == []


def test_a_kind_is_refused_that_can_delete_and_says_neither_how_it_is_found_nor_why_not() -> None:
    linked_service = KINDS["linked_service"]
    assert unseen(replace(linked_service, owned=""))
    assert not unseen(replace(linked_service, owned="its name follows from the environment's id"))
    assert not unseen(replace(linked_service, owned="", delete=None))
    assert not unseen(replace(linked_service, owned="", container=Container()))


@pytest.mark.parametrize("name", FOUND)
def test_what_was_made_is_found_by_its_owner_tag(
    azure: LocalAzure, live: Callable[[str], Lifecycle], name: str
) -> None:
    part = live(name).parts[-1]
    assert part.recipe.searches, "its EXAMPLE has no `scope` for `owned` to search"
    lifecycle.begin(azure, part)
    cloud = cloud_of(azure)
    alone = replace(part.recipe, nodes=part.recipe.nodes[1:])
    found = observe(cloud, alone, KINDS).orphans
    cloud.session.close()
    assert found
    assert {orphan.address.kind for orphan in found} == {name}


@pytest.mark.parametrize("name", MADE)
def test_each_part_of_a_life_ends_alike_and_leaves_nothing_to_do(
    azure: LocalAzure, live: Callable[[str], Lifecycle], name: str
) -> None:
    for part in live(name).parts:
        lifecycle.begin(azure, part)
        assert part.writes, part.name
        assert pending(azure, part), part.name
        assert lifecycle.errors_of(azure, part) == [], part.name
        assert lifecycle.differences(azure, part.ends) == [], part.name
        assert pending(azure, part) == [], part.name


@pytest.mark.parametrize("name", MADE)
def test_what_was_deleted_is_absent_and_deleting_it_again_is_fine(
    azure: LocalAzure, live: Callable[[str], Lifecycle], name: str
) -> None:
    part = live(name).parts[-1]
    kind, address = KINDS[name], part.recipe.nodes[0].address
    if kind.delete is None:
        return
    lifecycle.begin(azure, part)
    cloud = cloud_of(azure)
    made, _ = lifecycle.planned(cloud, part.recipe, part.name)
    (observed,) = (step.observed for step in made.steps if step.address == address)
    assert observed is not None
    kind.delete(cloud, observed)
    kind.delete(cloud, observed)
    cloud.session.reads.new_pass()
    kind.delete(cloud, observed)
    assert lifecycle.errors_of(azure, part) == []
    assert lifecycle.differences(azure, part.ends) == []
    cloud.session.close()


@pytest.mark.parametrize("name", MADE)
def test_an_answer_that_is_lost_after_the_write_makes_nothing_twice(
    azure: LocalAzure, live: Callable[[str], Lifecycle], name: str
) -> None:
    failures: list[str] = []
    for part in live(name).parts:
        for number, (method, host, path) in enumerate(part.writes):
            lifecycle.begin(azure, part)
            earlier = Counter(part.writes[:number])[method, host, path]
            azure.fault(fault="lost", **at(method, host, path), skip=earlier)
            met = [lifecycle.errors_of(azure, part)]
            while met[-1] and len(met) < RUNS:
                met.append(lifecycle.errors_of(azure, part))
            wrong = lifecycle.differences(azure, part.ends)
            if met[-1] or wrong:
                failures.append(f"{part.name}, lost {method} {path}: {met} {wrong}")
    assert failures == []


@pytest.mark.parametrize("name", MADE)
def test_replicas_that_lag_are_waited_for(azure: LocalAzure, live: Callable[[str], Lifecycle], name: str) -> None:
    for part in live(name).parts:
        lifecycle.begin(azure, part)
        azure.fault(fault="stale", **EVENTUAL, seconds=LAG_SECONDS, times=None)
        assert lifecycle.errors_of(azure, part) == [], part.name
        assert lifecycle.differences(azure, part.ends) == [], part.name


@pytest.mark.parametrize("name", MADE)
def test_each_write_that_is_turned_away_once_is_sent_again(
    azure: LocalAzure, live: Callable[[str], Lifecycle], name: str
) -> None:
    for part in live(name).parts:
        lifecycle.begin(azure, part)
        for number, (method, host, path) in enumerate(part.writes):
            earlier = Counter(part.writes[:number])[method, host, path]
            # 429 without Retry-After, then 503. The second call of each is the first one's repetition.
            azure.fault(fault=("throttle", "error")[number % 2], **at(method, host, path), skip=2 * earlier)
        assert lifecycle.errors_of(azure, part) == [], part.name
        assert lifecycle.differences(azure, part.ends) == [], part.name


@pytest.mark.parametrize("name", MADE)
def test_a_throttle_that_says_how_long_is_waited_out(
    azure: LocalAzure, live: Callable[[str], Lifecycle], name: str
) -> None:
    part = live(name).parts[0]
    lifecycle.begin(azure, part)
    azure.fault(fault="throttle", retry_after=1, host=r"^(?!login\.)")
    assert lifecycle.errors_of(azure, part) == []
    assert lifecycle.differences(azure, part.ends) == []


@pytest.mark.parametrize("name", MADE)
def test_a_caller_without_the_right_is_told_which_and_writes_nothing(
    azure: LocalAzure, live: Callable[[str], Lifecycle], name: str
) -> None:
    life = live(name)
    for part in life.parts:
        for client in (life.reader, life.nobody):
            lifecycle.begin(azure, part)
            errors = lifecycle.errors_of(azure, part, client)
            assert errors, part.name
            for error in errors:
                assert_tells_the_right(error)
            assert lifecycle.differences(azure, part.begins) == [], part.name


def assert_tells_the_right(error: Exception) -> None:
    """Which right on which scope, and the `az` line that grants it."""
    for one in error.errors if isinstance(error, Refusals) else (error,):
        assert isinstance(one, NotAuthorized), one
        assert re.search(
            r"Missing permission: \S+ on \S+.*\baz (role assignment create|ad app permission|rest --method post)",
            str(one),
        ), one


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_given_is_read_and_never_written(
    azure: LocalAzure, live: Callable[[str], Lifecycle], name: str
) -> None:
    life = live(name)
    (part,) = life.parts
    kind, node = KINDS[name], part.recipe.nodes[0]
    assert (kind.update, kind.delete, kind.credential) == (None, None, None)
    for fault in ({}, {"fault": "error"}, {"fault": "throttle"}, {"fault": "lost"}, {"fault": "stale", "seconds": 1}):
        lifecycle.begin(azure, part)
        if fault:
            azure.fault(**fault, method="GET", host="management")
        cloud = cloud_of(azure)
        made, snapshot = lifecycle.planned(cloud, part.recipe, part.name)
        (step,) = made.steps
        assert (step.action, step.observed) == (Action.KEEP, snapshot.readings[node.address].observed)
        assert step.observed is not None
        published = vars(kind.publish(step.observed, None))
        assert {field for field, value in published.items() if value is None} <= UNREACHED.get(name, set())
        azure.control("DELETE", "/faults")  # a kind that does not ask Resource Manager has left it
        assert lifecycle.differences(azure, part.begins) == []
        cloud.session.close()
    errors = lifecycle.errors_of(azure, part, life.nobody)
    if name in UNREACHED:  # no resource of Azure's, so no right is needed
        assert errors == []
    else:
        assert_tells_the_right(errors[0])
