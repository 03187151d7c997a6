"""The host and token audiences of Resource Manager, and the shape of its errors.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

from localazure.app.call import AzureError, Call, Reply

HOST = "management.azure.com"
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")


def render(_: Call, error: AzureError) -> Reply:
    """Render an error as ARM and its resource providers do: `{"error": {"code", "message", …}}`."""
    body = {"error": {"code": error.code, "message": error.message, **error.details}}
    return Reply(status=error.status, body=body, headers=error.headers)
