"""The data-plane role that the caller of a run needs on a vault or account: no drift, removed last.

Owner and Contributor have no right on data: https://learn.microsoft.com/azure/key-vault/general/rbac-guide
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from provisioner.errors import NotAuthorized, NotFound, Unreachable
from provisioner.kind import OWNER_TAG, Kind, Preflight, Right, publish_nothing
from provisioner.model import Change, Found, Observed, View

if TYPE_CHECKING:
    from provisioner.cloud.clients.authorization import Assignment
    from provisioner.cloud.cloud import Cloud

SECRETS = "Microsoft.KeyVault/vaults/secrets"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
READING_ROLES = ("Key Vault Secrets User", "Storage Blob Data Reader")
# "up to 10 minutes": https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
ARRIVES_WITHIN = timedelta(minutes=15)


class Probe(StrEnum):
    """The request that shows whether the caller has access."""

    VAULT_SECRETS = "vault_secrets"
    BLOBS = "blobs"


@dataclass(frozen=True, kw_only=True)
class CallerAccess:
    """What the spec declares. actions: the data actions needed; place: the name of the vault or account.

    reading_role: enough to read what is there, as a plan does; reading_actions: what that takes.
    container: of the account, in which the access is tried; empty for a vault. writes: a right to read shows nothing of
    this one.
    """

    scope: str
    role: str
    actions: tuple[str, ...]
    environment: str
    probe: Probe
    place: str
    container: str = field(default="", repr=False)
    reading_role: str = field(default="", repr=False)
    reading_actions: tuple[str, ...] = field(default=(), repr=False)
    writes: bool = field(default=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for grants to callers. release: those to write go at the end of a run, whoever has them."""

    scope: str
    environment: str
    release: bool = False


@dataclass(frozen=True, kw_only=True)
class ObservedCallerAccess(Observed):
    """The caller has the right. name: of this environment's grant; empty if the right comes from elsewhere.

    tagged_by_others: only other environments have their owner tags on the grant, and may remove it. awaiting_access:
    the grant of an earlier run is so new that it has not taken effect yet.
    """

    scope: str
    name: str
    environment: str
    tagged_by_others: bool = False
    awaiting_access: bool = field(default=False, compare=False)


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
        reading_role=READING_ROLES[0],
        reading_actions=tuple(f"{SECRETS}/{verb}" for verb in verbs[:2]),
    )


def to_blobs(*, scope: str, account: str, container: str, environment: str) -> CallerAccess:
    """Read, write, move and delete files."""
    verbs = ("read", "write", "delete", "add/action", "move/action")
    return CallerAccess(
        scope=scope,
        role="Storage Blob Data Contributor",
        actions=tuple(f"{BLOBS}/{verb}" for verb in verbs),
        environment=environment,
        probe=Probe.BLOBS,
        place=account,
        container=container,
        reading_role=READING_ROLES[1],
        reading_actions=(f"{BLOBS}/read",),
    )


def read_only(desired: CallerAccess) -> CallerAccess:
    """The part of it that reads."""
    return replace(desired, role=desired.reading_role, actions=desired.reading_actions)


def _access_owner_tag(environment: str) -> str:
    """It differs from the owner tag of declared grants, which are searched for separately."""
    return f"{OWNER_TAG}={environment}/access"


def _read(cloud: Cloud, desired: CallerAccess) -> ObservedCallerAccess | None:
    """Raises NotFound if its scope does not exist."""
    allowed = cloud.caller_rights.allows(desired.scope, desired.actions)
    if allowed is None:
        raise NotFound(operation=f"GET permissions of {desired.scope}", status=404)
    caller, owner_tag = cloud.session.caller_object_id, _access_owner_tag(desired.environment)
    role = cloud.authorization.role_guid(desired.scope, desired.role)
    tagged = {one: cloud.authorization.owner_tags(one) for one in cloud.authorization.list_assignments(desired.scope)}
    granted = {one: tags for one, tags in tagged.items() if tags and one.principal_id == caller}
    mine = [one for one, tags in granted.items() if owner_tag in tags and one.role == role]
    # A right to read that only comes from a grant to write goes with that.
    lent = desired.role == desired.reading_role and granted and all(one.role != role for one in granted)
    if not mine and (lent or not allowed):
        return None
    name = mine[0].name if mine else ""
    tagged_by_others = not mine and any(one.role == role for one in granted)
    return ObservedCallerAccess(
        owned=bool(mine),
        scope=desired.scope,
        name=name,
        environment=desired.environment,
        tagged_by_others=tagged_by_others,
        awaiting_access=any(_young(cloud, one) for one in mine) and not _probe_access(cloud, desired),
    )


def _young(cloud: Cloud, grant: Assignment) -> bool:
    return grant.updated is not None and cloud.session.clock.decision_time() - grant.updated < ARRIVES_WITHIN


def _probe_access(cloud: Cloud, desired: CallerAccess) -> bool:
    """Try a request that needs the right. The name of a new vault may not be in DNS yet.

    The right to write is tried by a deletion of what there is not, and only by a run that may write.
    """
    if desired.writes and cloud.session.lease is None:
        return True
    try:
        if desired.probe is Probe.VAULT_SECRETS:
            cloud.caller_rights.probe_secrets(desired.place, deleting=desired.writes)
        else:
            cloud.caller_rights.probe_container(desired.place, desired.container, deleting=desired.writes)
    except (NotAuthorized, Unreachable):
        return False
    except NotFound:  # nothing is left to try it on, which says nothing of the grant
        return True
    return True


def _diff(desired: CallerAccess, observed: ObservedCallerAccess, _view: View) -> tuple[Change, ...]:
    if observed.awaiting_access:
        return (Change(field="let_in", before="False", after="True", reason="granted, but not in effect yet"),)
    if not observed.tagged_by_others:
        return ()
    return (
        Change(
            field="description",
            after=_access_owner_tag(desired.environment),
            reason="this environment needs it, too",
            contested=True,
        ),
    )


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """Grants to earlier callers as well: others who run this environment keep their access until it goes."""
    owner_tag = _access_owner_tag(scope.environment)
    listed = [
        one
        for one in cloud.authorization.list_assignments(scope.scope)
        if owner_tag in cloud.authorization.owner_tags(one)
    ]
    reading_roles = {cloud.authorization.role_guid(scope.scope, role) for role in READING_ROLES}
    return tuple(
        Found(
            name=one.name,
            observed=ObservedCallerAccess(owned=True, scope=scope.scope, name=one.name, environment=scope.environment),
            kept="" if scope.release and one.role not in reading_roles else "a grant to another caller",
        )
        for one in listed
    )


def _create(cloud: Cloud, desired: CallerAccess) -> None:
    cloud.authorization.grant(
        desired.scope,
        cloud.authorization.role_guid(desired.scope, desired.role),
        cloud.session.caller_object_id,
        principal_type=cloud.session.caller_type,
        owner_tag=_access_owner_tag(desired.environment),
    )


def _update(cloud: Cloud, desired: CallerAccess, _observed: ObservedCallerAccess) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedCallerAccess) -> None:
    if observed.name:
        cloud.authorization.drop_owner_or_assignment(
            observed.scope, observed.name, _access_owner_tag(observed.environment)
        )


KIND: Kind[CallerAccess, ObservedCallerAccess] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(right=lambda desired: Right("Microsoft.Authorization/roleAssignments/write", desired.scope)),
)
