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


def forbidden(call: Call, action: str, where: str) -> AzureError:
    """403 AuthorizationFailed, word for word: clients search this sentence for the right that is missing."""
    who = call.who
    message = (
        f"The client '{who.app_id}' with object id '{who.object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{where}' or the scope is invalid. If access was recently granted, please refresh "
        "your credentials."
    )
    return AzureError(status=403, code="AuthorizationFailed", message=message)
