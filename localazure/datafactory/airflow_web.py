"""The web server of an Airflow runtime (`ID.REGION.airflow.svc.datafactory.azure.com`), which requires Entra tokens.

While a real Airflow runs behind the runtime, all requests are forwarded to it: REST API and UI. Otherwise this file
serves health, version and the DAGs that the imported files declare. The service signs a browser in by redirect; here a
browser uses the address on loopback that `local status` prints.
https://airflow.apache.org/docs/apache-airflow/2.6.3/stable-rest-api-ref.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app import contents, signing
from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager.errors import AUDIENCES as ARM_AUDIENCES
from localazure.app.service import Service
from localazure.datafactory import airflow_runtimes, workers
from localazure.runtimes.airflow import forward, modelled
from localazure.storage.data.path_responses import parse_int

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.store import Document

_DATA_FACTORY = "5d13f7d7-0567-429c-9880-320e9555e5fc"  # the first-party application behind this host
_RIGHT = "Microsoft.DataFactory/factories/write"
_REFERENCE = "https://airflow.apache.org/docs/apache-airflow/2.6.3/stable-rest-api-ref.html#section/Errors/"
_KINDS = {401: "Unauthenticated", 403: "PermissionDenied", 404: "NotFound"}


def render(_: Call, error: AzureError) -> Reply:
    """Render an error as Airflow's problem document: `{"detail", "status", "title", "type"}`."""
    kind = {"type": f"{_REFERENCE}{_KINDS.get(error.status, 'BadRequest')}"}
    body = {"detail": error.message, "status": error.status, "title": error.code, **kind}
    return Reply(status=error.status, body=body, headers={**error.headers, "Content-Type": "application/problem+json"})


def _scope(call: Call) -> str:
    """Return the factory's id, since its Contributors may use the web server.

    https://learn.microsoft.com/azure/data-factory/airflow-get-ip-airflow-cluster
    """
    return str(_require_runtime(call)["id"]).rsplit("/integrationruntimes/", 1)[0]


def _unauthenticated(_: Call, invalid: signing.InvalidToken) -> AzureError:
    return AzureError(status=401, code="Unauthorized", message=f"The access token does not do: {invalid.reason}.")


def _forbidden(_: Call, action: str, scope: str) -> AzureError:
    return AzureError(status=403, code="Forbidden", message=f"{action} on {scope} is needed.")


SERVICE = Service(
    name="airflow_web",
    hosts=(f"*.*.{airflow_runtimes.HOST_SUFFIX}",),
    reports={"/sign-ins": workers.try_worker_sign_ins, "/airflow-runs": modelled.list_runs},
    audiences=(_DATA_FACTORY, *ARM_AUDIENCES),
    render=render,
    scope=_scope,
    forbidden=_forbidden,
    unauthenticated=_unauthenticated,
)


def _route(method: str, *paths: str, why_public: str = "") -> Callable[[Handler], Handler]:
    """Register a handler that answers while there is no real Airflow. why_public: why the routes need no token."""

    def register(handler: Handler) -> Handler:
        for path in paths:
            action = None if why_public else _RIGHT
            route = SERVICE.route(method, path, action=action, why=why_public, needs_token=not why_public)
            route(lambda call: _forward_or_model(call) or handler(call))
        return handler

    return register


def _forward_or_model(call: Call) -> Reply | None:
    """Return the real Airflow's reply, or a modelled one where a test asks for that."""
    runtime = _require_runtime(call)
    reply = forward.forward_to_airflow(call, SERVICE, runtime["id"])
    version = str(runtime["properties"]["typeProperties"]["airflowProperties"]["airflowVersion"])
    return reply or modelled.advance_and_reply(call, runtime["id"], version, _declared_files(call))


@_route("GET", "/health", "/api/v1/health", "/api/v2/monitor/health", why_public="public in Airflow")
def get_health(call: Call) -> Reply:
    """Show health: healthy once the runtime is Started."""
    runtime = _require_runtime(call)
    status = "healthy" if airflow_runtimes.state(call.tenant, runtime) == "Started" else "unhealthy"
    beat = call.tenant.clock.now().isoformat()
    scheduler = {"status": status, "latest_scheduler_heartbeat": beat}
    return Reply(body={"metadatabase": {"status": status}, "scheduler": scheduler})


@_route("GET", "/api/v1/version", "/api/v2/version")
def get_version(call: Call) -> Reply:
    """Show the version of the runtime's Airflow."""
    properties: Document = _require_runtime(call)["properties"]["typeProperties"]["airflowProperties"]
    return Reply(body={"version": properties["airflowVersion"], "git_version": None})


@_route("GET", "/api/v1/dags", "/api/v2/dags")
def list_dags(call: Call) -> Reply:
    """List the DAGs that the imported files declare, with `offset` and `limit`."""
    dags = list(_declared_dags(call))
    start, limit = (
        parse_int(call.query.get("offset", "0"), "offset"),
        parse_int(call.query.get("limit", "100"), "limit"),
    )
    return Reply(body={"dags": dags[start : start + limit], "total_entries": len(dags)})


@_route("GET", "/api/v1/dags/{dag}", "/api/v2/dags/{dag}")
def get_dag(call: Call) -> Reply:
    """Show one DAG. Raises 404 if no imported file declares it."""
    dag = next((dag for dag in _declared_dags(call) if dag["dag_id"] == call.params["dag"]), None)
    if dag is None:
        message = f"The DAG with dag_id: {call.params['dag']} was not found"
        raise AzureError(status=404, code="DAG not found", message=message)
    return Reply(body=dag)


@_route("GET", "/api/v1/dagSources/{token}", "/api/v2/dagSources/{token}")
def get_source(call: Call) -> Reply:
    """Show the text of an imported file, by the name of a DAG in it. Raises 404 unless a test has asked for it."""
    for path, text in _declared_files(call):
        if call.params["token"] in airflow_runtimes.dag_ids(text, path) and _tells_sources(call):
            return Reply(body={"content": text})
    return refuse_without_airflow(call)


@_route("GET", "/api/v1/importErrors", "/api/v2/importErrors")
def list_import_errors(call: Call) -> Reply:
    """An empty list: nothing here imports the files. Raises 404 unless a test has asked for it."""
    return (
        Reply(body={"import_errors": [], "total_entries": 0}) if _tells_sources(call) else refuse_without_airflow(call)
    )


def _tells_sources(call: Call) -> bool:
    return bool(airflow_runtimes.settings_for_tests(call.tenant)["tells_sources"])


def refuse_without_airflow(call: Call) -> Reply:
    """Raise 404 for everything that only a real Airflow serves."""
    message = f"There is no {call.path} while no real Airflow runs: `provisioner local runtimes up` starts it."
    raise AzureError(status=404, code="Not Found", message=message)


for _method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
    _route(_method, "/{rest:path}")(refuse_without_airflow)


def _require_runtime(call: Call) -> Document:
    """Return the runtime whose web server has the call's host name. Raises 404."""
    web_id, region = call.host.split(".")[:2]
    runtime = airflow_runtimes.find_by_web_id(call.tenant, web_id)
    if runtime is not None:
        airflow: Document = runtime["properties"]["typeProperties"]["airflowProperties"]
        if f".{region}." in airflow["airflowWebUrl"]:
            return runtime
    raise AzureError(status=404, code="Not Found", message="There is no Airflow at this address.")


def _declared_dags(call: Call) -> Iterator[Document]:
    for path, text in _declared_files(call):
        for dag_id in airflow_runtimes.dag_ids(text, path):
            yield _dag_document(dag_id, path)


def _declared_files(call: Call) -> Iterator[tuple[str, str]]:
    """Path and text of each imported file that may declare DAGs."""
    for file in airflow_runtimes.list_imported_files(call.tenant, _require_runtime(call)):
        path = str(file["path"])
        if path.startswith("dags/") and path.endswith(".py"):
            content = contents.read_all(call.tenant, str(file["content"]), int(file["size"]))
            yield path, content.decode("utf-8", "replace")


def _dag_document(dag_id: str, path: str) -> Document:
    # The runtime sets DAGS_ARE_PAUSED_AT_CREATION=False, so an imported DAG is not paused.
    return {
        "dag_id": dag_id,
        "fileloc": f"/opt/airflow/{path}",
        "file_token": dag_id,  # in Airflow a signed text; opaque to clients
        "is_active": True,
        "is_paused": False,
        "is_subdag": False,
        "has_import_errors": False,
        "owners": ["airflow"],
        "tags": [],
    }
