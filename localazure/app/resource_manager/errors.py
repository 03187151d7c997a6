"""How Resource Manager and its providers write errors, and where they answer.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

from localazure.app.call import AzureError, Call, Reply

HOST = "management.azure.com"
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")


def render(_: Call, error: AzureError) -> Reply:
    """`{"error": {"code", "message", …}}`, as ARM and its resource providers write it."""
    body = {"error": {"code": error.code, "message": error.message, **error.details}}
    return Reply(status=error.status, body=body, headers=error.headers)
