"""What people author in a data factory: pipelines, datasets, triggers and their like, kept as sent and run by nobody.

https://learn.microsoft.com/rest/api/datafactory/pipelines
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups, resources
from localazure.app.resource_manager.services import arm_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.store import Document

FACTORY = "Microsoft.DataFactory/factories"
# Each kind, and the members that its properties must have.
_KINDS: dict[str, tuple[str, ...]] = {
    "pipelines": (),
    "datasets": ("type", "linkedServiceName"),
    "triggers": ("type",),
    "dataflows": ("type",),
    "managedVirtualNetworks": (),
    "credentials": ("type",),
    "globalParameters": (),
    "adfcdcs": ("sourceConnectionsInfo", "targetConnectionsInfo", "policy"),
}
_RUNS = ("queryPipelineRuns", "queryTriggerRuns")
_NAME = re.compile(r"(?=.{1,260}\Z)[A-Za-z0-9_][^<>*#.%&:\\+?/]*")
SERVICE = arm_service(
    "data factory contents",
    rf".*/providers/Microsoft\.DataFactory/factories/[^/]+/({'|'.join([*_KINDS, *_RUNS])})(/[^/]+)?/?",
    ("2018-06-01",),
)
_FACTORY = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"


def _list(call: Call, kind: str) -> Reply:
    found = resources.list_of_type(call.world, f"{FACTORY}/{kind}", _factory(call)["id"])
    return Reply(body={"value": [resources.response_body(document) for document in found]})


def _get(call: Call, kind: str) -> Reply:
    found = resources.find(call.world, _key(call, kind))
    if found is None:
        raise groups.resource_not_found(call, f"{FACTORY}/{kind}", call.params["factory"], call.params["name"])
    unwanted = call.headers.get("if-none-match", "").strip('"')
    return Reply(status=304) if unwanted == found["etag"] else Reply(body=resources.response_body(found))


def _put(call: Call, kind: str) -> Reply:
    key, name = _key(call, kind), call.params["name"]
    if not _NAME.fullmatch(name):
        raise AzureError(status=400, code="BadRequest", message=f"The name '{name}' is invalid.")
    body = call.json()
    if body.get("properties") is None:
        raise AzureError(status=400, code="BadRequest", message="The property 'properties' is required.")
    properties = bodies.requested_properties(body)
    for member in _KINDS[kind]:
        if not properties.get(member):
            raise AzureError(status=400, code="BadRequest", message=f"The property '{member}' is required.")
    found = resources.find(call.world, key)
    _check_etag(call, found)
    if kind == "triggers":
        properties = {**properties, "runtimeState": "Stopped"}
    named: Document = {"id": key, "name": name, "type": f"{FACTORY}/{kind}", "properties": properties}
    made = resources.put(call.world, {**named, "etag": _etag(call)})
    return Reply(body=resources.response_body(made))


def _delete(call: Call, kind: str) -> Reply:
    return Reply(status=200 if resources.delete(call.world, _key(call, kind)) else 204)


def _bound(handler: Callable[[Call, str], Reply], kind: str) -> Handler:
    return lambda call: handler(call, kind)


for _kind in _KINDS:
    _rights = f"{FACTORY}/{_kind}"
    SERVICE.route("GET", f"{_FACTORY}/{_kind}", action=f"{_rights}/read")(_bound(_list, _kind))
    SERVICE.route("GET", f"{_FACTORY}/{_kind}/{{name}}", action=f"{_rights}/read")(_bound(_get, _kind))
    SERVICE.route("PUT", f"{_FACTORY}/{_kind}/{{name}}", action=f"{_rights}/write")(_bound(_put, _kind))
    SERVICE.route("DELETE", f"{_FACTORY}/{_kind}/{{name}}", action=f"{_rights}/delete")(_bound(_delete, _kind))


def _factory(call: Call) -> Document:
    return groups.require_resource(call, FACTORY, call.params["factory"])


def _key(call: Call, kind: str) -> str:
    return f"{_factory(call)['id']}/{kind}/{call.params['name']}"


def _check_etag(call: Call, found: Document | None) -> None:
    wanted = call.headers.get("if-match")
    if wanted is None or (found is not None and wanted.strip().strip('"') in {"*", found["etag"]}):
        return
    message = "The specified etag does not match the etag of the resource, or the resource does not exist."
    raise AzureError(status=412, code="PreconditionFailed", message=message)


def _etag(call: Call) -> str:
    text = call.world.clock.new_id()
    return f"{text[:8]}-0000-0d00-0000-{text[24:32]}0000"


def _query_runs(call: Call) -> Reply:
    """What ran between two moments: nothing, for nothing here runs what was authored."""
    _factory(call)
    for bound in ("lastUpdatedAfter", "lastUpdatedBefore"):
        if not isinstance(call.json().get(bound), str):
            message = f"The document could not be deserialized: '{bound}' is required."
            raise AzureError(status=400, code="BadRequest", message=message)
    return Reply(body={"value": []})


for _query in _RUNS:
    SERVICE.route("POST", f"{_FACTORY}/{_query}", action=f"{FACTORY}/{_query.lower()}/read")(_query_runs)
