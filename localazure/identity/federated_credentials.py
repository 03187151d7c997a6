"""Federated credentials of user-assigned identities: which tokens of other issuers an identity trusts.

They are kept and shown; the local Entra reaches no other issuer, so none of their tokens is taken.
https://learn.microsoft.com/rest/api/managedidentity/federated-identity-credentials
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups, resources
from localazure.app.resource_manager.services import arm_service

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
TYPE = f"{IDENTITY}/federatedIdentityCredentials"
_MOST = 20
_NAME = re.compile(r"[0-9a-z][0-9a-z_-]{2,119}", re.IGNORECASE)
SERVICE = arm_service(
    "federated credentials",
    f".*/providers/{IDENTITY}/[^/]+/federatedIdentityCredentials(/.*)?",
    ("2022-01-31-preview", "2023-01-31", "2024-11-30"),
)

_LIST = (
    "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    "/{identity}/federatedIdentityCredentials"
)
_ONE = _LIST + "/{name}"


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_federated(call: Call) -> Reply:
    """Of an identity."""
    found = resources.of_type(call.world, TYPE, _identity(call)["id"])
    return Reply(body={"value": [resources.shown(one) for one in found]})


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_federated(call: Call) -> Reply:
    """One."""
    found = resources.find(call.world, f"{_identity(call)['id']}/federatedIdentityCredentials/{call.params['name']}")
    if found is None:
        raise groups.resource_not_found(call, TYPE, call.params["identity"], call.params["name"])
    return Reply(body=resources.shown(found))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_federated(call: Call) -> Reply:
    """201 for a new one, else 200; issuer and subject together are an identity's only once."""
    identity, wanted = _identity(call), _wanted(call)
    name = call.params["name"]
    if not _NAME.fullmatch(name):
        raise _bad(f"The federated identity credential name '{name}' is invalid.", "InvalidResourceName")
    where = f"{identity['id']}/federatedIdentityCredentials/{name}"
    found = resources.find(call.world, where)
    others = [one for one in resources.of_type(call.world, TYPE, identity["id"]) if one != found]
    _check_beside(wanted, others)
    made = resources.put(call.world, {"id": where, "name": name, "type": TYPE, "properties": wanted})
    return Reply(status=200 if found else 201, body=resources.shown(made))


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_federated(call: Call) -> Reply:
    """200 or 204."""
    where = f"{_identity(call)['id']}/federatedIdentityCredentials/{call.params['name']}"
    return Reply(status=200 if resources.delete(call.world, where) else 204)


def _identity(call: Call) -> Document:
    return groups.require_resource(call, IDENTITY, call.params["identity"])


def _wanted(call: Call) -> Document:
    given = bodies.wanted_properties(call.json())
    for name in ("issuer", "subject"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise _bad(f"The property '{name}' of a federated identity credential is required.")
    audiences: object = given.get("audiences")
    if not isinstance(audiences, list) or len(audiences) != 1:  # pyright: ignore[reportUnknownArgumentType] - JSON
        raise _bad("The property 'audiences' of a federated identity credential must have one value.")
    return {"issuer": given["issuer"], "subject": given["subject"], "audiences": audiences}


def _check_beside(wanted: Document, others: list[Document]) -> None:
    if len(others) >= _MOST:
        raise _bad(f"Too many Federated Identity Credentials: at most {_MOST} are allowed.")
    pairs = {(one["properties"]["issuer"], one["properties"]["subject"]) for one in others}
    if (wanted["issuer"], wanted["subject"]) in pairs:
        message = "Issuer and subject combination already exists for this Managed Identity."
        raise AzureError(status=409, code="Conflict", message=message)


def _bad(message: str, code: str = "BadRequest") -> AzureError:
    return AzureError(status=400, code=code, message=message)
