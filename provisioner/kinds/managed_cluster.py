"""A Kubernetes cluster (AKS) whose service accounts' tokens sign a principal in: looked up, never created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.kind import Checked, Kind, Preflight, Verdict
from provisioner.model import Change, Forces, Observed, Output, Published, View
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud

VERSION = api_version("Microsoft.ContainerService")


@dataclass(frozen=True, kw_only=True)
class ManagedCluster:
    """What the spec declares. id: full."""

    id: str


@dataclass(frozen=True, kw_only=True)
class ObservedManagedCluster(Observed):
    """What exists. issuer: as in the tokens, byte for byte; empty while it is not enabled.

    injects: whether the cluster gives pods their tokens for Entra.
    """

    issuer: str
    injects: bool


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    issuer: Output[str] = Output()


def _read(cloud: Cloud, desired: ManagedCluster) -> ObservedManagedCluster | None:
    cluster = cloud.arm.find(desired.id, VERSION)
    if cluster is None:
        return None
    properties: dict[str, Any] = cluster.get("properties") or {}
    profile: dict[str, Any] = properties.get("oidcIssuerProfile") or {}
    security: dict[str, Any] = properties.get("securityProfile") or {}
    identity: dict[str, Any] = security.get("workloadIdentity") or {}
    issuer = str(profile.get("issuerURL") or "")
    return ObservedManagedCluster(owned=False, issuer=issuer, injects=bool(identity.get("enabled")))


def _diff(desired: ManagedCluster, observed: ObservedManagedCluster, _view: View) -> tuple[Change, ...]:
    if observed.issuer:
        return ()
    enable = f"az aks update --ids {desired.id} --enable-oidc-issuer --enable-workload-identity"
    reason = f"the cluster issues no tokens for others; `{enable}` lets it"
    return (Change(field="issuer", before="none", reason=reason, forces=Forces.REFUSE),)


def _ready(_cloud: Cloud, desired: ManagedCluster, observed: ObservedManagedCluster | None) -> Iterator[Checked]:
    """Whether pods get tokens: https://learn.microsoft.com/azure/aks/workload-identity-overview."""
    if observed is not None and not observed.injects:
        what = "workload identity is not enabled on the cluster, so its pods get no tokens for Entra"
        remedy = f"`az aks update --ids {desired.id} --enable-workload-identity` enables it"
        yield Checked(verdict=Verdict.NOTE, what=what, remedy=remedy)


def _publish(observed: ObservedManagedCluster, _view: View | None) -> Outputs:
    return Outputs(issuer=observed.issuer) if observed.issuer else Outputs()


KIND: Kind[ManagedCluster, ObservedManagedCluster] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    preflight=Preflight(ready=_ready),
)
