"""Integration runtimes: of Airflow, managed or self-hosted. The machines of a managed one are started and stopped.

Start and stop were recorded by the `datafactory` extension of az (tests/latest/recordings/test_datafactory_main.yaml).
https://learn.microsoft.com/rest/api/datafactory/integration-runtimes
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies, operations, resources
from localazure.app.resource_manager.services import arm_service
from localazure.datafactory import airflow_runtimes, factories
from localazure.datafactory.airflow_runtimes import TYPE as RUNTIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

SERVICE = arm_service(
    "data factory runtimes",
    r".*/providers/Microsoft\.DataFactory/factories/[^/]+/integrationruntimes(/.*)?",
    ("2017-09-01-preview", "2018-06-01"),
)
_RUNTIMES = (
    "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"
    "/integrationruntimes"
)
_RUNTIME = _RUNTIMES + "/{name}"
_KINDS = ("Airflow", "Managed", "SelfHosted")
_STATES = {"start": "Started", "stop": "Stopped"}
_ANYBODY = "whoever knows the operation's id, as with every ARM operation"


@SERVICE.route("GET", _RUNTIMES, action=f"{RUNTIME}/read")
def list_runtimes(call: Call) -> Reply:
    """List the integration runtimes of a factory."""
    documents = resources.list_of_type(call.tenant, RUNTIME, factories.require_factory(call)["id"])
    return Reply(body={"value": [airflow_runtimes.response_body(call.tenant, document) for document in documents]})


@SERVICE.route("GET", _RUNTIME, action=f"{RUNTIME}/read")
def get_runtime(call: Call) -> Reply:
    """Show a runtime; an Airflow runtime with all its variables, including secrets."""
    runtime = factories.require_child(call, RUNTIME)
    return factories.resource_or_not_modified(call, airflow_runtimes.response_body(call.tenant, runtime))


@SERVICE.route("PUT", _RUNTIME, action=f"{RUNTIME}/write")
def set_runtime(call: Call) -> Reply:
    """Create or replace a runtime, if If-Match allows it. A new one has the state Initial."""
    factory, tenant = factories.require_parent(call, RUNTIME), call.tenant
    properties = bodies.requested_properties(call.json())
    kind = properties.get("type")
    if kind not in _KINDS:
        raise airflow_runtimes.bad_request(f"The type of an integration runtime must be one of {', '.join(_KINDS)}.")
    key = f"{factory['id']}/integrationruntimes/{_valid_runtime_name(call)}"
    existing = resources.find(tenant, key)
    factories.check_etag(call, existing)
    if existing is not None and existing["properties"]["type"] != kind:
        raise airflow_runtimes.bad_request("The type of an existing integration runtime cannot be changed.")
    values: Document = {"properties": _with_state(properties, existing)}
    if kind == "Airflow":
        values = airflow_runtimes.new_runtime(tenant, factory, properties, existing)
    runtime = factories.put_child(tenant, existing["id"] if existing else key, RUNTIME, values)
    return Reply(body=airflow_runtimes.response_body(tenant, runtime, state_override="" if existing else "Initial"))


@SERVICE.route("DELETE", _RUNTIME, action=f"{RUNTIME}/delete")
def delete_runtime(call: Call) -> Reply:
    """Delete a runtime: 200, or 204 if there is none."""
    return factories.delete_resource(
        call, f"{factories.require_parent(call, RUNTIME)['id']}/integrationruntimes/{call.params['name']}"
    )


@SERVICE.route("POST", _RUNTIME + "/getStatus", action=f"{RUNTIME}/getStatus/action")
def get_status(call: Call) -> Reply:
    """Show the state of a runtime."""
    return Reply(body=_status(call))


@SERVICE.route("POST", _RUNTIME + "/listAuthKeys", action=f"{RUNTIME}/listauthkeys/action")
def list_keys(call: Call) -> Reply:
    """List the keys with which machines register for a self-hosted runtime; here none can."""
    runtime = factories.require_child(call, RUNTIME)
    if runtime["properties"]["type"] != "SelfHosted":
        raise airflow_runtimes.bad_request(
            "Authentication keys are available for self-hosted integration runtimes only."
        )
    return Reply(body={f"authKey{n}": f"IR@{runtime['etag']}@{call.params['factory']}@{n}" for n in (1, 2)})


def _valid_runtime_name(call: Call) -> str:
    """Return the name of the runtime in the path, after the check of its form. Raises 400."""
    name = call.params["name"]
    if not factories.NAME.fullmatch(name):
        raise airflow_runtimes.bad_request(
            f"The name '{name}' is invalid: 3 to 63 letters, digits and single dashes, a letter or digit at each end."
        )
    return name


def _with_state(properties: Document, existing: Document | None) -> Document:
    """Return a runtime's properties with its state, which only one of SSIS has; recorded with az."""
    if not object_at(properties, "typeProperties").get("ssisProperties"):
        return properties
    return {**properties, "state": existing["properties"].get("state", "Initial") if existing else "Initial"}


def _begin_start_or_stop(call: Call, verb: str) -> Reply:
    """Accept to start or stop a managed runtime: 202, polled at the runtime's own path."""
    runtime = factories.require_child(call, RUNTIME)
    if runtime["properties"]["type"] != "Managed":
        raise airflow_runtimes.bad_request(f"Only a managed integration runtime can {verb}.")
    operation = operations.begin(call.tenant, f"{verb} runtime", runtime["id"])
    reply = operations.accepted_reply(call, operation, f"{call.path}/operationresults")
    status_url = reply.headers["Location"].replace("/operationresults/", "/operationstatuses/")
    return replace(reply, headers={**reply.headers, "Azure-AsyncOperation": status_url})


def _poll_status(call: Call, _: str) -> Reply:
    reply = operations.answer_async_poll(call, call.params["operation"])
    body = {"status": reply.body["status"], "name": reply.body["name"], "properties": None, "error": None}
    return replace(reply, body=body)


def _poll_result(call: Call, verb: str) -> Reply:
    """Answer 202 until the operation is done, then 200: with the status of what has started, else without a body."""
    reply = operations.answer_location_poll(call, call.params["operation"])
    return replace(reply, body=_status(call)) if reply.status == 200 and verb == "start" else reply


def _bind(handler: Callable[[Call, str], Reply], verb: str) -> Handler:
    return lambda call: handler(call, verb)


def _set_state(tenant: Tenant, operation: Document) -> None:
    """Complete an operation: the state of a runtime of SSIS changes; any other managed one is always online."""
    runtime = resources.find(tenant, operation["target"])
    if runtime is not None and "state" in runtime["properties"]:
        runtime["properties"]["state"] = _STATES[str(operation["kind"]).partition(" ")[0]]
        resources.put(tenant, runtime)


for _verb in _STATES:
    operations.actions[f"{_verb} runtime"] = _set_state
    SERVICE.route("POST", f"{_RUNTIME}/{_verb}", action=f"{RUNTIME}/{_verb}/action")(_bind(_begin_start_or_stop, _verb))
    for _kind, _poll in (("statuses", _poll_status), ("results", _poll_result)):
        _path = f"{_RUNTIME}/{_verb}/operation{_kind}/{{operation}}"
        SERVICE.route("GET", _path, action=None, why=_ANYBODY)(_bind(_poll, _verb))


def _status(call: Call) -> Document:
    runtime = factories.require_child(call, RUNTIME)
    kind = str(runtime["properties"]["type"])
    states = {"Managed": runtime["properties"].get("state", "Online"), "SelfHosted": "NeedRegistration"}
    state = states.get(kind) or airflow_runtimes.state(call.tenant, runtime)
    status: Document = {"type": kind, "dataFactoryName": call.params["factory"], "state": state, "typeProperties": {}}
    return {"name": runtime["name"], "properties": status}
