"""Whether a plan can be carried out, found before the first write: rights, and what each kind knows of its own.

All checks run at once and all that they found is told at once. Azure stays the judge of each write: what it does not
tell here is no reason to stop.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from provisioner.errors import CloudError, Refusals, Refused
from provisioner.kind import Checked, Verdict
from provisioner.model import Action, Address, Plan, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind
    from provisioner.model import Step

    Check = Callable[[], Iterable[Checked]]

THREADS = 16
WRITES = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.ROTATE)
GROUP_PARTS = 5  # "", subscriptions, ID, resourceGroups, NAME
NAMESPACE = re.compile(r"/providers/([\w.]+)/")
Wanted = dict[tuple[str, str], Address]  # scope and right: the first step that takes it


def preflight(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], made: Plan) -> tuple[Checked, ...]:
    """What was found, in the order of the plan; the same finding of several steps once. Raises nothing of Azure's."""
    checks = (
        *_rights(cloud, kinds, made),
        *_groups(cloud, kinds, made),
        *_providers(cloud, made),
        *_kinds(cloud, kinds, made),
    )
    with ThreadPoolExecutor(THREADS, thread_name_prefix="preflight") as pool:
        found = [finding for answers in pool.map(_asked, checks) for finding in answers]
    return tuple({(one.verdict, one.what, one.remedy): one for one in reversed(found)}.values())[::-1]


def refusal(findings: Iterable[Checked]) -> Refused | Refusals | None:
    """What stops a plan, as one error."""
    stops = tuple(Refused(one.about, one.what, one.remedy) for one in findings if one.verdict is Verdict.STOPS)
    return None if not stops else stops[0] if len(stops) == 1 else Refusals(stops)


def _asked(check: Check) -> tuple[Checked, ...]:
    try:
        return tuple(check())
    except CloudError as error:
        return (Checked(verdict=Verdict.UNKNOWN, what=str(error), about=error.address),)


def _rights(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], made: Plan) -> Iterator[Check]:
    for (scope, right), address in _wanted(made, kinds, WRITES).items():
        yield lambda scope=scope, right=right, address=address: _right(cloud, scope, right, address)


def _right(cloud: Cloud, scope: str, right: str, address: Address) -> Iterator[Checked]:
    told, about = cloud.caller.lacks(scope, right), str(address)
    if told:
        yield Checked(verdict=Verdict.STOPS, what="the caller may not write it", remedy=told, about=about)
    else:
        verdict = Verdict.UNKNOWN if told is None else Verdict.HOLDS
        yield Checked(verdict=verdict, what=f"right of the caller: {right}", about=about)


def _groups(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], made: Plan) -> Iterator[Check]:
    """What is to be made in a group that neither stands nor is made."""
    wanted = {key: address for key, address in _wanted(made, kinds, (Action.CREATE,)).items() if key[0]}
    groups = {_group(scope).lower() for scope, _ in wanted if scope == _group(scope)}
    for (scope, _), address in wanted.items():
        group = _group(scope)
        if group.lower() not in groups:
            groups.add(group.lower())
            yield lambda group=group, address=address: _groupless(cloud, group, address)


def _groupless(cloud: Cloud, group: str, address: Address) -> Iterator[Checked]:
    if cloud.resource_groups.find_group(group) is None:
        what = f"its resource group {group.rpartition('/')[2]} is not there"
        yield Checked(verdict=Verdict.STOPS, what=what, remedy="Make it, or correct the id", about=str(address))


def _group(scope: str) -> str:
    return "/".join(scope.split("/")[:GROUP_PARTS])


def _providers(cloud: Cloud, made: Plan) -> Iterator[Check]:
    """Every resource provider whose resources the plan names, in each subscription."""
    named: dict[tuple[str, str], Address] = {}
    for step in made.steps:
        for text in _ids(step.desired, made.outputs.get(step.address, {})):
            for namespace in NAMESPACE.findall(text):
                named.setdefault((text.split("/")[2], namespace), step.address)
    for (subscription, namespace), address in named.items():
        yield lambda s=subscription, n=namespace, a=address: _provider(cloud, s, n, a)


def _ids(desired: Any, published: Mapping[str, Any]) -> Iterator[str]:
    """Resource ids that a step's records name."""
    told = (*(getattr(desired, one.name) for one in fields(desired)), *published.values()) if desired else ()
    return (text for text in told if isinstance(text, str) and text.startswith("/subscriptions/"))


def _provider(cloud: Cloud, subscription: str, namespace: str, address: Address) -> Iterator[Checked]:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types."""
    path = f"/subscriptions/{subscription}/providers/{namespace}"
    found = cloud.arm.find(path, "2021-04-01") or {}
    state = str(found.get("registrationState", "unknown"))
    holds = state in {"Registered", "Registering"}
    what = f"resource provider {namespace}: {state}"
    line = f"`az provider register --namespace {namespace} --subscription {subscription} --wait`"
    verdict, remedy = (Verdict.HOLDS, "") if holds else (Verdict.STOPS, line)
    yield Checked(verdict=verdict, what=what, remedy=remedy, about=str(address))


def _kinds(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], made: Plan) -> Iterator[Check]:
    """Each kind's own check of each of its steps."""
    for step in made.steps:
        ready = kinds[step.address.kind].preflight.ready
        if ready is not None and step.desired is not None:
            yield lambda ready=ready, step=step: _ready(cloud, ready, step, made)


def _ready(cloud: Cloud, ready: Callable[..., Iterable[Checked]], step: Step, made: Plan) -> Iterator[Checked]:
    try:
        for one in ready(cloud, resolve(step.desired, made.outputs), step.observed):
            yield Checked(verdict=one.verdict, what=one.what, remedy=one.remedy, about=one.about or str(step.address))
    except CloudError as error:
        error.address = error.address or str(step.address)
        raise


def _wanted(made: Plan, kinds: Mapping[str, Kind[Any, Any]], actions: tuple[Action, ...]) -> Wanted:
    """A permission of Graph's holds for the whole tenant: its scope is empty."""
    wanted: Wanted = {}
    for step in made.steps:
        right_of = kinds[step.address.kind].preflight.right
        if right_of and step.action in actions:
            right = right_of(step.desired)
            wanted.setdefault((right.scope, right.action), step.address)
    return wanted
