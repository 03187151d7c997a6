"""Checks before the first write whether a plan can be carried out: rights, providers, policies, each kind's own checks.

All checks run in parallel and are reported together. What cannot be checked is no reason to stop: Azure decides when it
is written.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from provisioner.errors import CloudError, NotAuthorized, Refusals, Refused
from provisioner.kind import Checked, Verdict
from provisioner.model import Action, Address, Plan, resolve
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind, Right
    from provisioner.model import Node, Step

    Check = Callable[[], Iterable[Checked]]

THREADS = 32
POLICY_REMEDY = "Change the spec so that it complies, or have the policy's owner exempt it (docs/corporate.md)"
NO_WRITE = "the caller has no permission to write it"
WRITES = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.ROTATE)
GROUP_PARTS = 5  # "", subscriptions, ID, resourceGroups, NAME
NAMESPACE = re.compile(r"/providers/([\w.]+)/")
RightsNeeded = dict[tuple[str, str], Address]  # by scope and right: the first step that needs it


def preflight(
    cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], plan: Plan, unreadable: Iterable[Node] = ()
) -> tuple[Checked, ...]:
    """The findings in the order of the plan; one that several steps share is listed once. Raises no CloudError.

    unreadable: nodes that the plan has no step for, because the caller may not read something.
    """
    checks = (
        *_right_checks(cloud, kinds, plan),
        *_write_rights_on_unreadable(cloud, kinds, unreadable),
        *_group_checks(cloud, kinds, plan),
        *_location_checks(cloud, plan),
        *_provider_checks(cloud, plan),
        *_kind_checks(cloud, kinds, plan),
        *_policy_checks(cloud, kinds, plan),
    )
    with ThreadPoolExecutor(THREADS, thread_name_prefix="preflight") as pool:
        found = [finding for answers in pool.map(_run_check, checks) for finding in answers]
    return tuple({(one.verdict, one.what, one.remedy): one for one in reversed(found)}.values())[::-1]


def refusal(findings: Iterable[Checked]) -> Refused | Refusals | None:
    """The findings that stop a plan, as one error; None if there are none."""
    stops = tuple(Refused(one.about, one.what, one.remedy) for one in findings if one.verdict is Verdict.STOPS)
    return None if not stops else stops[0] if len(stops) == 1 else Refusals(stops)


def _run_check(check: Check) -> tuple[Checked, ...]:
    try:
        return tuple(check())
    except CloudError as error:
        return (Checked(verdict=Verdict.UNKNOWN, what=str(error), about=error.address),)


def _right_checks(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], plan: Plan) -> Iterator[Check]:
    needed = _rights_needed(plan, kinds, WRITES)
    for (scope, right), address in needed.items():
        above = (other for other, same in needed if same == right and other)
        if any(scope.lower().startswith(f"{other.lower()}/") for other in above):
            continue  # who has it above has it here
        yield lambda scope=scope, right=right, address=address: _right_findings(cloud, scope, right, address)


def _write_rights_on_unreadable(
    cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], unreadable: Iterable[Node]
) -> Iterator[Check]:
    """Checks for what cannot be read: who is to write it needs more than the right to read it."""
    for node in unreadable:
        right_of = kinds[node.address.kind].preflight.right
        if right_of is not None and not node.access and not node.expected_to_exist:
            right, about = right_of(node.desired), str(node.address)
            yield lambda right=right, about=about: _unreadable_write_right_findings(cloud, right, about)


def _unreadable_write_right_findings(cloud: Cloud, right: Right, about: str) -> Iterator[Checked]:
    remedy = cloud.caller_rights.remedy_if_missing(right.scope, right.action, scope_unreadable=True)
    if remedy:
        yield Checked(verdict=Verdict.STOPS, what=NO_WRITE, remedy=remedy, about=about, scope=right.scope)


def _right_findings(cloud: Cloud, scope: str, right: str, address: Address) -> Iterator[Checked]:
    remedy, about = cloud.caller_rights.remedy_if_missing(scope, right), str(address)
    if remedy:
        yield Checked(verdict=Verdict.STOPS, what=NO_WRITE, remedy=remedy, about=about, scope=scope)
    else:
        verdict = Verdict.UNKNOWN if remedy is None else Verdict.HOLDS
        yield Checked(verdict=verdict, what=f"right of the caller: {right}", about=about)


def _group_checks(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], plan: Plan) -> Iterator[Check]:
    """Checks for resources whose resource group neither exists nor is created by the plan."""
    created = _rights_needed(plan, kinds, (Action.CREATE,))
    needed = {key: address for key, address in created.items() if key[0].startswith("/")}
    groups = {_group_id(scope).lower() for scope, _ in needed if scope == _group_id(scope)}
    for (scope, _), address in needed.items():
        group = _group_id(scope)
        if group.lower() not in groups:
            groups.add(group.lower())
            yield lambda group=group, address=address: _group_findings(cloud, group, address)


def _group_findings(cloud: Cloud, group_id: str, address: Address) -> Iterator[Checked]:
    if cloud.resource_groups.find_group(group_id) is None:
        what = f"its resource group {group_id.rpartition('/')[2]} does not exist"
        yield Checked(verdict=Verdict.STOPS, what=what, remedy="Create it, or correct the id", about=str(address))


def _location_checks(cloud: Cloud, plan: Plan) -> Iterator[Check]:
    """Whether the subscription has the locations of what is created, each once."""
    created: dict[tuple[str, str], Address] = {}
    for step in plan.steps:
        location, own_id = getattr(step.desired, "location", None), next(_resource_ids_in(step.desired, {}), "")
        if step.action is Action.CREATE and isinstance(location, str) and own_id:
            created.setdefault((own_id.split("/")[2], location.replace(" ", "").lower()), step.address)
    for (subscription, location), address in created.items():
        yield lambda s=subscription, n=location, a=address: _location_findings(cloud, s, n, a)


def _location_findings(cloud: Cloud, subscription: str, location: str, address: Address) -> Iterator[Checked]:
    """https://learn.microsoft.com/rest/api/resources/subscriptions/list-locations."""
    listed = cloud.arm.list_all(f"/subscriptions/{subscription}/locations", api_version("Microsoft.Resources"))
    try:
        names = [str(one["name"]) for one in listed]
    except NotAuthorized:  # no run needs the right to list them
        return
    if location in names:
        yield Checked(verdict=Verdict.HOLDS, what=f"location {location}", about=str(address))
        return
    near = get_close_matches(location, names, n=1, cutoff=0.5)
    remedy = f"Correct `location`{f': did you mean {near[0]}?' if near else ';'} `az account list-locations` shows all"
    what = f"the subscription has no location {location}"
    yield Checked(verdict=Verdict.STOPS, what=what, remedy=remedy, about=str(address))


def _group_id(scope: str) -> str:
    return "/".join(scope.split("/")[:GROUP_PARTS])


def _provider_checks(cloud: Cloud, plan: Plan) -> Iterator[Check]:
    """Checks for every resource provider that the plan needs, per subscription."""
    named: dict[tuple[str, str], Address] = {}
    for step in plan.steps:
        for text in _resource_ids_in(step.desired, plan.outputs.get(step.address, {})):
            for namespace in NAMESPACE.findall(text):
                named.setdefault((text.split("/")[2], namespace), step.address)
    for (subscription, namespace), address in named.items():
        yield lambda s=subscription, n=namespace, a=address: _provider_findings(cloud, s, n, a)


def _resource_ids_in(desired: Any, published: Mapping[str, Any]) -> Iterator[str]:
    """Resource ids in a step's desired record and in what it publishes."""
    remedy = (*(getattr(desired, one.name) for one in fields(desired)), *published.values()) if desired else ()
    return (text for text in remedy if isinstance(text, str) and text.startswith("/subscriptions/"))


def _provider_findings(cloud: Cloud, subscription: str, namespace: str, address: Address) -> Iterator[Checked]:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types."""
    path = f"/subscriptions/{subscription}/providers/{namespace}"
    found = cloud.arm.find(path, api_version("Microsoft.Resources")) or {}
    state = str(found.get("registrationState", "unknown"))
    holds = state in {"Registered", "Registering"}
    what = f"resource provider {namespace}: {state}"
    line = f"`az provider register --namespace {namespace} --subscription {subscription} --wait`"
    verdict, remedy = (Verdict.HOLDS, "") if holds else (Verdict.STOPS, line)
    yield Checked(verdict=verdict, what=what, remedy=remedy, about=str(address))


def _kind_checks(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], plan: Plan) -> Iterator[Check]:
    """Each kind's own checks, for each of its steps."""
    for step in plan.steps:
        ready = kinds[step.address.kind].preflight.ready
        if ready is not None and step.desired is not None:
            yield lambda ready=ready, step=step: _ready_findings(cloud, ready, step, plan)


def _ready_findings(cloud: Cloud, ready: Callable[..., Iterable[Checked]], step: Step, plan: Plan) -> Iterator[Checked]:
    try:
        for one in ready(cloud, resolve(step.desired, plan.outputs), step.observed):
            yield Checked(verdict=one.verdict, what=one.what, remedy=one.remedy, about=one.about or str(step.address))
    except CloudError as error:
        error.address = error.address or str(step.address)
        raise


def _policy_checks(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], plan: Plan) -> Iterator[Check]:
    """Whether Azure Policy would deny what the plan creates."""
    for step in plan.steps:
        right_of = kinds[step.address.kind].preflight.right
        right = right_of(resolve(step.desired, plan.outputs)) if right_of and step.action is Action.CREATE else None
        if right and right.content:
            scope, content, about = right.scope, right.content(cloud), str(step.address)
            yield lambda scope=scope, content=content, about=about: _policy_findings(cloud, scope, content, about)


def _policy_findings(cloud: Cloud, resource_id: str, content: Mapping[str, Any], about: str) -> Iterator[Checked]:
    """https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions: a clean answer is no guarantee."""
    try:
        denials = cloud.policy_restrictions.list_denials(resource_id, content)
    except CloudError as error:
        what = f"whether Azure Policy denies what is created; the creation will show it ({error.code or error.message})"
        yield Checked(verdict=Verdict.UNKNOWN, what=what, remedy=error.remedy, about=about)
        return
    name = resource_id.rpartition("/")[2]
    for one in denials:
        what = f"Azure Policy denies {name}: assignment {one.assignment}, definition {one.definition}"
        yield Checked(verdict=Verdict.STOPS, what=what, remedy=POLICY_REMEDY, about=about)
    if not denials:
        what = f"Azure Policy likely allows {name}; only its creation shows it for certain"
        yield Checked(verdict=Verdict.NOTE, what=what, about=about)


def _rights_needed(plan: Plan, kinds: Mapping[str, Kind[Any, Any]], actions: tuple[Action, ...]) -> RightsNeeded:
    """By scope and right."""
    needed: RightsNeeded = {}
    for step in plan.steps:
        right_of = kinds[step.address.kind].preflight.right
        if right_of and step.action in actions:
            right = right_of(resolve(step.desired, plan.outputs))
            needed.setdefault((right.scope, right.action), step.address)
    return needed
