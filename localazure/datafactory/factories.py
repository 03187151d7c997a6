"""Data Factory (Microsoft.DataFactory/factories): factories, linked services, the import of DAGs into Airflow.

https://learn.microsoft.com/rest/api/datafactory/ and azure/data-factory/rest-apis-for-airflow-integrated-runtime
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies, groups, regions, resources
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import REGION, SEEDED_FACTORY, SUBSCRIPTION
from localazure.datafactory import airflow_import, airflow_runtimes, linked_services
from localazure.entra import directory

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

FACTORY = "Microsoft.DataFactory/factories"
LINKED_SERVICE = airflow_import.LINKED_SERVICE
_ALL = "/subscriptions/{subscription}/providers/Microsoft.DataFactory/factories"
_FACTORIES = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.DataFactory/factories"
_FACTORY = _FACTORIES + "/{factory}"
NAME = re.compile(r"(?=.{3,63}\Z)[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_CHILD_NAME = re.compile(r"(?=.{1,260}\Z)[A-Za-z0-9_][^<>*#.%&:\\+?/]*")


def _seed(tenant: Tenant) -> None:
    """Store the factory of a new tenant."""
    factory = _factory_after_write(tenant, SEEDED_FACTORY, {"location": REGION, "identity": {"type": "SystemAssigned"}})
    resources.put(tenant, factory)


SERVICE = arm_service(
    "data_factory", r".*/providers/Microsoft\.DataFactory/.*", ("2017-09-01-preview", "2018-06-01"), seed=_seed
)


@SERVICE.route("GET", _FACTORY, action=f"{FACTORY}/read")
def get_factory(call: Call) -> Reply:
    """Show a factory with its identity."""
    return resource_or_not_modified(call, _response_body(require_factory(call)))


@SERVICE.route("PUT", _FACTORY, action=f"{FACTORY}/write")
def set_factory(call: Call) -> Reply:
    """Create a factory, or update one: what the body lacks of properties and identity stays, tags are replaced.

    Always answers 200, since a 201 breaks `az datafactory`.
    """
    groups.require_usable_group(call)
    name, body = call.params["factory"], call.json()
    if not NAME.fullmatch(name):
        message = f"Resource name '{name}' is invalid. It must be 3 to 63 letters, digits and single hyphens."
        raise AzureError(status=400, code="InvalidResourceName", message=message)
    key = groups.resource_id(call, FACTORY, name)
    existing = resources.find(call.tenant, key)
    other = resources.find_by_name(call.tenant, FACTORY, name)
    if existing is None and other is not None:
        message = f"The specified resource name '{name}' is already in use. Resource names must be globally unique."
        raise AzureError(status=409, code="DataFactoryNameInUse", message=message)
    check_etag(call, existing)
    body["location"] = regions.require_location(body)
    if existing is not None:
        regions.refuse_location_change(existing, body["location"])
    factory = resources.put(call.tenant, _factory_after_write(call.tenant, key, body, existing))
    return Reply(body=_response_body(factory))


@SERVICE.route("PATCH", _FACTORY, action=f"{FACTORY}/write")
def update_factory(call: Call) -> Reply:
    """Update tags, identity and public network access."""
    factory, body = require_factory(call), call.json()
    merged = {**factory, **{key: body[key] for key in ("tags", "identity") if key in body}}
    merged["properties"] = {**factory["properties"], **bodies.requested_properties(body)}
    updated = _factory_after_write(call.tenant, factory["id"], merged, factory)
    return Reply(body=_response_body(resources.put(call.tenant, updated)))


@SERVICE.route("DELETE", _FACTORY, action=f"{FACTORY}/delete")
def delete_factory(call: Call) -> Reply:
    """Delete a factory with its contents and its identity."""
    groups.require_usable_group(call)
    return delete_resource(call, groups.resource_id(call, FACTORY, call.params["factory"]))


@SERVICE.route("GET", _FACTORIES, action=f"{FACTORY}/read")
def list_factories(call: Call) -> Reply:
    """List the factories of a resource group."""
    group = groups.require_usable_group(call)
    return Reply(body={"value": [_response_body(d) for d in resources.list_of_type(call.tenant, FACTORY, group["id"])]})


@SERVICE.route("GET", _ALL, action=f"{FACTORY}/read")
def list_all_factories(call: Call) -> Reply:
    """List the factories of the subscription."""
    return Reply(
        body={"value": [_response_body(d) for d in resources.list_of_type(call.tenant, FACTORY, SUBSCRIPTION)]}
    )


@SERVICE.route("GET", _FACTORY + "/linkedservices", action=f"{LINKED_SERVICE}/read")
def list_linked_services(call: Call) -> Reply:
    """List the linked services of a factory."""
    documents = resources.list_of_type(call.tenant, LINKED_SERVICE, require_factory(call)["id"])
    return Reply(body={"value": [resources.response_body(document) for document in documents]})


@SERVICE.route("GET", _FACTORY + "/linkedservices/{name}", action=f"{LINKED_SERVICE}/read")
def get_linked_service(call: Call) -> Reply:
    """Show a linked service without its secrets."""
    return resource_or_not_modified(call, require_child(call, LINKED_SERVICE))


@SERVICE.route("PUT", _FACTORY + "/linkedservices/{name}", action=f"{LINKED_SERVICE}/write")
def set_linked_service(call: Call) -> Reply:
    """Create or replace a linked service, if If-Match allows it."""
    factory, properties = require_parent(call, LINKED_SERVICE), bodies.requested_properties(call.json())
    if not properties.get("type"):
        raise airflow_runtimes.bad_request("The property 'type' of a linked service is required.")
    key = f"{factory['id']}/linkedservices/{_valid_child_name(call)}"
    existing = resources.find(call.tenant, key)
    check_etag(call, existing)
    type_properties = linked_services.restore_secrets(object_at(properties, "typeProperties"), existing)
    credential = linked_services.encrypted_credential(str(factory["name"]), existing, call.tenant.clock.new_id())
    masked = {**properties, "typeProperties": linked_services.mask_secrets(type_properties, credential)}
    values = {"properties": masked, "_type_properties": type_properties}
    stored = put_child(call.tenant, existing["id"] if existing else key, LINKED_SERVICE, values)
    return Reply(body=resources.response_body(stored))


@SERVICE.route("DELETE", _FACTORY + "/linkedservices/{name}", action=f"{LINKED_SERVICE}/delete")
def delete_linked_service(call: Call) -> Reply:
    """Delete a linked service: 200, or 204 if there is none."""
    return delete_resource(call, f"{require_parent(call, LINKED_SERVICE)['id']}/linkedservices/{call.params['name']}")


@SERVICE.route("POST", _FACTORY + "/airflow/sync", action=f"{FACTORY}/airflow/sync/action")
def sync_airflow(call: Call) -> Reply:
    """Import DAGs into a runtime: 202 without a body, or the error at once, since the import is synchronous here.

    The service imports later, so it may fail after the 202; a setting for tests lets that happen.
    """
    factory, request = require_factory(call), airflow_import.parse_request(call.json())
    runtime = resources.find(call.tenant, f"{factory['id']}/integrationruntimes/{request.runtime}")
    linked = resources.find(call.tenant, f"{factory['id']}/linkedservices/{request.linked_service}")
    if runtime is None or runtime["properties"]["type"] != "Airflow":
        raise _not_found(f"Airflow integration runtime '{request.runtime}'")
    if linked is None:
        raise _not_found(f"linked service '{request.linked_service}'")
    if airflow_runtimes.state(call.tenant, runtime) != "Started":
        raise airflow_runtimes.bad_request(f"The integration runtime '{request.runtime}' is not started.")
    if not airflow_runtimes.settings_for_tests(call.tenant)["imports_fail"]:
        airflow_import.import_files(call.tenant, factory, runtime, linked, request)
    return Reply(status=202)


def _factory_after_write(tenant: Tenant, factory_id: str, body: Document, old: Document | None = None) -> Document:
    """Return the document of a factory that a write creates or replaces.

    If the body asks for a system-assigned identity, a principal is created, unless the factory has one.
    """
    before: Document = old["properties"] if old else {"createTime": f"{tenant.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"}
    requested = object_at(body, "properties")
    identity = object_at(body, "identity") or object_at(old or {}, "identity")
    factory: Document = {
        "name": factory_id.rsplit("/", 1)[-1],
        "id": old["id"] if old else factory_id,
        "type": FACTORY,
        "properties": {
            "encryption": {},
            **before,
            **requested,
            "provisioningState": "Succeeded",
            "version": "2018-06-01",
        },
        "eTag": f'"{_new_etag(tenant)}"',
        "location": body["location"],
        "tags": bodies.validated_tags(body.get("tags")),
    }
    if identity:
        factory["identity"] = directory.sync_system_identity(
            tenant, factory, identity, object_at(old or {}, "identity")
        )
    return factory


def _response_body(factory: Document) -> Document:
    """Return a factory as the service shows it: its id ends with the name in lower case.

    Recorded with `az datafactory create`.
    """
    body = resources.response_body(factory)
    parent, _, name = str(body["id"]).rpartition("/")
    return {**body, "id": f"{parent}/{name.lower()}"}


def _delete_identity(tenant: Tenant, factory: Document) -> None:
    identity: Document = factory.get("identity") or {}
    directory.delete_principal(tenant, str(identity.get("principalId", "")))


resources.on_delete[FACTORY.lower()] = _delete_identity


def require_factory(call: Call) -> Document:
    """Return the call's factory. Raises ARM's 404."""
    return groups.require_resource(call, FACTORY, call.params["factory"])


def require_parent(call: Call, child_type: str) -> Document:
    """Return the call's factory. Raises ARM's 404 ParentResourceNotFound."""
    groups.require_usable_group(call)
    key = groups.resource_id(call, FACTORY, call.params["factory"])
    factory = resources.find(call.tenant, key)
    if factory is None:
        kind = child_type.removeprefix("Microsoft.DataFactory/")
        message = (
            f"Failed to perform '{call.method.lower()}' on resource(s) of type '{kind}', because the parent resource "
            f"'{key}' could not be found."
        )
        raise AzureError(status=404, code="ParentResourceNotFound", message=message)
    return factory


def require_child(call: Call, child_type: str) -> Document:
    """Return the resource in a factory that the path names. Raises ARM's 404."""
    factory, kind = require_parent(call, child_type), child_type.rsplit("/", 1)[-1]
    child = resources.find(call.tenant, f"{factory['id']}/{kind}/{call.params['name']}")
    if child is None:
        raise groups.resource_not_found(call, child_type, call.params["factory"], call.params["name"])
    return child


def _valid_child_name(call: Call) -> str:
    name = call.params["name"]
    if not _CHILD_NAME.fullmatch(name):
        raise airflow_runtimes.bad_request(f"The name '{name}' is invalid.")
    return name


def put_child(tenant: Tenant, child_id: str, child_type: str, values: Document) -> Document:
    """Store a resource of a factory under a new etag. Returns it."""
    identity = {"id": child_id, "name": child_id.rsplit("/", 1)[-1], "type": child_type}
    return resources.put(tenant, {**identity, **values, "etag": _new_etag(tenant)})


def delete_resource(call: Call, resource_id: str) -> Reply:
    """Delete a factory or a resource of one: 200, or 204 if there is none."""
    return Reply(status=200 if resources.delete_at_and_below(call.tenant, resource_id) else 204)


def resource_or_not_modified(call: Call, document: Document) -> Reply:
    """Return the resource, or 304 if the call's If-None-Match has its etag."""
    known_etag = call.headers.get("if-none-match", "")
    if known_etag and known_etag.strip('"') == _etag_of(document):
        return Reply(status=304)
    return Reply(body=resources.response_body(document))


def check_etag(call: Call, document: Document | None) -> None:
    """Raise 412 unless the call's If-Match, if it has one, matches the resource's etag."""
    condition = call.headers.get("if-match")
    if condition is None or (document is not None and condition.strip().strip('"') in {"*", _etag_of(document)}):
        return
    message = "The specified etag does not match the etag of the resource, or the resource does not exist."
    raise AzureError(status=412, code="PreconditionFailed", message=message)


def _etag_of(document: Document) -> str:
    return str(document.get("etag") or document.get("eTag", "")).strip('"')


def _new_etag(tenant: Tenant) -> str:
    """Return an etag as Cosmos DB, where the service stores its resources, writes them."""
    text = tenant.clock.new_id()
    return f"{text[:8]}-0000-0d00-0000-{text[24:32]}0000"


def _not_found(what: str) -> AzureError:
    return AzureError(status=404, code="NotFound", message=f"The {what} was not found.")
