"""A user-assigned managed identity that workloads sign in as: looked up, never created.

https://learn.microsoft.com/rest/api/managedidentity/user-assigned-identities
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.kind import Checked, Kind, Preflight, Verdict
from provisioner.model import Change, Observed, Output, Published, View
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud

VERSION = api_version("Microsoft.ManagedIdentity")


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentity:
    """What the spec declares. id: full. assigned: the machines of workers have it, which nobody sees from here."""

    id: str
    assigned: bool = False


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


def _unverifiable_assignment(
    _cloud: Cloud, desired: WorkloadIdentity, observed: ObservedWorkloadIdentity | None
) -> Iterator[Checked]:
    """Which machines workers run on is their platform's to know, so it is never a finding that they have it."""
    if desired.assigned and observed is not None:
        what = "whether the machines of the workers have it assigned; a run of the probe DAG shows it (`verify`)"
        yield Checked(verdict=Verdict.UNKNOWN, what=what, remedy=f"`az vm identity assign --identities {desired.id}`")


KIND: Kind[WorkloadIdentity, ObservedWorkloadIdentity] = Kind(
    diff=_diff, publish=_publish, read=_read, preflight=Preflight(ready=_unverifiable_assignment)
)
