"""A Flink cluster of HDInsight on AKS: looked up, never created, with the identity that reads the jar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.kind import Checked, Kind, Preflight, Verdict
from provisioner.model import Change, Forces, Observed, Output, Published, View
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud

# The last version before the service was retired: azure-mgmt-hdinsightcontainers 1.0.0b4.
VERSION = api_version("Microsoft.HDInsight")


@dataclass(frozen=True, kw_only=True)
class FlinkCluster:
    """What the spec declares. id: full."""

    id: str


@dataclass(frozen=True, kw_only=True)
class ObservedFlinkCluster(Observed):
    """What exists. identity_object_id: of its user-assigned identity; empty: none is shown.

    provisioning, status: `Succeeded` and `Running` on one that takes jobs; empty: not shown. web_url: of its own pages.
    """

    id: str
    provisioning: str
    status: str
    identity_object_id: str
    identity_resource_id: str
    web_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to; of its identity only what the cluster shows."""

    id: Output[str] = Output()
    identity_object_id: Output[str] = Output()
    identity_resource_id: Output[str] = Output()
    web_url: Output[str] = Output()


def _read(cloud: Cloud, desired: FlinkCluster) -> ObservedFlinkCluster | None:
    cluster = cloud.arm.find(desired.id, VERSION)
    if cluster is None:
        return None
    properties: dict[str, Any] = cluster.get("properties") or {}
    object_id, resource_id = _identity_object_and_resource_id(properties.get("clusterProfile") or {})
    return ObservedFlinkCluster(
        owned=False,
        id=cluster["id"],
        provisioning=str(properties.get("provisioningState") or ""),
        status=str(properties.get("status") or ""),
        identity_object_id=object_id,
        identity_resource_id=resource_id,
        web_url=_web_url(properties.get("clusterProfile") or {}),
    )


def _web_url(profile: dict[str, Any]) -> str:
    """https://learn.microsoft.com/rest/api/hdinsightonaks/clusters/get, `connectivityProfile`."""
    connectivity: dict[str, Any] = profile.get("connectivityProfile") or {}
    web: dict[str, Any] = connectivity.get("web") or {}
    return f"https://{web['fqdn']}/" if web.get("fqdn") else ""


def _identity_object_and_resource_id(cluster_profile: dict[str, Any]) -> tuple[str, str]:
    """`identityProfile`, deprecated for `managedIdentityProfile`; either may be missing.

    https://learn.microsoft.com/rest/api/hdinsightonaks/clusters/get
    """
    old: dict[str, Any] = cluster_profile.get("identityProfile") or {}
    if old.get("msiObjectId"):
        return str(old["msiObjectId"]), str(old.get("msiResourceId", ""))
    managed: dict[str, Any] = cluster_profile.get("managedIdentityProfile") or {}
    listed: list[dict[str, Any]] = managed.get("identityList") or []
    for type_ in ("cluster", "user"):
        for one in listed:
            if str(one.get("type", "")).lower() == type_ and one.get("objectId"):
                return str(one["objectId"]), str(one.get("resourceId", ""))
    return "", ""


def _diff(_desired: FlinkCluster, observed: ObservedFlinkCluster, _view: View) -> tuple[Change, ...]:
    if observed.identity_object_id:
        return ()
    reason = "the cluster has no user-assigned identity that could be granted read access to the jar; name one that has"
    return (Change(field="identity_object_id", before="none", reason=reason, forces=Forces.REFUSE),)


def _ready(_cloud: Cloud, desired: FlinkCluster, observed: ObservedFlinkCluster | None) -> Iterator[Checked]:
    """Check whether it accepts jobs: https://learn.microsoft.com/rest/api/hdinsightonaks/clusters/get."""
    if observed is None:
        return
    shown = [word for word in (observed.provisioning, observed.status) if word]
    what = f"the cluster is {' and '.join(shown)}" if shown else "the state of the cluster"
    if observed.provisioning not in ("", "Succeeded") or observed.status not in ("", "Running"):
        look = f"`az resource show --ids {desired.id} --api-version {VERSION}` shows it; bring it to Running"
        yield Checked(verdict=Verdict.STOPS, what=f"{what}, so it accepts no jobs", remedy=look)
    else:
        yield Checked(verdict=Verdict.HOLDS if shown else Verdict.UNKNOWN, what=what)


def _publish(observed: ObservedFlinkCluster, _view: View | None) -> Outputs:
    web_url = observed.web_url or None
    if not observed.identity_object_id:
        return Outputs(id=observed.id, web_url=web_url)
    return Outputs(
        id=observed.id,
        web_url=web_url,
        identity_object_id=observed.identity_object_id,
        identity_resource_id=observed.identity_resource_id,
    )


KIND: Kind[FlinkCluster, ObservedFlinkCluster] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    preflight=Preflight(ready=_ready),
)
