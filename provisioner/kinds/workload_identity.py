"""A user-assigned managed identity that workloads sign in as: looked up, never created.

https://learn.microsoft.com/rest/api/managedidentity/user-assigned-identities
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.kind import Kind
from provisioner.model import Change, Observed, Output, Published, View
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud

VERSION = api_version("Microsoft.ManagedIdentity")


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentity:
    """What the spec declares. id: full."""

    id: str


@dataclass(frozen=True, kw_only=True)
class ObservedWorkloadIdentity(Observed):
    """What exists. object_id: of its service principal, which roles are assigned to."""

    client_id: str
    object_id: str


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    client_id: Output[str] = Output()
    object_id: Output[str] = Output()


def _read(cloud: Cloud, desired: WorkloadIdentity) -> ObservedWorkloadIdentity | None:
    identity = cloud.arm.find(desired.id, VERSION)
    if identity is None:
        return None
    properties: dict[str, Any] = identity["properties"]
    return ObservedWorkloadIdentity(
        owned=False, client_id=str(properties["clientId"]), object_id=str(properties["principalId"])
    )


def _diff(_desired: WorkloadIdentity, _observed: ObservedWorkloadIdentity, _view: View) -> tuple[Change, ...]:
    return ()


def _publish(observed: ObservedWorkloadIdentity, _view: View | None) -> Outputs:
    return Outputs(client_id=observed.client_id, object_id=observed.object_id)


KIND: Kind[WorkloadIdentity, ObservedWorkloadIdentity] = Kind(diff=_diff, publish=_publish, read=_read)
