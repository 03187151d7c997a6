"""Resource providers: which there are, and their registration in the subscription.

https://learn.microsoft.com/rest/api/resources/providers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.resource_manager import providers, regions, scopes, versions
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION
from localazure.arm.root import VERSIONS
from localazure.rbac import access

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant


SERVICE = arm_service("resource providers", "/subscriptions/[^/]+/providers(/[^/]+(/(un)?register)?)?/?", VERSIONS)
_SUBSCRIPTION = "/subscriptions/{subscription}"


@SERVICE.route("GET", _SUBSCRIPTION + "/providers", action="Microsoft.Resources/subscriptions/providers/read")
def list_providers(call: Call) -> Reply:
    """List the resource providers that the local Azure has."""
    return Reply(body={"value": [_provider(call.tenant, namespace) for namespace in providers.PROVIDERS]})


@SERVICE.route(
    "GET", _SUBSCRIPTION + "/providers/{namespace}", action="Microsoft.Resources/subscriptions/providers/read"
)
def get_provider(call: Call) -> Reply:
    """One provider with its registration state; 404 InvalidResourceNamespace."""
    return Reply(body=_provider(call.tenant, call.params["namespace"]))


@SERVICE.route(
    "POST", _SUBSCRIPTION + "/providers/{namespace}/register", action=None, why="the action has the provider's name"
)
def register_provider(call: Call) -> Reply:
    """Register a provider in the subscription; 200 with the provider."""
    namespace = call.params["namespace"]
    access.require(call, f"{namespace}/register/action", scopes.require_authorization_scope(call))
    providers.register(call.tenant, namespace)
    return Reply(body=_provider(call.tenant, namespace))


@SERVICE.route(
    "POST", _SUBSCRIPTION + "/providers/{namespace}/unregister", action=None, why="the action has the provider's name"
)
def unregister_provider(call: Call) -> Reply:
    """Unregister a provider; 200. Its resources stay, and no new ones can be created."""
    namespace = call.params["namespace"]
    access.require(call, f"{namespace}/unregister/action", scopes.require_authorization_scope(call))
    providers.unregister(call.tenant, namespace)
    return Reply(body=_provider(call.tenant, namespace))


def _provider(tenant: Tenant, namespace: str) -> Document:
    """One provider with its resource types and its registration state in the subscription; 404 if unknown."""
    provider = providers.require_canonical_namespace(namespace)
    types = [
        {
            "resourceType": resource_type,
            "locations": list(regions.REGIONS.values()),
            "apiVersions": [version for version in dates if versions.is_offered(tenant, provider, version)],
            "capabilities": "None",
        }
        for resource_type, dates in providers.PROVIDERS[provider].items()
    ]
    return {
        "id": f"{SUBSCRIPTION}/providers/{provider}",
        "namespace": provider,
        "resourceTypes": types,
        "registrationState": providers.registration_state(tenant, provider),
        "registrationPolicy": "RegistrationFree" if provider in providers.REGISTRATION_FREE else "RegistrationRequired",
    }
