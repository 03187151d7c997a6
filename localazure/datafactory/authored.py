"""Authored resources of a data factory: pipelines, datasets, triggers and the like, stored as sent and never run.

https://learn.microsoft.com/rest/api/datafactory/pipelines
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies, groups, resources
from localazure.app.resource_manager.services import arm_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.store import Document

FACTORY = "Microsoft.DataFactory/factories"
# Each kind, and the required members of its properties.
_KINDS: dict[str, tuple[str, ...]] = {
    "pipelines": (),
    "datasets": ("type", "linkedServiceName"),
    "triggers": ("type",),
    "dataflows": ("type",),
    "managedVirtualNetworks": (),
    "credentials": ("type",),
}
_NAME = re.compile(r"(?=.{1,260}\Z)[A-Za-z0-9_][^<>*#.%&:\\+?/]*")
SERVICE = arm_service(
    "data factory contents",
    rf".*/providers/Microsoft\.DataFactory/factories/[^/]+/({'|'.join(_KINDS)})(/[^/]+(/(start|stop))?)?/?",
    ("2018-06-01",),
)
_FACTORY = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"


def _list(call: Call, kind: str) -> Reply:
    documents = resources.list_of_type(call.tenant, f"{FACTORY}/{kind}", _require_factory(call)["id"])
    return Reply(body={"value": [resources.response_body(document) for document in documents]})


def _get(call: Call, kind: str) -> Reply:
    document = resources.find(call.tenant, _resource_id(call, kind))
    if document is None:
        raise groups.resource_not_found(call, f"{FACTORY}/{kind}", call.params["factory"], call.params["name"])
    known_etag = call.headers.get("if-none-match", "").strip('"')
    if known_etag == document["etag"]:
        return Reply(status=304)
    return Reply(body=resources.response_body(document))


def _put(call: Call, kind: str) -> Reply:
    key, name = _resource_id(call, kind), call.params["name"]
    if not _NAME.fullmatch(name):
        raise AzureError(status=400, code="BadRequest", message=f"The name '{name}' is invalid.")
    body = call.json()
    if body.get("properties") is None:
        raise AzureError(status=400, code="BadRequest", message="The property 'properties' is required.")
    properties = bodies.requested_properties(body)
    for member in _KINDS[kind]:
        if not properties.get(member):
            raise AzureError(status=400, code="BadRequest", message=f"The property '{member}' is required.")
    _check_etag(call, resources.find(call.tenant, key))
    if kind == "triggers":
        before = object_at(resources.find(call.tenant, key) or {}, "properties")
        properties = {**properties, "runtimeState": before.get("runtimeState", "Stopped")}
    document: Document = {"id": key, "name": name, "type": f"{FACTORY}/{kind}", "properties": properties}
    stored = resources.put(call.tenant, {**document, "etag": _new_etag(call)})
    return Reply(body=resources.response_body(stored))


def _delete(call: Call, kind: str) -> Reply:
    return Reply(status=200 if resources.delete_at_and_below(call.tenant, _resource_id(call, kind)) else 204)


def _start_or_stop_trigger(call: Call, verb: str) -> Reply:
    """Start or stop a trigger, which Terraform does after each change; it triggers nothing here. Recorded with az."""
    trigger = resources.find(call.tenant, _resource_id(call, "triggers"))
    if trigger is None:
        raise groups.resource_not_found(call, f"{FACTORY}/triggers", call.params["factory"], call.params["name"])
    trigger["properties"]["runtimeState"] = {"start": "Started", "stop": "Stopped"}[verb]
    resources.put(call.tenant, trigger)
    return Reply()


def _bind(handler: Callable[[Call, str], Reply], kind: str) -> Handler:
    return lambda call: handler(call, kind)


for _kind in _KINDS:
    _type = f"{FACTORY}/{_kind}"
    SERVICE.route("GET", f"{_FACTORY}/{_kind}", action=f"{_type}/read")(_bind(_list, _kind))
    SERVICE.route("GET", f"{_FACTORY}/{_kind}/{{name}}", action=f"{_type}/read")(_bind(_get, _kind))
    SERVICE.route("PUT", f"{_FACTORY}/{_kind}/{{name}}", action=f"{_type}/write")(_bind(_put, _kind))
    SERVICE.route("DELETE", f"{_FACTORY}/{_kind}/{{name}}", action=f"{_type}/delete")(_bind(_delete, _kind))

for _verb in ("start", "stop"):
    _action = f"{FACTORY}/triggers/{_verb}/action"
    SERVICE.route("POST", f"{_FACTORY}/triggers/{{name}}/{_verb}", action=_action)(_bind(_start_or_stop_trigger, _verb))


def _require_factory(call: Call) -> Document:
    return groups.require_resource(call, FACTORY, call.params["factory"])


def _resource_id(call: Call, kind: str) -> str:
    """Return the id of the resource in the path. Raises 404 without the factory."""
    return f"{_require_factory(call)['id']}/{kind}/{call.params['name']}"


def _check_etag(call: Call, document: Document | None) -> None:
    """Raise 412 unless the call's If-Match, if it has one, matches the resource's etag."""
    condition = call.headers.get("if-match")
    if condition is None or (document is not None and condition.strip().strip('"') in {"*", document["etag"]}):
        return
    message = "The specified etag does not match the etag of the resource, or the resource does not exist."
    raise AzureError(status=412, code="PreconditionFailed", message=message)


def _new_etag(call: Call) -> str:
    text = call.tenant.clock.new_id()
    return f"{text[:8]}-0000-0d00-0000-{text[24:32]}0000"
