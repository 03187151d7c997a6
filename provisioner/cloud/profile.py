"""The endpoints of each Azure cloud. Data only; the local Azure has the real names of the public one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One cloud: hosts without a trailing slash, audiences as `.default` scopes.

    https://learn.microsoft.com/azure/developer/identity/reference/national-clouds and
    https://learn.microsoft.com/graph/deployments
    """

    name: str
    authority: str
    graph: str
    arm: str
    vault_suffix: str
    storage_suffix: str
    portal: str
    # The audience of assertions of other platforms:
    # https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust
    federation_audience: str = "api://AzureADTokenExchange"

    @property
    def local(self) -> bool:
        """Whether it is the embedded local Azure."""
        return self.name == "local"

    @property
    def dfs_suffix(self) -> str:
        """Follows the account's name in the data lake's host."""
        return f"dfs.{self.storage_suffix}"

    @property
    def blob_suffix(self) -> str:
        """Follows the account's name in the blob service's host."""
        return f"blob.{self.storage_suffix}"

    @property
    def arm_scope(self) -> str:
        """Audience of the control plane."""
        return f"{self.arm}/.default"

    @property
    def graph_scope(self) -> str:
        """Audience of the directory."""
        return f"{self.graph}/.default"

    @property
    def vault_scope(self) -> str:
        """Audience of the secrets in any vault."""
        return f"https://{self.vault_suffix}/.default"

    @property
    def storage_scope(self) -> str:
        """Audience of the data in any storage account; the same in every cloud.

        https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory
        """
        return "https://storage.azure.com/.default"

    @property
    def scopes(self) -> tuple[str, ...]:
        """All audiences that an environment needs, the control plane first."""
        return (self.arm_scope, self.graph_scope, self.vault_scope, self.storage_scope)


PUBLIC = Profile(
    name="public",
    authority="https://login.microsoftonline.com",
    graph="https://graph.microsoft.com",
    arm="https://management.azure.com",
    vault_suffix="vault.azure.net",
    storage_suffix="core.windows.net",
    portal="https://portal.azure.com",
)
LOCAL = Profile(
    name="local",
    authority=PUBLIC.authority,
    graph=PUBLIC.graph,
    arm=PUBLIC.arm,
    vault_suffix=PUBLIC.vault_suffix,
    storage_suffix=PUBLIC.storage_suffix,
    portal=PUBLIC.portal,
)
USGOVERNMENT = Profile(
    name="usgovernment",
    authority="https://login.microsoftonline.us",
    graph="https://graph.microsoft.us",
    arm="https://management.usgovcloudapi.net",
    vault_suffix="vault.usgovcloudapi.net",
    storage_suffix="core.usgovcloudapi.net",
    portal="https://portal.azure.us",
    federation_audience="api://AzureADTokenExchangeUSGov",
)
CHINA = Profile(
    name="china",
    authority="https://login.chinacloudapi.cn",
    graph="https://microsoftgraph.chinacloudapi.cn",
    arm="https://management.chinacloudapi.cn",
    vault_suffix="vault.azure.cn",
    storage_suffix="core.chinacloudapi.cn",
    portal="https://portal.azure.cn",
    federation_audience="api://AzureADTokenExchangeChina",
)
PROFILES = {profile.name: profile for profile in (LOCAL, PUBLIC, USGOVERNMENT, CHINA)}
