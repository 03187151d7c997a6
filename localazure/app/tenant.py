"""The one tenant of the local Azure: its fixed ids, and store, clock and whatever else outlives a call.

Every handler gets it. Needs none of the server's packages, so that `process` can read the ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from localazure.app.faults import Faults

if TYPE_CHECKING:
    from pathlib import Path

    from localazure.app.clock import Clock
    from localazure.app.program import Program
    from localazure.app.signing import Signer
    from localazure.app.store import Store

TENANT_ID = "5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01"
SUBSCRIPTION_ID = "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02"
SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION_ID}"
REGION = "westeurope"

# Resources of a new tenant: a resource group with a Flink cluster, the cluster's identity, a data factory, and a
# Kubernetes cluster.
SEEDED_GROUP = f"{SUBSCRIPTION}/resourceGroups/flink-platform"
# Azure writes the ids of identities with a small letter, whatever the call says; see identity/user_assigned.py.
SEEDED_IDENTITY = (
    f"{SUBSCRIPTION}/resourcegroups/flink-platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    "/flink-identity"
)
SEEDED_CLUSTER = f"{SEEDED_GROUP}/providers/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
SEEDED_FACTORY = f"{SEEDED_GROUP}/providers/Microsoft.DataFactory/factories/flink-factory-local"
SEEDED_AKS = f"{SEEDED_GROUP}/providers/Microsoft.ContainerService/managedClusters/aks-platform"
OPERATOR_CLIENT_ID = "9d3c1e57-5f64-4c1e-8f0a-2b7d4e6a8c03"
OPERATOR_OBJECT_ID = "c2a7f0d9-1e5b-4b8a-9c3d-7f6e5d4c3b04"


class Runtimes(Protocol):
    """The real programs behind services, as far as a handler needs them; implemented by the supervisor."""

    def find_ready(self, kind: str, resource_id: str) -> Program | None:
        """Return the program behind a resource if it is ready, else None."""
        ...

    def find_folder(self, kind: str, resource_id: str) -> Path | None:
        """Return the working folder of the program behind a resource if one was started, else None."""
        ...

    def update_running(self, tenant: Tenant) -> None:
        """Restart running programs whose spec has changed, end those that no resource needs, update their files.

        Starts no others.
        """
        ...


class NoRuntimes:
    """No real programs: every resource is emulated."""

    def find_ready(self, kind: str, resource_id: str) -> Program | None:
        """Return None."""

    def find_folder(self, kind: str, resource_id: str) -> Path | None:
        """Return None."""

    def update_running(self, tenant: Tenant) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """Everything of the tenant that outlives a call. audiences: those for which tokens are issued."""

    store: Store
    clock: Clock
    signer: Signer
    faults: Faults = field(default_factory=Faults)
    runtimes: Runtimes = field(default_factory=NoRuntimes)
    audiences: frozenset[str] = frozenset()
