"""A federated identity credential of a managed identity: whose tokens sign it in. Over ARM.

Azure takes one write at a time to the credentials of an identity, and answers others with 409: those of this run wait
for each other, and a write that meets another run's is sent again.
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations

Its name is the owner tag: `provisioner-ENVIRONMENT-NAME`.
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust-user-assigned-managed-identity
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.cloud import Cloud

VERSION = api_version("Microsoft.ManagedIdentity")
# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
LIMIT = 20


@dataclass(frozen=True, kw_only=True)
class IdentityFederation:
    """identity_id: full. name: within the environment, letters, digits and hyphens.

    issuer: compared byte for byte by Entra, a slash at its end included. subject: as in the token, without wildcards.
    """

    identity_id: str
    name: str
    issuer: str | Ref[str] = field(metadata=IDENTITY)
    subject: str
    audience: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for those that the spec no longer names: a managed identity."""

    identity_id: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedIdentityFederation(Observed):
    """What exists."""

    id: str
    issuer: str
    subject: str
    audience: str


def _list(cloud: Cloud, identity_id: str) -> list[dict[str, Any]]:
    return list(cloud.arm.list_all(_path(identity_id), VERSION))


def _read(cloud: Cloud, desired: IdentityFederation) -> ObservedIdentityFederation | None:
    """By its name; else the one that does the same, which Azure takes only once: it is used as it is."""
    listed = _list(cloud, desired.identity_id)
    name = federation_prefix(desired.environment) + desired.name
    found = next((one for one in listed if one["name"].lower() == name.lower()), None)
    if found is not None:
        return _observed(found)
    observed = (_observed(one, owned=False) for one in listed)
    return next((one for one in observed if _does_the_same(one, desired)), None)


def _does_the_same(observed: ObservedIdentityFederation, desired: IdentityFederation) -> bool:
    wanted = (desired.issuer, desired.subject, desired.audience)
    return (observed.issuer, observed.subject, observed.audience) == wanted


def _observed(found: Mapping[str, Any], *, owned: bool = True) -> ObservedIdentityFederation:
    properties = found["properties"]
    issuer, subject, audience = properties["issuer"], properties["subject"], " ".join(properties["audiences"])
    version = f"{issuer} {subject} {audience}"
    return ObservedIdentityFederation(
        owned=owned, version=version, id=found["id"], issuer=issuer, subject=subject, audience=audience
    )


def _diff(desired: IdentityFederation, observed: ObservedIdentityFederation, _view: View) -> tuple[Change, ...]:
    return (
        *compare("issuer", observed.issuer, desired.issuer),
        *compare("subject", observed.subject, desired.subject),
        *compare("audience", observed.audience, desired.audience),
    )


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    prefix, identity = federation_prefix(scope.environment), scope.identity_id.rpartition("/")[2]
    managed = [one for one in _list(cloud, scope.identity_id) if one["name"].startswith(prefix)]
    return tuple(
        Found(name=f"{identity}.{one['name'].removeprefix(prefix)}", observed=_observed(one)) for one in managed
    )


def _create(cloud: Cloud, desired: IdentityFederation) -> None:
    properties = {
        "issuer": require_resolved(desired.issuer),
        "subject": desired.subject,
        "audiences": [desired.audience],
    }
    path = f"{_path(desired.identity_id)}/{federation_prefix(desired.environment)}{desired.name}"
    with cloud.arm.exclusive_write(desired.identity_id):
        cloud.arm.request("PUT", path, VERSION, json={"properties": properties})


def _path(identity_id: str) -> str:
    return f"{identity_id}/federatedIdentityCredentials"


def _update(cloud: Cloud, desired: IdentityFederation, _observed: ObservedIdentityFederation) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedIdentityFederation) -> None:
    with cloud.arm.exclusive_write(observed.id.rsplit("/", 2)[0]):
        cloud.arm.request("DELETE", observed.id, VERSION, missing_ok=True)


def _ready(cloud: Cloud, desired: IdentityFederation, observed: ObservedIdentityFederation | None) -> Iterator[Checked]:
    """Those of somebody else on the identity, which sign in as it, too; and whether there is room for this one."""
    prefix, listed = federation_prefix(desired.environment), _list(cloud, desired.identity_id)
    others = [(one["name"], _observed(one)) for one in listed if not one["name"].startswith(prefix)]
    yield from federation_checks(
        ((name, one.subject, one.issuer) for name, one in others if not _does_the_same(one, desired)),
        limit=f"the identity has {LIMIT} already, Azure's limit",
        reached=observed is None and len(listed) >= LIMIT,
    )


KIND: Kind[IdentityFederation, ObservedIdentityFederation] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(
        right=lambda desired: Right(
            "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write", desired.identity_id
        ),
        ready=_ready,
    ),
)
