"""A data factory: looked up, never created, with the identity that reads the DAG's container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.kind import Kind
from provisioner.model import Change, Forces, Observed, Output, Published, View
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud

VERSION = api_version("Microsoft.DataFactory")


@dataclass(frozen=True, kw_only=True)
class DataFactory:
    """What the spec declares. id: full."""

    id: str


@dataclass(frozen=True, kw_only=True)
class ObservedDataFactory(Observed):
    """What exists. principal_id: of its system-assigned identity; empty: it has none."""

    id: str
    principal_id: str
    location: str


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to; a factory without an identity has no `principal_id`."""

    id: Output[str] = Output()
    location: Output[str] = Output()
    principal_id: Output[str] = Output()


def _read(cloud: Cloud, desired: DataFactory) -> ObservedDataFactory | None:
    factory = cloud.arm.find(desired.id, VERSION)
    if factory is None:
        return None
    identity: dict[str, Any] = factory.get("identity") or {}
    return ObservedDataFactory(
        owned=False, id=factory["id"], principal_id=str(identity.get("principalId") or ""), location=factory["location"]
    )


def _diff(_desired: DataFactory, observed: ObservedDataFactory, _view: View) -> tuple[Change, ...]:
    if observed.principal_id:
        return ()
    # https://learn.microsoft.com/azure/data-factory/data-factory-service-identity
    reason = (
        "the factory has no system-assigned identity, so its linked service could not read the DAG; give it one: "
        f"az resource update --ids {observed.id} --set identity.type=SystemAssigned"
    )
    return (Change(field="principal_id", before="none", reason=reason, forces=Forces.REFUSE),)


def _publish(observed: ObservedDataFactory, _view: View | None) -> Outputs:
    return Outputs(id=observed.id, location=observed.location, principal_id=observed.principal_id or None)


KIND: Kind[DataFactory, ObservedDataFactory] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
)
