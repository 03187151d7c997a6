"""Resource providers of the subscription: which there are, and whether they are registered.

https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from localazure.app.world import World

PROVIDERS: dict[str, dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "providers.json").read_text(encoding="utf-8")
)
# They need no registration and cannot lose it.
REGISTRATION_FREE = frozenset({"Microsoft.Authorization", "Microsoft.Resources"})
REGISTERED, UNREGISTERED = "Registered", "NotRegistered"
_STATES = "provider_states"


def canonical_namespace(namespace: str) -> str:
    """The namespace as it is spelt; 404 for one that does not exist."""
    found = next((name for name in PROVIDERS if name.lower() == namespace.lower()), None)
    if found is None:
        message = f"The resource namespace '{namespace}' is invalid."
        raise AzureError(status=404, code="InvalidResourceNamespace", message=message)
    return found


def registration_state(world: World, namespace: str) -> str:
    """A tenant as new has registered all of them."""
    found = world.store.get(_STATES, canonical_namespace(namespace).lower())
    return str(found["state"]) if found else REGISTERED


def register(world: World, namespace: str) -> None:
    """At once; Azure takes minutes."""
    world.store.put(_STATES, canonical_namespace(namespace).lower(), {"state": REGISTERED})


def unregister(world: World, namespace: str) -> None:
    """409 for one that needs no registration."""
    name = canonical_namespace(namespace)
    if name in REGISTRATION_FREE:
        message = f"The resource provider '{name}' cannot be unregistered."
        raise AzureError(status=409, code="CannotUnregisterRegistrationFreeResourceProvider", message=message)
    world.store.put(_STATES, name.lower(), {"state": UNREGISTERED})


def require_registration(world: World, path: str) -> None:
    """409 MissingSubscriptionRegistration for a write to a provider that is not registered.

    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
    """
    lowered = path.lower()
    if "/providers/" not in lowered:
        return
    name = path[lowered.rindex("/providers/") :].split("/")[2]
    if not any(one.lower() == name.lower() for one in PROVIDERS) or registration_state(world, name) == REGISTERED:
        return
    namespace = canonical_namespace(name)
    message = (
        f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how "
        "to register subscriptions."
    )
    code = "MissingSubscriptionRegistration"
    detail = {"code": code, "target": namespace, "message": message}
    raise AzureError(status=409, code=code, message=message, details={"details": [detail]})
