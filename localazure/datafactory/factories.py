"""Data Factory (Microsoft.DataFactory/factories): factories, integration runtimes, linked services, Airflow's import.

https://learn.microsoft.com/rest/api/datafactory/ and azure/data-factory/rest-apis-for-airflow-integrated-runtime
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies, groups, regions, resources
from localazure.app.resource_manager.services import add_empty_lists, arm_service
from localazure.app.tenant import REGION, SEEDED_FACTORY, SUBSCRIPTION, TENANT_ID
from localazure.datafactory import airflow_import, airflow_runtimes, linked_services
from localazure.datafactory.airflow_runtimes import TYPE as RUNTIME
from localazure.entra import directory

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

FACTORY = "Microsoft.DataFactory/factories"
LINKED = airflow_import.LINKED
_ALL = "/subscriptions/{subscription}/providers/Microsoft.DataFactory/factories"
_FACTORIES = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.DataFactory/factories"
_FACTORY = _FACTORIES + "/{factory}"
_NAME = re.compile(r"(?=.{3,63}\Z)[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_CHILD_NAME = re.compile(r"(?=.{1,260}\Z)[A-Za-z0-9_][^<>*#.%&:\\+?/]*")
_KINDS = ("Airflow", "Managed", "SelfHosted")


def _seed(world: World) -> None:
    """The factory that the tenant comes with."""
    factory = _new_factory(world, SEEDED_FACTORY, {"location": REGION, "identity": {"type": "SystemAssigned"}})
    resources.put(world, factory)


SERVICE = arm_service(
    "data_factory", r".*/providers/Microsoft\.DataFactory/.*", ("2017-09-01-preview", "2018-06-01"), seed=_seed
)
add_empty_lists(SERVICE, FACTORY, "privateEndPointConnections")


@SERVICE.route("GET", _FACTORY, action=f"{FACTORY}/read")
def get_factory(call: Call) -> Reply:
    """The factory with its identity."""
    return _conditional(call, _seen(_factory(call)))


@SERVICE.route("PUT", _FACTORY, action=f"{FACTORY}/write")
def create_factory(call: Call) -> Reply:
    """200 also on create: a 201 breaks `az datafactory`."""
    groups.require_group(call)
    name, body = call.params["factory"], call.json()
    if not _NAME.fullmatch(name):
        message = f"Resource name '{name}' is invalid. It must be 3 to 63 letters, digits and single hyphens."
        raise AzureError(status=400, code="InvalidResourceName", message=message)
    key = groups.resource_id(call, FACTORY, name)
    found = resources.find(call.world, key)
    other = resources.find_by_name(call.world, FACTORY, name)
    if found is None and other is not None:
        message = f"The specified resource name '{name}' is already in use. Resource names must be globally unique."
        raise AzureError(status=409, code="DataFactoryNameInUse", message=message)
    _check_etag(call, found)
    body["location"] = regions.required_location(body)
    if found is not None:
        regions.check_location_unchanged(found, body["location"])
    made = resources.put(call.world, _new_factory(call.world, key, body, found))
    return Reply(body=_seen(made))


@SERVICE.route("PATCH", _FACTORY, action=f"{FACTORY}/write")
def update_factory(call: Call) -> Reply:
    """Tags, identity and public network access."""
    found, body = _factory(call), call.json()
    merged = {**found, **{key: body[key] for key in ("tags", "identity") if key in body}}
    merged["properties"] = {**found["properties"], **bodies.requested_properties(body)}
    return Reply(body=_seen(resources.put(call.world, _new_factory(call.world, found["id"], merged, found))))


@SERVICE.route("DELETE", _FACTORY, action=f"{FACTORY}/delete")
def delete_factory(call: Call) -> Reply:
    """With all below it and its identity."""
    groups.require_group(call)
    return _delete(call, groups.resource_id(call, FACTORY, call.params["factory"]))


@SERVICE.route("GET", _FACTORIES, action=f"{FACTORY}/read")
def list_factories(call: Call) -> Reply:
    """Of a group."""
    group = groups.require_group(call)
    return Reply(body={"value": [_seen(d) for d in resources.list_of_type(call.world, FACTORY, group["id"])]})


@SERVICE.route("GET", _ALL, action=f"{FACTORY}/read")
def list_all_factories(call: Call) -> Reply:
    """Of the subscription."""
    return Reply(body={"value": [_seen(d) for d in resources.list_of_type(call.world, FACTORY, SUBSCRIPTION)]})


@SERVICE.route("GET", _FACTORY + "/integrationruntimes", action=f"{RUNTIME}/read")
def list_runtimes(call: Call) -> Reply:
    """Of a factory."""
    found = resources.list_of_type(call.world, RUNTIME, _factory(call)["id"])
    return Reply(body={"value": [airflow_runtimes.response_body(call.world, document) for document in found]})


@SERVICE.route("GET", _FACTORY + "/integrationruntimes/{name}", action=f"{RUNTIME}/read")
def get_runtime(call: Call) -> Reply:
    """The runtime; of an Airflow runtime with all its variables, secrets among them."""
    found = _child(call, RUNTIME)
    return _conditional(call, airflow_runtimes.response_body(call.world, found))


@SERVICE.route("PUT", _FACTORY + "/integrationruntimes/{name}", action=f"{RUNTIME}/write")
def create_runtime(call: Call) -> Reply:
    """New or changed, whole, on condition of the etag; a new one begins as Initial."""
    factory, world = _parent(call, RUNTIME), call.world
    properties = bodies.requested_properties(call.json())
    kind = properties.get("type")
    if kind not in _KINDS:
        raise airflow_runtimes.bad_request(f"The type of an integration runtime must be one of {', '.join(_KINDS)}.")
    key = f"{factory['id']}/integrationruntimes/{_child_name(call)}"
    found = resources.find(world, key)
    _check_etag(call, found)
    if found is not None and found["properties"]["type"] != kind:
        raise airflow_runtimes.bad_request("The type of an existing integration runtime cannot be changed.")
    airflow = kind == "Airflow"
    values = airflow_runtimes.new_runtime(world, factory, properties, found) if airflow else {"properties": properties}
    made = _put_child(world, found["id"] if found else key, RUNTIME, values)
    return Reply(body=airflow_runtimes.response_body(world, made, state_shown="" if found else "Initial"))


@SERVICE.route("DELETE", _FACTORY + "/integrationruntimes/{name}", action=f"{RUNTIME}/delete")
def delete_runtime(call: Call) -> Reply:
    """200, or 204 when there was none."""
    return _delete(call, f"{_parent(call, RUNTIME)['id']}/integrationruntimes/{call.params['name']}")


@SERVICE.route("POST", _FACTORY + "/integrationruntimes/{name}/getStatus", action=f"{RUNTIME}/getStatus/action")
def get_runtime_status(call: Call) -> Reply:
    """Its state."""
    found, factory = _child(call, RUNTIME), _factory(call)
    kind = str(found["properties"]["type"])
    states = {"Managed": "Online", "SelfHosted": "NeedRegistration"}
    state = states.get(kind) or airflow_runtimes.state(call.world, found)
    shown: Document = {"type": kind, "dataFactoryName": factory["name"], "state": state, "typeProperties": {}}
    return Reply(body={"name": found["name"], "properties": shown})


@SERVICE.route("POST", _FACTORY + "/integrationruntimes/{name}/listAuthKeys", action=f"{RUNTIME}/listauthkeys/action")
def list_runtime_keys(call: Call) -> Reply:
    """With which a self-hosted runtime's machine registers; here no machine can."""
    found = _child(call, RUNTIME)
    if found["properties"]["type"] != "SelfHosted":
        raise airflow_runtimes.bad_request(
            "Authentication keys are available for self-hosted integration runtimes only."
        )
    return Reply(body={f"authKey{n}": f"IR@{found['etag']}@{call.params['factory']}@{n}" for n in (1, 2)})


@SERVICE.route("GET", _FACTORY + "/linkedservices", action=f"{LINKED}/read")
def list_linked_services(call: Call) -> Reply:
    """Of a factory."""
    found = resources.list_of_type(call.world, LINKED, _factory(call)["id"])
    return Reply(body={"value": [resources.response_body(document) for document in found]})


@SERVICE.route("GET", _FACTORY + "/linkedservices/{name}", action=f"{LINKED}/read")
def get_linked_service(call: Call) -> Reply:
    """The linked service without its secrets."""
    return _conditional(call, _child(call, LINKED))


@SERVICE.route("PUT", _FACTORY + "/linkedservices/{name}", action=f"{LINKED}/write")
def create_linked_service(call: Call) -> Reply:
    """New or changed, whole, on condition of the etag."""
    factory, properties = _parent(call, LINKED), bodies.requested_properties(call.json())
    if not properties.get("type"):
        raise airflow_runtimes.bad_request("The property 'type' of a linked service is required.")
    key = f"{factory['id']}/linkedservices/{_child_name(call)}"
    found = resources.find(call.world, key)
    _check_etag(call, found)
    sent = linked_services.restore_secrets(object_at(properties, "typeProperties"), found)
    credential = linked_services.encrypted_credential(str(factory["name"]), found, call.world.clock.new_id())
    shown = {**properties, "typeProperties": linked_services.mask_secrets(sent, credential)}
    values = {"properties": shown, "_type_properties": sent}
    made = _put_child(call.world, found["id"] if found else key, LINKED, values)
    return Reply(body=resources.response_body(made))


@SERVICE.route("DELETE", _FACTORY + "/linkedservices/{name}", action=f"{LINKED}/delete")
def delete_linked_service(call: Call) -> Reply:
    """200, or 204 when there was none."""
    return _delete(call, f"{_parent(call, LINKED)['id']}/linkedservices/{call.params['name']}")


@SERVICE.route("POST", _FACTORY + "/airflow/sync", action=f"{FACTORY}/airflow/sync/action")
def sync_airflow(call: Call) -> Reply:
    """Import DAGs: 202 without a body; what can be seen to fail, fails at once."""
    factory, sought = _factory(call), airflow_import.parse_request(call.json())
    runtime = resources.find(call.world, f"{factory['id']}/integrationruntimes/{sought.runtime}")
    linked = resources.find(call.world, f"{factory['id']}/linkedservices/{sought.linked_service}")
    if runtime is None or runtime["properties"]["type"] != "Airflow":
        raise _not_found(f"Airflow integration runtime '{sought.runtime}'")
    if linked is None:
        raise _not_found(f"linked service '{sought.linked_service}'")
    if airflow_runtimes.state(call.world, runtime) != "Started":
        raise airflow_runtimes.bad_request(f"The integration runtime '{sought.runtime}' is not started.")
    airflow_import.import_files(call.world, factory, runtime, linked, sought)
    return Reply(status=202)


def _new_factory(world: World, key: str, body: Document, old: Document | None = None) -> Document:
    """A factory as GET returns it; whoever asks for a system-assigned identity gets a principal, once."""
    before: Document = old["properties"] if old else {"createTime": f"{world.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"}
    wanted = object_at(body, "properties")
    identity = object_at(body, "identity") or object_at(old or {}, "identity")
    made: Document = {
        "name": key.rsplit("/", 1)[-1],
        "id": old["id"] if old else key,
        "type": FACTORY,
        "properties": {**before, **wanted, "provisioningState": "Succeeded", "version": "2018-06-01"},
        "eTag": f'"{_etag(world)}"',
        "location": body["location"],
        "tags": bodies.check_tags(body.get("tags")),
    }
    if identity:
        made["identity"] = _identity(world, made, identity, object_at(old or {}, "identity"))
    return made


def _seen(factory: Document) -> Document:
    """As the service shows it: its id has the name in lower case, as recorded of `az datafactory create`."""
    shown = resources.response_body(factory)
    above, _, name = str(shown["id"]).rpartition("/")
    return {**shown, "id": f"{above}/{name.lower()}"}


def _identity(world: World, factory: Document, wanted: Document, known: Document) -> Document:
    if "SystemAssigned" not in str(wanted.get("type", "")):
        return wanted
    if not known.get("principalId"):
        principal = directory.create_managed_identity(world, factory["name"], factory["id"])
        principal["alternativeNames"] = ["isExplicit=False", factory["id"]]
        world.store.put(directory.PRINCIPALS, principal["id"], principal)
        known = {"principalId": principal["id"]}
    return {**wanted, "principalId": known["principalId"], "tenantId": TENANT_ID}


def _forget_identity(world: World, factory: Document) -> None:
    identity: Document = factory.get("identity") or {}
    directory.delete_principal(world, str(identity.get("principalId", "")))


resources.on_delete[FACTORY.lower()] = _forget_identity


def _factory(call: Call) -> Document:
    return groups.require_resource(call, FACTORY, call.params["factory"])


def _parent(call: Call, child_type: str) -> Document:
    """The factory; ARM's 404 names it as the parent that is missing."""
    groups.require_group(call)
    key = groups.resource_id(call, FACTORY, call.params["factory"])
    found = resources.find(call.world, key)
    if found is None:
        kind = child_type.removeprefix("Microsoft.DataFactory/")
        message = (
            f"Failed to perform '{call.method.lower()}' on resource(s) of type '{kind}', because the parent resource "
            f"'{key}' could not be found."
        )
        raise AzureError(status=404, code="ParentResourceNotFound", message=message)
    return found


def _child(call: Call, child_type: str) -> Document:
    factory, kind = _parent(call, child_type), child_type.rsplit("/", 1)[-1]
    found = resources.find(call.world, f"{factory['id']}/{kind}/{call.params['name']}")
    if found is None:
        raise groups.resource_not_found(call, child_type, call.params["factory"], call.params["name"])
    return found


def _child_name(call: Call) -> str:
    name = call.params["name"]
    if not _CHILD_NAME.fullmatch(name):
        raise airflow_runtimes.bad_request(f"The name '{name}' is invalid.")
    return name


def _put_child(world: World, key: str, child_type: str, values: Document) -> Document:
    named = {"id": key, "name": key.rsplit("/", 1)[-1], "type": child_type}
    return resources.put(world, {**named, **values, "etag": _etag(world)})


def _delete(call: Call, key: str) -> Reply:
    return Reply(status=200 if resources.delete(call.world, key) else 204)


def _conditional(call: Call, found: Document) -> Reply:
    """The resource, or 304 for who has it already."""
    unwanted = call.headers.get("if-none-match", "")
    if unwanted and unwanted.strip('"') == _etag_of(found):
        return Reply(status=304)
    return Reply(body=resources.response_body(found))


def _check_etag(call: Call, found: Document | None) -> None:
    wanted = call.headers.get("if-match")
    if wanted is None or (found is not None and wanted.strip().strip('"') in {"*", _etag_of(found)}):
        return
    message = "The specified etag does not match the etag of the resource, or the resource does not exist."
    raise AzureError(status=412, code="PreconditionFailed", message=message)


def _etag_of(found: Document) -> str:
    return str(found.get("etag") or found.get("eTag", "")).strip('"')


def _etag(world: World) -> str:
    """As Cosmos DB, where the service keeps its resources, writes them."""
    text = world.clock.new_id()
    return f"{text[:8]}-0000-0d00-0000-{text[24:32]}0000"


def _not_found(what: str) -> AzureError:
    return AzureError(status=404, code="NotFound", message=f"The {what} was not found.")
