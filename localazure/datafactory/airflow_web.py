"""The web server of an Airflow runtime (`ID.REGION.airflow.svc.datafactory.azure.com`), behind Entra's tokens.

While the real Airflow behind the runtime is up, every answer is its own: REST API and UI. Else health, version and the
DAGs that the imported files declare. The service signs a browser in by redirect; here a browser goes to the address on
loopback that `local status` prints.
https://airflow.apache.org/docs/apache-airflow/2.6.3/stable-rest-api-ref.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app import contents, signing
from localazure.app.call import AzureError, Reply, Upstream
from localazure.app.resource_manager.errors import AUDIENCES as ARM_AUDIENCES
from localazure.app.service import Service
from localazure.datafactory import airflow_runtimes, workers
from localazure.runtimes import airflow
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
    """`{"detail", "status", "title", "type"}`, Airflow's problem document."""
    kind = {"type": f"{_REFERENCE}{_KINDS.get(error.status, 'BadRequest')}"}
    body = {"detail": error.message, "status": error.status, "title": error.code, **kind}
    return Reply(status=error.status, body=body, headers={**error.headers, "Content-Type": "application/problem+json"})


def _scope(call: Call) -> str:
    """The factory: its Contributors may use the web server.

    https://learn.microsoft.com/azure/data-factory/airflow-get-ip-airflow-cluster
    """
    return str(_runtime(call)["id"]).rsplit("/integrationruntimes/", 1)[0]


def _unauthenticated(_: Call, refusal: signing.InvalidToken) -> AzureError:
    return AzureError(status=401, code="Unauthorized", message=f"The access token does not do: {refusal.reason}.")


def _forbidden(_: Call, action: str, scope: str) -> AzureError:
    return AzureError(status=403, code="Forbidden", message=f"{action} on {scope} is needed.")


SERVICE = Service(
    name="airflow_web",
    hosts=(f"*.*.{airflow_runtimes.HOST_SUFFIX}",),
    reports={"/sign-ins": workers.list_sign_ins},
    audiences=(_DATA_FACTORY, *ARM_AUDIENCES),
    render=render,
    scope=_scope,
    forbidden=_forbidden,
    unauthenticated=_unauthenticated,
)


def _answered(call: Call, offline: Callable[[Call], Reply]) -> Reply:
    """Of the real Airflow, or `offline` while none stands behind the runtime."""
    runtime, runtimes = _runtime(call), call.world.runtimes
    runtimes.follow(call.world)  # what is rolled out by now counts for this call
    if runtimes.folder(airflow.KIND, runtime["id"]) is None:
        return offline(call)
    program = runtimes.ready(airflow.KIND, runtime["id"])
    if program is None:
        return render(call, _not_now("The Airflow behind this runtime is being made ready, or could not be."))
    web: airflow.WebServer = program.behind
    silent = render(call, _not_now("The Airflow behind this runtime does not answer."))
    turn = None if call.method in {"GET", "HEAD"} else web.writing
    return Reply(body=Upstream(port=web.port, silent=silent, headers=web.headers, turn=turn))


def _not_now(what: str) -> AzureError:
    message = f"{what} `provisioner local runtimes status` says more."
    return AzureError(status=503, code="Service Unavailable", message=message, headers={"Retry-After": "1"})


def _answers(method: str, *paths: str, public: str = "") -> Callable[[Handler], Handler]:
    """Routes whose handler answers while there is no real Airflow. public: why they need no token."""

    def register(handler: Handler) -> Handler:
        for path in paths:
            action = None if public else _RIGHT
            route = SERVICE.route(method, path, action=action, why=public, token=not public)
            route(lambda call: _answered(call, handler))
        return handler

    return register


@_answers("GET", "/health", "/api/v1/health", "/api/v2/monitor/health", public="public in Airflow")
def get_health(call: Call) -> Reply:
    """Healthy once the runtime is started."""
    runtime = _runtime(call)
    status = "healthy" if airflow_runtimes.state(call.world, runtime) == "Started" else "unhealthy"
    beat = call.world.clock.now().isoformat()
    scheduler = {"status": status, "latest_scheduler_heartbeat": beat}
    return Reply(body={"metadatabase": {"status": status}, "scheduler": scheduler})


@_answers("GET", "/api/v1/version", "/api/v2/version")
def get_version(call: Call) -> Reply:
    """Airflow's."""
    properties: Document = _runtime(call)["properties"]["typeProperties"]["airflowProperties"]
    return Reply(body={"version": properties["airflowVersion"], "git_version": None})


@_answers("GET", "/api/v1/dags", "/api/v2/dags")
def list_dags(call: Call) -> Reply:
    """The DAGs that the imported files declare."""
    found = list(_dags(call))
    start, limit = (
        parse_int(call.query.get("offset", "0"), "offset"),
        parse_int(call.query.get("limit", "100"), "limit"),
    )
    return Reply(body={"dags": found[start : start + limit], "total_entries": len(found)})


@_answers("GET", "/api/v1/dags/{dag}", "/api/v2/dags/{dag}")
def get_dag(call: Call) -> Reply:
    """One of them."""
    found = next((dag for dag in _dags(call) if dag["dag_id"] == call.params["dag"]), None)
    if found is None:
        message = f"The DAG with dag_id: {call.params['dag']} was not found"
        raise AzureError(status=404, code="DAG not found", message=message)
    return Reply(body=found)


def get_nothing(call: Call) -> Reply:
    """All else that a real Airflow would have."""
    message = f"There is no {call.path} while no real Airflow runs: `provisioner local runtimes up` starts it."
    raise AzureError(status=404, code="Not Found", message=message)


for _method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
    _answers(_method, "/{rest:path}")(get_nothing)


def _runtime(call: Call) -> Document:
    web_id, region = call.host.split(".")[:2]
    found = airflow_runtimes.find_by_web_id(call.world, web_id)
    if (
        found is None
        or f".{region}." not in found["properties"]["typeProperties"]["airflowProperties"]["airflowWebUrl"]
    ):
        raise AzureError(status=404, code="Not Found", message="There is no Airflow at this address.")
    return found


def _dags(call: Call) -> Iterator[Document]:
    for file in airflow_runtimes.list_imported_files(call.world, _runtime(call)):
        path = str(file["path"])
        if path.startswith("dags/") and path.endswith(".py"):
            text = contents.read_all(call.world, str(file["content"]), int(file["size"])).decode("utf-8", "replace")
            for dag_id in airflow_runtimes.dag_ids(text, path):
                yield _dag(dag_id, path)


def _dag(dag_id: str, path: str) -> Document:
    # The runtime sets DAGS_ARE_PAUSED_AT_CREATION=False: what is imported runs.
    return {
        "dag_id": dag_id,
        "fileloc": f"/opt/airflow/{path}",
        "is_active": True,
        "is_paused": False,
        "is_subdag": False,
        "has_import_errors": False,
        "owners": ["airflow"],
        "tags": [],
    }
