"""Federated credentials of user-assigned identities: which tokens of other issuers sign an identity in.

https://learn.microsoft.com/rest/api/managedidentity/federated-identity-credentials
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups, resources
from localazure.app.resource_manager.services import arm_service
from localazure.entra import directory

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
TYPE = f"{IDENTITY}/federatedIdentityCredentials"
_MAX_CREDENTIALS = 20
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
def list_credentials(call: Call) -> Reply:
    """List the federated credentials of an identity."""
    credentials = resources.list_of_type(call.tenant, TYPE, _require_identity(call)["id"])
    return Reply(body={"value": [resources.response_body(credential) for credential in credentials]})


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_credential(call: Call) -> Reply:
    """One federated credential; 404 ResourceNotFound."""
    credential = resources.find(
        call.tenant, f"{_require_identity(call)['id']}/federatedIdentityCredentials/{call.params['name']}"
    )
    if credential is None:
        raise groups.resource_not_found(call, TYPE, call.params["identity"], call.params["name"])
    return Reply(body=resources.response_body(credential))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_credential(call: Call) -> Reply:
    """Create or replace a credential: 201 or 200. Issuer and subject are unique together within the identity."""
    identity, properties = _require_identity(call), _requested_properties(call)
    _refuse_concurrent_write(call, identity)
    name = call.params["name"]
    if not _NAME.fullmatch(name):
        raise _bad_request(f"The federated identity credential name '{name}' is invalid.", "InvalidResourceName")
    credential_id = f"{identity['id']}/federatedIdentityCredentials/{name}"
    existing = resources.find(call.tenant, credential_id)
    others = [
        credential for credential in resources.list_of_type(call.tenant, TYPE, identity["id"]) if credential != existing
    ]
    _refuse_duplicate_or_too_many(properties, others)
    credential = resources.put(call.tenant, {"id": credential_id, "name": name, "type": TYPE, "properties": properties})
    _copy_to_directory(call, identity)
    return Reply(status=200 if existing else 201, body=resources.response_body(credential))


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_credential(call: Call) -> Reply:
    """200, or 204 when there was none."""
    identity = _require_identity(call)
    _refuse_concurrent_write(call, identity)
    deleted = resources.delete_at_and_below(
        call.tenant, f"{identity['id']}/federatedIdentityCredentials/{call.params['name']}"
    )
    _copy_to_directory(call, identity)
    return Reply(status=200 if deleted else 204)


def _copy_to_directory(call: Call, identity: Document) -> None:
    trusted = [one["properties"] for one in resources.list_of_type(call.tenant, TYPE, identity["id"])]
    directory.set_federated_credentials(call.tenant, identity["properties"]["principalId"], trusted)


def _require_identity(call: Call) -> Document:
    """The identity that the path names; 404 ResourceNotFound."""
    return groups.require_resource(call, IDENTITY, call.params["identity"])


def _refuse_concurrent_write(call: Call, identity: Document) -> None:
    """409 if another write to a credential of the identity was under way when this one came.

    https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations says so of writes at the
    same time; the code and text are reported in github.com/Azure/bicep-registry-modules/issues/1447, and for deletes in
    github.com/hashicorp/terraform-provider-azurerm/issues/29242.
    """
    credentials = f"{identity['id']}/federatedIdentityCredentials/".lower()
    for method, path in call.beside:
        if method in {"PUT", "DELETE"} and path.lower().startswith(credentials):
            code = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
            message = (
                "Too many Federated Identity Credentials are written concurrently for the managed identity "
                f"'{identity['id']}'. Concurrent Federated Identity Credentials writes under the same managed identity "
                "are not supported."
            )
            raise AzureError(status=409, code=code, message=message)


def _requested_properties(call: Call) -> Document:
    """Issuer, subject and audiences of the body; 400 if one is missing."""
    properties = bodies.requested_properties(call.json())
    for name in ("issuer", "subject"):
        if not isinstance(properties.get(name), str) or not properties[name]:
            raise _bad_request(f"The property '{name}' of a federated identity credential is required.")
    audiences: object = properties.get("audiences")
    if not isinstance(audiences, list) or len(audiences) != 1:  # pyright: ignore[reportUnknownArgumentType] - JSON
        raise _bad_request("The property 'audiences' of a federated identity credential must have one value.")
    return {"issuer": properties["issuer"], "subject": properties["subject"], "audiences": audiences}


def _refuse_duplicate_or_too_many(properties: Document, others: list[Document]) -> None:
    """400 if the identity has its maximum of credentials; 409 if another has the same issuer and subject."""
    if len(others) >= _MAX_CREDENTIALS:
        raise _bad_request(f"Too many Federated Identity Credentials: at most {_MAX_CREDENTIALS} are allowed.")
    pairs = {(credential["properties"]["issuer"], credential["properties"]["subject"]) for credential in others}
    if (properties["issuer"], properties["subject"]) in pairs:
        message = "Issuer and subject combination already exists for this Managed Identity."
        raise AzureError(status=409, code="Conflict", message=message)


def _bad_request(message: str, code: str = "BadRequest") -> AzureError:
    return AzureError(status=400, code=code, message=message)
