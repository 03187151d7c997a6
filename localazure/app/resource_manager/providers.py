"""The resource providers of the subscription, and whether they are registered.

https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from localazure.app.tenant import Tenant

PROVIDERS: dict[str, dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "providers.json").read_text(encoding="utf-8")
)
# Always registered; they cannot be unregistered.
REGISTRATION_FREE = frozenset({"Microsoft.Authorization", "Microsoft.Resources"})
REGISTERED, UNREGISTERED = "Registered", "NotRegistered"
_STATES = "provider_states"


def require_canonical_namespace(namespace: str) -> str:
    """Return a provider namespace in Azure's spelling. Raises 404 InvalidResourceNamespace if there is none."""
    canonical = next((name for name in PROVIDERS if name.lower() == namespace.lower()), None)
    if canonical is None:
        message = f"The resource namespace '{namespace}' is invalid."
        raise AzureError(status=404, code="InvalidResourceNamespace", message=message)
    return canonical


def registration_state(tenant: Tenant, namespace: str) -> str:
    """Return Registered or NotRegistered; in a new tenant all providers are registered.

    Raises 404 for an unknown namespace.
    """
    document = tenant.store.get(_STATES, require_canonical_namespace(namespace).lower())
    return str(document["state"]) if document else REGISTERED


def register(tenant: Tenant, namespace: str) -> None:
    """Register a provider; takes effect at once, where Azure takes minutes. Raises 404 for an unknown namespace."""
    tenant.store.put(_STATES, require_canonical_namespace(namespace).lower(), {"state": REGISTERED})


def unregister(tenant: Tenant, namespace: str) -> None:
    """Unregister a provider. Raises 409 for one that is always registered. Raises 404 for an unknown namespace."""
    name = require_canonical_namespace(namespace)
    if name in REGISTRATION_FREE:
        message = f"The resource provider '{name}' cannot be unregistered."
        raise AzureError(status=409, code="CannotUnregisterRegistrationFreeResourceProvider", message=message)
    tenant.store.put(_STATES, name.lower(), {"state": UNREGISTERED})


def require_registration(tenant: Tenant, path: str) -> None:
    """Raise 409 MissingSubscriptionRegistration if the provider of a resource's path is not registered.

    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
    """
    lowered = path.lower()
    if "/providers/" not in lowered:
        return
    name = path[lowered.rindex("/providers/") :].split("/")[2]
    if not any(known.lower() == name.lower() for known in PROVIDERS) or registration_state(tenant, name) == REGISTERED:
        return
    namespace = require_canonical_namespace(name)
    message = (
        f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how "
        "to register subscriptions."
    )
    code = "MissingSubscriptionRegistration"
    detail = {"code": code, "target": namespace, "message": message}
    raise AzureError(status=409, code=code, message=message, details={"details": [detail]})
