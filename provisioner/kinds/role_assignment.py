"""A role that a principal has on a scope. Its description names every environment that needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.kind import OWNER_TAG, Kind, Preflight, Proofs, Right, known, publish_nothing
from provisioner.model import IDENTITY, Change, Found, Observed, Proof, Published, ReadBy, Ref, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.authorization import Assignment
    from provisioner.cloud.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class RoleAssignment:
    """What should be. role: name or GUID; principal_id: object id; label: whose it is, for people."""

    scope: str
    role: str
    principal_id: str | Ref[str] = field(metadata=IDENTITY)
    environment: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for grants of an environment."""

    scope: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class OfPrincipal:
    """Wherever in these subscriptions a principal (its object id) has a role."""

    principal_id: str | Ref[str]
    subscriptions: tuple[str, ...]
    environment: str


@dataclass(frozen=True, kw_only=True)
class OfRemoved:
    """The same for each principal of the environment whose application is not among `unique_names`."""

    unique_names: tuple[str, ...]
    subscriptions: tuple[str, ...]
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedRoleAssignment(Observed):
    """What is there. made_by_us: some environment's owner tag is on it; else somebody granted it and it stays."""

    scope: str
    name: str
    environment: str
    made_by_us: bool


def _check(cloud: Cloud, desired: RoleAssignment) -> None:
    """Lists the scope's assignments too: `read` finds them in the pass's memory."""
    _role(cloud, desired)
    cloud.authorization.list_assignments(desired.scope)


def _role(cloud: Cloud, desired: RoleAssignment) -> str:
    try:
        return cloud.authorization.role_id(desired.scope, desired.role)
    except Refused as error:
        raise Refused(f"grant to {desired.label}", f"role {desired.role!r}: {error.reason}", error.remedy) from error


def _read(cloud: Cloud, desired: RoleAssignment) -> ObservedRoleAssignment | None:
    try:
        role = _role(cloud, desired)
    except Refused:  # what does not exist is not there; `check` tells
        return None
    found = cloud.authorization.find_assignment(desired.scope, role, known(desired.principal_id))
    return None if found is None else _observed(cloud, found, desired.environment)


def _observed(cloud: Cloud, found: Assignment, environment: str) -> ObservedRoleAssignment:
    marks = cloud.authorization.marks(found)
    return ObservedRoleAssignment(
        owned=_owner_tag(environment) in marks,
        scope=found.scope.lower(),
        name=found.name,
        environment=environment,
        made_by_us=bool(marks) or cloud.authorization.is_our_name(found),
    )


def _owner_tag(environment: str) -> str:
    return f"{OWNER_TAG}={environment}"


def _diff(desired: RoleAssignment, observed: ObservedRoleAssignment, _view: View) -> tuple[Change, ...]:
    """An assignment that somebody else made serves as it is."""
    if observed.owned or not observed.made_by_us:
        return ()
    return (
        Change(field="description", after=_owner_tag(desired.environment), reason="needed here too", contested=True),
    )


def _owned(cloud: Cloud, scope: Scope | OfPrincipal | OfRemoved) -> tuple[Found, ...]:
    all_there = (_observed(cloud, one, scope.environment) for one in _listed(cloud, scope))
    return tuple(Found(name=one.name, observed=one) for one in all_there if one.owned)


def _listed(cloud: Cloud, scope: Scope | OfPrincipal | OfRemoved) -> Iterator[Assignment]:
    if isinstance(scope, Scope):
        yield from cloud.authorization.list_assignments(scope.scope)
        return
    held_by = [known(scope.principal_id)] if isinstance(scope, OfPrincipal) else _removed(cloud, scope)
    for principal_id in held_by:
        for subscription in scope.subscriptions:
            yield from cloud.authorization.list_held(f"/subscriptions/{subscription}", principal_id)


def _removed(cloud: Cloud, scope: OfRemoved) -> Iterator[str]:
    """Object ids of principals, deleted ones too, whose applications have our owner tag and are none of the spec's."""
    for application in cloud.graph.list_applications(_owner_tag(scope.environment)):
        if application.unique_name not in scope.unique_names:
            graph, client_id = cloud.graph, application.client_id
            principal = graph.find_principal(client_id) or graph.find_deleted_principal(client_id)
            if principal is not None:
                yield principal.object_id


def _prove(
    _cloud: Cloud,
    _desired: RoleAssignment,
    _observed: ObservedRoleAssignment,
    _made: Published,
    _reader: ReadBy | None,
) -> Proof:
    """Only the principal could tell, and Azure says minutes.

    https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
    """
    return Proof.UNKNOWABLE


def _create(cloud: Cloud, desired: RoleAssignment) -> None:
    cloud.authorization.grant(
        desired.scope,
        _role(cloud, desired),
        known(desired.principal_id),
        principal_type="ServicePrincipal",
        mark=_owner_tag(desired.environment),
    )


def _update(cloud: Cloud, desired: RoleAssignment, _observed: ObservedRoleAssignment) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedRoleAssignment) -> None:
    cloud.authorization.revoke(observed.scope, observed.name, _owner_tag(observed.environment))


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
