"""Whether a plan can be carried out, asked before the first write: has the caller the rights, is the group there.

Azure stays the judge of each write: what it does not tell here is no reason to stop.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from provisioner.errors import CloudError, Refusals, Refused
from provisioner.model import Action, Address, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind

THREADS = 8
WRITES = (Action.CREATE, Action.UPDATE, Action.REPLACE)
GROUP_PARTS = 5  # "", subscriptions, ID, resourceGroups, NAME
Wanted = dict[tuple[str, str], Address]  # scope and action: the first step that takes it


def check_rights(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], made: Plan) -> None:
    """Raises Refused, or Refusals for several: a right that a step takes, or a resource group, is missing."""
    refused = [*_groupless(cloud, made, kinds), *_forbidden(cloud, _wanted(made, kinds, WRITES))]
    if refused:
        raise refused[0] if len(refused) == 1 else Refusals(tuple(refused))


def _wanted(made: Plan, kinds: Mapping[str, Kind[Any, Any]], actions: tuple[Action, ...]) -> Wanted:
    wanted: Wanted = {}
    for step in made.steps:
        kind = kinds[step.address.kind]
        if kind.right and step.action in actions:
            wanted.setdefault((getattr(step.desired, kind.identity[0]), kind.right), step.address)
    return wanted


def _forbidden(cloud: Cloud, wanted: Wanted) -> Iterator[Refused]:
    if not wanted:
        return
    with ThreadPoolExecutor(THREADS, thread_name_prefix="rights") as pool:
        answers = list(pool.map(cloud.caller.lacks, *zip(*wanted, strict=True)))
    missing = dict(zip(answers, wanted.values(), strict=True))
    yield from (Refused(str(address), "the caller may not write it", told) for told, address in missing.items() if told)


def _groupless(cloud: Cloud, made: Plan, kinds: Mapping[str, Kind[Any, Any]]) -> Iterator[Refused]:
    """What is to be made in a group that neither stands nor is made."""
    wanted = _wanted(made, kinds, (Action.CREATE,))
    groups = {_group(scope).lower() for scope, _ in wanted if scope == _group(scope)}
    for (scope, _), address in wanted.items():
        group = _group(scope)
        if group.lower() in groups:
            continue
        groups.add(group.lower())
        with suppress(CloudError):
            if cloud.resource_groups.find_group(group) is None:
                name = group.rpartition("/")[2]
                yield Refused(str(address), f"its resource group {name} is not there", "Make it, or correct the id")


def _group(scope: str) -> str:
    return "/".join(scope.split("/")[:GROUP_PARTS])
