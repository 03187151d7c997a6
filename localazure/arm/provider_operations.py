"""What actions providers have: `/providers/X/operations`, and all of them as `az provider operation` asks.

Every authenticated caller may ask. https://learn.microsoft.com/rest/api/authorization/provider-operations-metadata
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager.providers import PROVIDERS
from localazure.app.resource_manager.services import arm_service

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_WHY = "public to the tenant"
_VERBS = {"read": "Get", "write": "Create or Update", "delete": "Delete"}
SERVICE = arm_service(
    "operations",
    "/providers/(Microsoft.Authorization/providerOperations(/[^/]+)?|[^/]+/operations)",
    ("2015-07-01", "2018-01-01-preview", "2022-04-01"),
)


@SERVICE.route("GET", "/providers/Microsoft.Authorization/providerOperations", action=None, why=_WHY)
def list_provider_operations(_: Call) -> Reply:
    """Of every provider."""
    return Reply(body={"value": [_metadata(namespace) for namespace in PROVIDERS]})


@SERVICE.route("GET", "/providers/Microsoft.Authorization/providerOperations/{namespace}", action=None, why=_WHY)
def get_provider_operations(call: Call) -> Reply:
    """Of one provider."""
    return Reply(body=_metadata(_known(call.params["namespace"])))


@SERVICE.route("GET", "/providers/{namespace}/operations", action=None, why=_WHY)
def list_operations(call: Call) -> Reply:
    """The list that each provider keeps itself."""
    namespace = _known(call.params["namespace"])
    return Reply(body={"value": [_operation(namespace, kind, verb) for kind in _types(namespace) for verb in _VERBS]})


def _known(namespace: str) -> str:
    found = next((known for known in PROVIDERS if known.lower() == namespace.lower()), "")
    if not found:
        message = f"The resource namespace '{namespace}' is invalid."
        raise AzureError(status=404, code="InvalidResourceNamespace", message=message)
    return found


def _types(namespace: str) -> list[str]:
    """Resource types; a name check is an action, and no type."""
    return [kind for kind in PROVIDERS[namespace] if not kind.lower().startswith("check")]


def _operation(namespace: str, kind: str, verb: str) -> Document:
    display = {"provider": namespace, "resource": kind, "operation": f"{_VERBS[verb]} {kind}", "description": ""}
    return {"name": f"{namespace}/{kind}/{verb}", "isDataAction": False, "display": display, "origin": "user,system"}


def _metadata(namespace: str) -> Document:
    types = [{"name": k, "displayName": k, "operations": _listed(namespace, k)} for k in _types(namespace)]
    where = f"/providers/Microsoft.Authorization/providerOperations/{namespace}"
    kind = "Microsoft.Authorization/providerOperations"
    named = {"id": where, "name": namespace, "type": kind, "displayName": namespace}
    return {**named, "resourceTypes": types, "operations": []}


def _listed(namespace: str, kind: str) -> list[Document]:
    return [
        {
            "name": f"{namespace}/{kind}/{verb}",
            "displayName": f"{text} {kind}",
            "description": "",
            "isDataAction": False,
        }
        for verb, text in _VERBS.items()
    ]
