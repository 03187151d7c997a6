"""The public metadata of a cloud: its endpoints. az and terraform read it when they are pointed at a cloud.

`GET https://management.azure.com/metadata/endpoints?api-version=2022-09-01` answers one object; older versions answer
a list of clouds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.call import Reply
from localazure.app.resource_manager import errors
from localazure.app.service import Service

if TYPE_CHECKING:
    from localazure.app.call import Call

SERVICE = Service(name="metadata", hosts=(errors.HOST,), path="/metadata(/.*)?", render=errors.render)

_LOGIN = "https://login.microsoftonline.com"
_ENDPOINTS: dict[str, Any] = {
    "portal": "https://portal.azure.com",
    "authentication": {
        "loginEndpoint": _LOGIN,
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "media": "https://rest.media.azure.net",
    "graphAudience": "https://graph.windows.net/",
    "graph": "https://graph.windows.net/",
    "name": "AzureCloud",
    "suffixes": {
        "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
        "acrLoginServer": "azurecr.io",
        "sqlServerHostname": "database.windows.net",
        "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        "keyVaultDns": "vault.azure.net",
        "storage": "core.windows.net",
        "azureFrontDoorEndpointSuffix": "azurefd.net",
        "storageSyncEndpointSuffix": "afs.azure.net",
        "mhsmDns": "managedhsm.azure.net",
        "mysqlServerEndpoint": "mysql.database.azure.com",
        "postgresqlServerEndpoint": "postgres.database.azure.com",
        "mariadbServerEndpoint": "mariadb.database.azure.com",
        "synapseAnalytics": "dev.azuresynapse.net",
        "attestationEndpoint": "attest.azure.net",
    },
    "batch": "https://batch.core.windows.net/",
    "resourceManager": "https://management.azure.com/",
    "vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/main/arm-compute/quickstart-templates/aliases.json",
    "activeDirectoryDataLake": "https://datalake.azure.net/",
    "sqlManagement": "https://management.core.windows.net:8443/",
    "microsoftGraphResourceId": "https://graph.microsoft.com/",
    "appInsightsResourceId": "https://api.applicationinsights.io",
    "appInsightsTelemetryChannelResourceId": "https://dc.applicationinsights.azure.com/v2/track",
    "attestationResourceId": "https://attest.azure.net",
    "synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
    "logAnalyticsResourceId": "https://api.loganalytics.io",
    "ossrDbmsResourceId": "https://ossrdbms-aad.database.windows.net",
}
_ENDPOINTS_BEFORE_2018: dict[str, Any] = {
    "galleryEndpoint": "https://gallery.azure.com/",
    "graphEndpoint": "https://graph.windows.net/",
    "portalEndpoint": "https://portal.azure.com/",
    "authentication": {
        "loginEndpoint": f"{_LOGIN}/",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
    },
}


@SERVICE.route("GET", "/metadata/endpoints", action=None, why="public, also without a token")
def list_endpoints(call: Call) -> Reply:
    """One object since 2022-09-01, a list with one cloud since 2018-05-01, a few endpoints before."""
    version = call.query.get("api-version", "")[:10]
    if version >= "2022-09-01":
        return Reply(body=_ENDPOINTS)
    return Reply(body=[_ENDPOINTS] if version >= "2018-05-01" else _ENDPOINTS_BEFORE_2018)
