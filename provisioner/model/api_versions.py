"""The api-version of Resource Manager for each provider: one table, for public, government and China.

Read and written with the same version, whatever an SDK would choose, so that what is read is what was tested. A cloud
may not list it: no document says which version is in which cloud, `az provider show --namespace NAMESPACE` does, and so
does the refusal, from which `cloud.transport.arm` takes the newest listed one. So no call is spent on asking first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ApiVersion:
    """version: asked for first, in every cloud. source: its page. note: what ends, or what another one would change."""

    version: str
    source: str
    note: str = ""


API_VERSIONS = {
    "Microsoft.Authorization": ApiVersion(
        version="2022-04-01", source="https://learn.microsoft.com/rest/api/authorization/role-assignments"
    ),
    "Microsoft.ContainerService": ApiVersion(
        version="2025-10-01", source="https://learn.microsoft.com/rest/api/aks/managed-clusters"
    ),
    "Microsoft.DataFactory": ApiVersion(
        version="2018-06-01",
        source="https://learn.microsoft.com/azure/data-factory/rest-apis-for-airflow-integrated-runtime",
    ),
    "Microsoft.HDInsight": ApiVersion(
        version="2024-05-01-preview",
        source="https://learn.microsoft.com/python/api/overview/azure/mgmt-hdinsightcontainers-readme",
        note="the service was retired on 31 January 2025",
    ),
    "Microsoft.KeyVault": ApiVersion(
        version="2026-02-01",
        source="https://learn.microsoft.com/azure/key-vault/general/access-control-default",
        note="all earlier ones retire on 27 February 2027; from this one on, a new vault uses Azure RBAC by default",
    ),
    "Microsoft.ManagedIdentity": ApiVersion(
        version="2024-11-30",
        source="https://learn.microsoft.com/rest/api/managedidentity/federated-identity-credentials",
    ),
    "Microsoft.PolicyInsights": ApiVersion(
        version="2023-03-01",
        source="https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions",
        note="earlier ones do not say which effect a policy has",
    ),
    "Microsoft.Resources": ApiVersion(
        version="2021-04-01", source="https://learn.microsoft.com/rest/api/resources/resource-groups"
    ),
    "Microsoft.Storage": ApiVersion(
        version="2023-05-01", source="https://learn.microsoft.com/rest/api/storagerp/storage-accounts"
    ),
}


def api_version(namespace: str) -> str:
    """The version to ask first for resources of a provider."""
    return API_VERSIONS[namespace].version
