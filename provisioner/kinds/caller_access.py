"""The data-plane role that whoever runs us needs on a vault or account of its own making: no drift, removed last.

Owner and Contributor have no right on data: https://learn.microsoft.com/azure/key-vault/general/rbac-guide
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from provisioner.errors import NotAuthorized, NotFound, Unreachable
from provisioner.kind import OWNER_TAG, Kind, Preflight, Proofs, Right, publish_nothing
from provisioner.model import Change, Found, Observed, Proof, Published, ReadBy, View

if TYPE_CHECKING:
    from provisioner.cloud.clients.authorization import Assignment
    from provisioner.cloud.cloud import Cloud

SECRETS = "Microsoft.KeyVault/vaults/secrets"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
# "up to 10 minutes": https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
ARRIVES_WITHIN = timedelta(minutes=15)


class Probe(StrEnum):
    """What is tried to see whether the caller is let in."""

    VAULT_SECRETS = "vault_secrets"
    BLOBS = "blobs"


@dataclass(frozen=True, kw_only=True)
class CallerAccess:
    """What should be. actions: the data actions needed; place: the name of the vault or account."""

    scope: str
    role: str
    actions: tuple[str, ...]
    environment: str
    probe: Probe
    place: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for grants to callers."""

    scope: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedCallerAccess(Observed):
    """The caller may. name: of our own grant to it; empty if it has the right from elsewhere.

    lent: only another environment of ours stands behind the grant, and may take it away. waiting: our grant is so young
    that it has not arrived yet: a run before this one made it and ended.
    """

    scope: str
    name: str
    environment: str
    lent: bool = False
    waiting: bool = field(default=False, compare=False)


def to_vault(*, scope: str, vault: str, environment: str) -> CallerAccess:
    """Read, write and delete secrets."""
    verbs = ("readMetadata/action", "getSecret/action", "setSecret/action", "delete", "recover/action")
    return CallerAccess(
        scope=scope,
        role="Key Vault Secrets Officer",
        actions=tuple(f"{SECRETS}/{verb}" for verb in verbs),
        environment=environment,
        probe=Probe.VAULT_SECRETS,
        place=vault,
    )


def to_blobs(*, scope: str, account: str, environment: str) -> CallerAccess:
    """Read, write, move and delete files."""
    verbs = ("read", "write", "delete", "add/action", "move/action")
    return CallerAccess(
        scope=scope,
        role="Storage Blob Data Contributor",
        actions=tuple(f"{BLOBS}/{verb}" for verb in verbs),
        environment=environment,
        probe=Probe.BLOBS,
        place=account,
    )


def _owner_tag(environment: str) -> str:
    """Not the mark of a declared grant: those are looked for beside it."""
    return f"{OWNER_TAG}={environment}/access"


def _read(cloud: Cloud, desired: CallerAccess) -> ObservedCallerAccess | None:
    """Raises NotFound if its scope is not there."""
    allowed = cloud.caller.allows(desired.scope, desired.actions)
    if allowed is None:
        raise NotFound(operation=f"GET permissions of {desired.scope}", status=404)
    caller, mark = cloud.session.caller_object_id, _owner_tag(desired.environment)
    listed = cloud.authorization.list_assignments(desired.scope)
    mine = [one for one in listed if one.principal_id == caller and mark in cloud.authorization.marks(one)]
    if not allowed and not mine:
        return None
    name = mine[0].name if mine else ""
    lent = not mine and any(one.principal_id == caller and cloud.authorization.marks(one) for one in listed)
    return ObservedCallerAccess(
        owned=bool(mine),
        scope=desired.scope,
        name=name,
        environment=desired.environment,
        lent=lent,
        waiting=any(_young(cloud, one) for one in mine) and not _let_in(cloud, desired),
    )


def _young(cloud: Cloud, grant: Assignment) -> bool:
    return grant.updated is not None and cloud.session.clock.now() - grant.updated < ARRIVES_WITHIN


def _let_in(cloud: Cloud, desired: CallerAccess) -> bool:
    """Try what the right is for. A vault just made may not have its name in DNS yet."""
    try:
        if desired.probe is Probe.VAULT_SECRETS:
            cloud.caller.try_secrets(desired.place)
        else:
            cloud.caller.try_blobs(desired.scope, desired.place)
    except (NotAuthorized, Unreachable):
        return False
    return True


def _diff(desired: CallerAccess, observed: ObservedCallerAccess, _view: View) -> tuple[Change, ...]:
    if observed.waiting:
        return (Change(field="let_in", before="False", after="True", reason="granted, and not let in yet"),)
    if not observed.lent:
        return ()
    return (
        Change(field="description", after=_owner_tag(desired.environment), reason="needed here too", contested=True),
    )


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """Grants to earlier callers as well: others who run this environment keep their access until it goes."""
    mark = _owner_tag(scope.environment)
    listed = [
        one for one in cloud.authorization.list_assignments(scope.scope) if mark in cloud.authorization.marks(one)
    ]
    there = (
        ObservedCallerAccess(owned=True, scope=scope.scope, name=one.name, environment=scope.environment)
        for one in listed
    )
    return tuple(Found(name=one.name, observed=one, kept="another caller's") for one in there)


def _prove(
    cloud: Cloud, desired: CallerAccess, _observed: ObservedCallerAccess, _made: Published, _reader: ReadBy | None
) -> Proof:
    return Proof.USABLE if _let_in(cloud, desired) else Proof.NOT_YET


def _create(cloud: Cloud, desired: CallerAccess) -> None:
    cloud.authorization.grant(
        desired.scope,
        cloud.authorization.role_id(desired.scope, desired.role),
        cloud.session.caller_object_id,
        principal_type=cloud.session.caller_type,
        mark=_owner_tag(desired.environment),
    )


def _update(cloud: Cloud, desired: CallerAccess, _observed: ObservedCallerAccess) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedCallerAccess) -> None:
    if observed.name:
        cloud.authorization.revoke(observed.scope, observed.name, _owner_tag(observed.environment))


KIND: Kind[CallerAccess, ObservedCallerAccess] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(right=lambda desired: Right("Microsoft.Authorization/roleAssignments/write", desired.scope)),
    proofs=Proofs(written=_prove),
)
