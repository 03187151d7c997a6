"""A role of a principal on a scope. Its description has the owner tag of every environment that needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.key_probe import Rollout, why_not_rolled_out
from provisioner.kind import OWNER_TAG, Kind, Preflight, Proofs, Right, publish_nothing, require_resolved
from provisioner.model import IDENTITY, Change, Described, Found, Observed, Proof, Published, ReadBy, Ref, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.authorization import Assignment
    from provisioner.cloud.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class RoleAssignment:
    """What the spec declares. role: name or GUID; principal_id: object id; label: whose it is, for people."""

    scope: str
    role: str
    principal_id: str | Ref[str] = field(metadata=IDENTITY)
    environment: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for grants of an environment. rollout: the settings with which they are needed no longer."""

    scope: str
    environment: str
    rollout: Rollout | None = None


@dataclass(frozen=True, kw_only=True)
class AssignmentsOfPrincipal:
    """Wherever in these subscriptions a principal (its object id) has a role."""

    principal_id: str | Ref[str]
    subscriptions: tuple[str, ...]
    environment: str


@dataclass(frozen=True, kw_only=True)
class AssignmentsOfRemoved:
    """The same for each principal of the environment whose application is not among `unique_names`."""

    unique_names: tuple[str, ...]
    subscriptions: tuple[str, ...]
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedRoleAssignment(Observed):
    """What exists. managed_by_any: it has the owner tag of some environment; else somebody granted it and it stays."""

    scope: str
    name: str
    environment: str
    managed_by_any: bool


def _check(cloud: Cloud, desired: RoleAssignment) -> None:
    """Raises Refused for a role that there is not.

    Lists the scope's assignments, too: `read` then finds them in the cache.
    """
    _require_role_id(cloud, desired)
    cloud.authorization.list_assignments(desired.scope)


def _require_role_id(cloud: Cloud, desired: RoleAssignment) -> str:
    try:
        return cloud.authorization.role_guid(desired.scope, desired.role)
    except Refused as error:
        raise Refused(f"grant to {desired.label}", f"role {desired.role!r}: {error.reason}", error.remedy) from error


def _read(cloud: Cloud, desired: RoleAssignment) -> ObservedRoleAssignment | None:
    try:
        role = _require_role_id(cloud, desired)
    except Refused:  # reported by `check`
        return None
    assignment = cloud.authorization.find_assignment(desired.scope, role, require_resolved(desired.principal_id))
    return None if assignment is None else _observed(cloud, assignment, desired.environment)


def _observed(cloud: Cloud, assignment: Assignment, environment: str) -> ObservedRoleAssignment:
    owner_tags = cloud.authorization.owner_tags(assignment)
    return ObservedRoleAssignment(
        owned=_owner_tag(environment) in owner_tags,
        scope=assignment.scope.lower(),
        name=assignment.name,
        environment=environment,
        managed_by_any=bool(owner_tags) or cloud.authorization.has_managed_name(assignment),
    )


def _owner_tag(environment: str) -> str:
    return f"{OWNER_TAG}={environment}"


def _diff(desired: RoleAssignment, observed: ObservedRoleAssignment, _view: View) -> tuple[Change, ...]:
    """An assignment that somebody else created is used as it is."""
    if observed.owned or not observed.managed_by_any:
        return ()
    return (
        Change(
            field="description",
            after=_owner_tag(desired.environment),
            reason="this environment needs it, too",
            contested=True,
        ),
    )


def _owned(cloud: Cloud, scope: Scope | AssignmentsOfPrincipal | AssignmentsOfRemoved) -> tuple[Found, ...]:
    all_there = ((one, _observed(cloud, one, scope.environment)) for one in _listed(cloud, scope))
    owned = [(assignment, one) for assignment, one in all_there if one.owned]
    rollout = scope.rollout if isinstance(scope, Scope) else None
    kept = why_not_rolled_out(cloud, rollout) if rollout is not None and owned else ""
    return tuple(
        Found(name=one.name, observed=one, kept=kept, describe=partial(_described, cloud, assignment))
        for assignment, one in owned
    )


def _described(cloud: Cloud, assignment: Assignment) -> Described:
    """Role and scope by their names; whether its principal is gone."""
    role = cloud.authorization.role_name(assignment.scope, assignment.role)
    label = f"{role} on {'/'.join(assignment.scope.split('/')[-2:])}"
    there = cloud.graph.has_service_principal(assignment.principal_id)
    return Described(label=label, lost="" if there else "its principal was deleted in Azure")


def _listed(cloud: Cloud, scope: Scope | AssignmentsOfPrincipal | AssignmentsOfRemoved) -> Iterator[Assignment]:
    if isinstance(scope, Scope):
        yield from cloud.authorization.list_assignments(scope.scope)
        return
    principal_ids = (
        [require_resolved(scope.principal_id)]
        if isinstance(scope, AssignmentsOfPrincipal)
        else _list_undeclared_principal_ids(cloud, scope)
    )
    for principal_id in principal_ids:
        for subscription in scope.subscriptions:
            yield from cloud.authorization.list_assignments_of(f"/subscriptions/{subscription}", principal_id)


def _list_undeclared_principal_ids(cloud: Cloud, scope: AssignmentsOfRemoved) -> Iterator[str]:
    """Object ids of principals, also deleted ones, whose applications have the owner tag and are not in the spec."""
    for application in cloud.graph.list_applications(_owner_tag(scope.environment)):
        if application.unique_name not in scope.unique_names:
            graph, client_id = cloud.graph, application.client_id
            principal = graph.find_service_principal(client_id) or graph.find_deleted_service_principal(client_id)
            if principal is not None:
                yield principal.object_id


def _prove(
    _cloud: Cloud,
    _desired: RoleAssignment,
    _observed: ObservedRoleAssignment,
    _made: Published,
    _reader: ReadBy | None,
) -> Proof:
    """Only the principal could show it, and Azure needs minutes.

    https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
    """
    return Proof.UNKNOWABLE


def _create(cloud: Cloud, desired: RoleAssignment) -> None:
    cloud.authorization.grant(
        desired.scope,
        _require_role_id(cloud, desired),
        require_resolved(desired.principal_id),
        principal_type="ServicePrincipal",
        owner_tag=_owner_tag(desired.environment),
    )


def _update(cloud: Cloud, desired: RoleAssignment, _observed: ObservedRoleAssignment) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedRoleAssignment) -> None:
    cloud.authorization.drop_owner_or_assignment(observed.scope, observed.name, _owner_tag(observed.environment))


KIND: Kind[RoleAssignment, ObservedRoleAssignment] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(
        right=lambda desired: Right("Microsoft.Authorization/roleAssignments/write", desired.scope), check=_check
    ),
    proofs=Proofs(written=_prove),
)
