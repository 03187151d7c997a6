"""The host and token audiences of Resource Manager, and the shape of its errors.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

from localazure.app.call import AzureError, Call, Reply

HOST = "management.azure.com"
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")


# Errors of Resource Manager itself, not of a provider behind it; its answers say so in a header. Recorded in
# Azure/azure-xplat-cli (test/recordings) and Azure/azure-service-operator (docs/hugo, ADR-2021-09).
_OF_GATEWAY = frozenset({
    *("AuthenticationFailed", "AuthorizationFailed", "ExpiredAuthenticationToken", "InvalidAuthenticationToken"),
    *("InvalidAuthenticationTokenAudience", "InvalidAuthenticationTokenTenant", "InvalidResourceNamespace"),
    *("InvalidResourceType", "ParentResourceNotFound", "ResourceGroupNotFound", "ResourceNotFound"),
    "SubscriptionNotFound",
})  # fmt: skip


def render(_: Call, error: AzureError) -> Reply:
    """Render an error as ARM and its resource providers do: `{"error": {"code", "message", …}}`."""
    body = {"error": {"code": error.code, "message": error.message, **error.details}}
    is_gateway_s = error.status in {401, 403, 404} and error.code in _OF_GATEWAY
    cause = {"x-ms-failure-cause": "gateway"} if is_gateway_s else {}
    return Reply(status=error.status, body=body, headers={**cause, **error.headers})
