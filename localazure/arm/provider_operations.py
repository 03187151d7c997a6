"""The actions that resource providers have: `/providers/X/operations`, and what `az provider operation` reads.

Every authenticated caller may read them.
https://learn.microsoft.com/rest/api/authorization/provider-operations-metadata
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
    """List the operations of every resource provider, grouped by resource type."""
    return Reply(body={"value": [_provider_metadata(namespace) for namespace in PROVIDERS]})


@SERVICE.route("GET", "/providers/Microsoft.Authorization/providerOperations/{namespace}", action=None, why=_WHY)
def get_provider_operations(call: Call) -> Reply:
    """The operations of one resource provider, grouped by resource type; 404 for an unknown namespace."""
    return Reply(body=_provider_metadata(_require_namespace(call.params["namespace"])))


@SERVICE.route("GET", "/providers/{namespace}/operations", action=None, why=_WHY)
def list_operations(call: Call) -> Reply:
    """List the operations of one resource provider, as the provider itself answers: not grouped."""
    namespace = _require_namespace(call.params["namespace"])
    return Reply(
        body={
            "value": [
                _operation(namespace, resource_type, verb)
                for resource_type in _resource_types(namespace)
                for verb in _VERBS
            ]
        }
    )


def _require_namespace(name: str) -> str:
    """The namespace as its provider spells it; names compare without case. 404 InvalidResourceNamespace."""
    namespace = next((namespace for namespace in PROVIDERS if namespace.lower() == name.lower()), "")
    if not namespace:
        message = f"The resource namespace '{name}' is invalid."
        raise AzureError(status=404, code="InvalidResourceNamespace", message=message)
    return namespace


def _resource_types(namespace: str) -> list[str]:
    """The resource types of a provider. A name check is an action and has no resource type."""
    return [resource_type for resource_type in PROVIDERS[namespace] if not resource_type.lower().startswith("check")]


def _operation(namespace: str, resource_type: str, verb: str) -> Document:
    """One operation, such as `Microsoft.Storage/storageAccounts/read`, as the provider itself lists it."""
    display = {
        "provider": namespace,
        "resource": resource_type,
        "operation": f"{_VERBS[verb]} {resource_type}",
        "description": "",
    }
    return {
        "name": f"{namespace}/{resource_type}/{verb}",
        "isDataAction": False,
        "display": display,
        "origin": "user,system",
    }


def _provider_metadata(namespace: str) -> Document:
    """One provider with the operations of each of its resource types."""
    types = [
        {
            "name": resource_type,
            "displayName": resource_type,
            "operations": _operations_of_type(namespace, resource_type),
        }
        for resource_type in _resource_types(namespace)
    ]
    provider_id = f"/providers/Microsoft.Authorization/providerOperations/{namespace}"
    metadata_type = "Microsoft.Authorization/providerOperations"
    identity = {"id": provider_id, "name": namespace, "type": metadata_type, "displayName": namespace}
    return {**identity, "resourceTypes": types, "operations": []}


def _operations_of_type(namespace: str, resource_type: str) -> list[Document]:
    """The operations of one resource type as the provider operations metadata lists them."""
    return [
        {
            "name": f"{namespace}/{resource_type}/{verb}",
            "displayName": f"{display_verb} {resource_type}",
            "description": "",
            "isDataAction": False,
        }
        for verb, display_verb in _VERBS.items()
    ]
