"""Federated credentials of applications in Graph: whose tokens sign an application in.

https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localazure.app.call import Reply
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory
from localazure.graph import objects, odata
from localazure.graph.access import bad_request, not_found, require_may_read, require_may_write
from localazure.graph.routes import bind_table, graph_service, route

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.graph.routes import TableHandler

SERVICE = graph_service("graph federated", r"/applications(/[^/]+|\(.*\))/federatedIdentityCredentials(/.*|\(.*\))?")
_PROPERTIES = ("name", "issuer", "subject", "audiences", "description")
_MAX_CREDENTIALS = 20
_NAME_KEY = re.compile(r"name\s*=\s*'((?:[^']|'')*)'", re.IGNORECASE)


def _route(method: str, suffix: str = "") -> Callable[[TableHandler], TableHandler]:
    """Register a route of an application's credentials, by its id and by its key."""

    def register(handler: TableHandler) -> TableHandler:
        for key in ("/{id}", "({key})"):
            path = f"/applications{key}/federatedIdentityCredentials{suffix}"
            route(SERVICE, method, path)(bind_table(handler, directory.APPLICATIONS))
        return handler

    return register


@_route("GET")
def list_credentials(call: Call, table: str) -> Reply:
    """List the federated credentials of an object."""
    require_may_read(call)
    return Reply(body=odata.page_body(call, "federatedIdentityCredentials", _credentials_of(objects.get(call, table))))


@_route("GET", "/{credential}")
@_route("GET", "({named})")
def get_credential(call: Call, table: str) -> Reply:
    """One federated credential, by id or name."""
    require_may_read(call)
    return _credential_response(call, _require_credential(call, objects.get(call, table)))


@_route("POST")
def create_credential(call: Call, table: str) -> Reply:
    """Create a federated credential: 201. Its name is unique, and so are issuer and subject together."""
    document = objects.get(call, table)
    require_may_write(call, document)
    return _credential_response(call, _create_credential(call, table, document, call.json()), 201)


def _create_credential(call: Call, table: str, document: Document, body: dict[str, Any]) -> Document:
    """Check and store a new credential of the object."""
    credential = {"id": call.tenant.clock.new_id(), **dict.fromkeys(_PROPERTIES), **_validated_properties(body)}
    for name in ("name", "issuer", "subject", "audiences"):
        if not credential[name]:
            raise bad_request(f"A value is required for property '{name}' of resource 'FederatedIdentityCredential'.")
    _refuse_duplicate_or_too_many(credential, _credentials_of(document))
    _store_credentials(call, table, document, [*_credentials_of(document), credential])
    return credential


@_route("PATCH", "/{credential}")
@_route("PATCH", "({named})")
def update_or_create_credential(call: Call, table: str) -> Reply:
    """Update a federated credential: 204. Its name cannot change.

    By name and with `Prefer: create-if-missing`, a credential that does not exist is created: 201.
    https://learn.microsoft.com/graph/api/federatedidentitycredential-upsert
    """
    document = objects.get(call, table)
    require_may_write(call, document)
    is_missing = "named" in call.params and not any(
        _has_id_or_name(credential, _credential_id_or_name(call)) for credential in _credentials_of(document)
    )
    if is_missing and objects.prefers(call, "create-if-missing"):
        return _credential_response(
            call, _create_credential(call, table, document, call.json() | {"name": _credential_id_or_name(call)}), 201
        )
    old, changes = _require_credential(call, document), _validated_properties(call.json())
    if changes.get("name", old["name"]) != old["name"]:
        raise bad_request("The property 'name' of a federated identity credential cannot be changed.")
    others = [credential for credential in _credentials_of(document) if credential["id"] != old["id"]]
    _refuse_duplicate_or_too_many(old | changes, others)
    _store_credentials(call, table, document, [*others, old | changes])
    return Reply(status=204)


@_route("DELETE", "/{credential}")
@_route("DELETE", "({named})")
def delete_credential(call: Call, table: str) -> Reply:
    """Delete a federated credential: 204."""
    document = objects.get(call, table)
    require_may_write(call, document)
    old = _require_credential(call, document)
    _store_credentials(
        call, table, document, [credential for credential in _credentials_of(document) if credential["id"] != old["id"]]
    )
    return Reply(status=204)


def _credentials_of(document: Document) -> list[Document]:
    """The federated credentials of an object."""
    return list(document.get(directory.TRUSTED, ()))


def _require_credential(call: Call, document: Document) -> Document:
    """The credential that the path names; 404 otherwise."""
    for credential in _credentials_of(document):
        if _has_id_or_name(credential, _credential_id_or_name(call)):
            return credential
    raise not_found(_credential_id_or_name(call))


def _has_id_or_name(credential: Document, id_or_name: str) -> bool:
    """Whether the credential has this id or name."""
    return id_or_name.lower() in {credential["id"], str(credential["name"]).lower()}


def _credential_id_or_name(call: Call) -> str:
    """The id or name in `/{credential}`, or the name in `(name='…')`."""
    if "credential" in call.params:
        return call.params["credential"]
    match = _NAME_KEY.fullmatch(call.params["named"])
    if match is None:
        raise bad_request(f"Resource not found for the segment '({call.params['named']})'.", "BadRequest")
    return match[1].replace("''", "'")


def _validated_properties(body: dict[str, Any]) -> Document:
    """The properties of a credential in the body; 400 if one has the wrong type."""
    properties = {name: body[name] for name in _PROPERTIES if name in body}
    audiences = properties.get("audiences", [])
    if not isinstance(audiences, list) or not all(isinstance(audience, str) for audience in audiences):  # pyright: ignore[reportUnknownVariableType] - JSON
        raise bad_request("Invalid value specified for property 'audiences' of resource 'FederatedIdentityCredential'.")
    for name in set(properties) - {"audiences"}:
        if properties[name] is not None and not isinstance(properties[name], str):
            raise bad_request(
                f"Invalid value specified for property '{name}' of resource 'FederatedIdentityCredential'."
            )
    return properties


def _refuse_duplicate_or_too_many(credential: Document, others: list[Document]) -> None:
    """400 if the object has its maximum of credentials, or another with the same name or issuer and subject."""
    if len(others) >= _MAX_CREDENTIALS:
        raise bad_request("The maximum number of federated identity credentials on an object is 20.")
    for other in others:
        if other["name"] == credential["name"]:
            raise bad_request(
                "FederatedIdentityCredential with the same name already exists.",
                "Request_MultipleObjectsWithSameKeyValue",
            )
        if (other["issuer"], other["subject"]) == (credential["issuer"], credential["subject"]):
            raise bad_request("FederatedIdentityCredential with the same issuer and subject already exists.")


def _store_credentials(call: Call, table: str, document: Document, credentials: list[Document]) -> None:
    """Store the object with these credentials."""
    call.tenant.store.put(table, document["id"], document | {directory.TRUSTED: credentials})


def _credential_response(call: Call, credential: Document, status: int = 200) -> Reply:
    """A credential as an answer, reduced to the members that $select names."""
    entity = odata.context_url(call, "federatedIdentityCredentials/$entity")
    # Recorded in azure-cli, command_modules/role/tests/latest/recordings/test_app_federated_credential.yaml.
    url = f"https://{call.host}/v2/{TENANT_ID}/federatedIdentityCredentials/{credential['id']}"
    body = {"@odata.context": entity, **odata.selected_members(call, credential)}
    return Reply(status=status, body=body, headers={"Location": url} if status == 201 else {})
