"""A federated identity credential of an application: whose tokens sign it in, without any secret.

Its name is the owner tag: `provisioner-ENVIRONMENT-NAME`.
https://learn.microsoft.com/entra/workload-id/workload-identity-federation
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.key_probe import Rollout, why_not_rolled_out
from provisioner.kind import (
    Checked,
    Kind,
    Preflight,
    Right,
    compare,
    federation_checks,
    federation_prefix,
    publish_nothing,
    require_resolved,
)
from provisioner.model import IDENTITY, Change, Found, Observed, Ref, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.graph import FederatedIdentity
    from provisioner.cloud.cloud import Cloud

# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
LIMIT = 20


@dataclass(frozen=True, kw_only=True)
class FederatedCredential:
    """application_id: object id. principal: its name in the spec; name: within it, letters, digits and hyphens.

    issuer: compared byte for byte by Entra, a slash at its end included. subject: as in the token, without wildcards.
    """

    application_id: str | Ref[str] = field(metadata=IDENTITY)
    principal: str
    name: str
    issuer: str | Ref[str] = field(metadata=IDENTITY)
    subject: str
    audience: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for those that the spec no longer names: an application, of that principal.

    kept: why those found there stay; empty: they do not. rollout: the settings with which they stay no longer.
    """

    application_id: str | Ref[str] = field(metadata=IDENTITY)
    principal: str
    environment: str
    kept: str = ""
    rollout: Rollout | None = None


@dataclass(frozen=True, kw_only=True)
class ObservedFederatedCredential(Observed):
    """What exists."""

    application_id: str
    identity: FederatedIdentity


def _read(cloud: Cloud, desired: FederatedCredential) -> ObservedFederatedCredential | None:
    application_id = require_resolved(desired.application_id)
    name = federation_prefix(desired.environment) + desired.name
    identities = cloud.graph.list_federated_credentials(application_id) or ()
    found = next((one for one in identities if one.name == name), None)
    if found is not None:
        return _observed(application_id, found)
    same = (one for one in identities if _is_same(one, desired))
    return next((_observed(application_id, one, owned=False) for one in same), None)


def _is_same(identity: FederatedIdentity, desired: FederatedCredential) -> bool:
    """Whether it does what is desired, as another environment's does on a shared application: Entra takes it once."""
    return (identity.issuer, identity.subject, *identity.audiences) == (
        desired.issuer,
        desired.subject,
        desired.audience,
    )


def _observed(application_id: str, identity: FederatedIdentity, *, owned: bool = True) -> ObservedFederatedCredential:
    version = f"{identity.issuer} {identity.subject} {' '.join(identity.audiences)}"
    return ObservedFederatedCredential(owned=owned, version=version, application_id=application_id, identity=identity)


def _diff(desired: FederatedCredential, observed: ObservedFederatedCredential, _view: View) -> tuple[Change, ...]:
    identity = observed.identity
    return (
        *compare("issuer", identity.issuer, desired.issuer),
        *compare("subject", identity.subject, desired.subject),
        *compare("audience", " ".join(identity.audiences), desired.audience),
    )


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    application_id, prefix = require_resolved(scope.application_id), federation_prefix(scope.environment)
    identities = cloud.graph.list_federated_credentials(application_id) or ()
    managed = [(one.name.removeprefix(prefix), one) for one in identities if one.name.startswith(prefix)]
    kept = scope.kept
    if managed and scope.kept and scope.rollout is not None:
        kept = why_not_rolled_out(cloud, scope.rollout)
    return tuple(
        Found(name=f"{scope.principal}.{name}", observed=_observed(application_id, one), kept=kept)
        for name, one in managed
    )


def _create(cloud: Cloud, desired: FederatedCredential) -> None:
    cloud.graph.set_federated_credential(
        require_resolved(desired.application_id),
        federation_prefix(desired.environment) + desired.name,
        issuer=require_resolved(desired.issuer),
        subject=desired.subject,
        audience=desired.audience,
    )


def _update(cloud: Cloud, desired: FederatedCredential, _observed: ObservedFederatedCredential) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedFederatedCredential) -> None:
    cloud.graph.delete_federated_credential(observed.application_id, observed.identity.name)


def _right(desired: FederatedCredential) -> Right:
    known = isinstance(desired.application_id, str)
    return Right("Application.ReadWrite.OwnedBy", f"applications/{desired.application_id}" if known else "")


def _ready(
    cloud: Cloud, desired: FederatedCredential, observed: ObservedFederatedCredential | None
) -> Iterator[Checked]:
    """Those of somebody else on the application, which sign in as it, too; and whether there is room for this one."""
    if isinstance(desired.application_id, Ref):
        return
    prefix = federation_prefix(desired.environment)
    identities = cloud.graph.list_federated_credentials(desired.application_id) or ()
    others = (one for one in identities if not one.name.startswith(prefix) and not _is_same(one, desired))
    yield from federation_checks(
        ((one.name, one.subject, one.issuer) for one in others),
        limit=f"its application has {LIMIT} already, Entra's limit",
        reached=observed is None and len(identities) >= LIMIT,
    )


KIND: Kind[FederatedCredential, ObservedFederatedCredential] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(right=_right, ready=_ready),
)
