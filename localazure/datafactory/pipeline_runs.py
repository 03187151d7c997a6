"""Runs of pipelines. Nothing here carries out activities: a pipeline without any succeeds at once, others fail.

https://learn.microsoft.com/rest/api/datafactory/pipelines/create-run and …/pipeline-runs
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import groups
from localazure.app.resource_manager.services import arm_service

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

FACTORY = "Microsoft.DataFactory/factories"
PIPELINE = f"{FACTORY}/pipelines"
SERVICE = arm_service(
    "data factory pipeline runs",
    r".*/providers/Microsoft\.DataFactory/factories/[^/]+/(pipelines/[^/]+/createRun|pipelineruns/[^/]+|query(Pipeline|Trigger)Runs)/?",
    ("2018-06-01",),
)
_FACTORY = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"
_TABLE = "pipeline_runs"


@SERVICE.route("POST", _FACTORY + "/pipelines/{name}/createRun", action=f"{PIPELINE}/createrun/action")
def create_run(call: Call) -> Reply:
    """Run a pipeline with the parameters in the body. Returns the run's id."""
    pipeline = groups.require_resource(call, PIPELINE, call.params["factory"], call.params["name"])
    now, run_id = f"{call.tenant.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z", call.tenant.clock.new_id()
    activities = pipeline["properties"].get("activities")
    run: Document = {
        "runId": run_id,
        "pipelineName": pipeline["name"],
        "parameters": call.json() if call.body else {},
        "invokedBy": {"name": "Manual", "invokedByType": "Manual"},
        "runStart": now,
        "runEnd": now,
        "lastUpdated": now,
        "durationInMs": 0,
        "status": "Failed" if activities else "Succeeded",
        "message": "The local Azure carries out no activities." if activities else "",
    }
    call.tenant.store.put(_TABLE, f"{_store_key_prefix(call)}{run_id}", run)
    return Reply(body={"runId": run_id})


@SERVICE.route("GET", _FACTORY + "/pipelineruns/{run}", action=f"{FACTORY}/pipelineruns/read")
def get_run(call: Call) -> Reply:
    """Show a run."""
    run = call.tenant.store.get(_TABLE, f"{_store_key_prefix(call)}{call.params['run'].lower()}")
    if run is None:
        message = f"The pipeline run '{call.params['run']}' was not found."
        raise AzureError(status=404, code="NotFound", message=message)
    return Reply(body=run)


@SERVICE.route("POST", _FACTORY + "/queryPipelineRuns", action=f"{FACTORY}/querypipelineruns/read")
def query_runs(call: Call) -> Reply:
    """List the runs that changed between two times."""
    first, last = _requested_period(call)
    runs = [run for _, run in call.tenant.store.rows(_TABLE, _store_key_prefix(call))]
    return Reply(body={"value": [run for run in runs if first <= _parse_time(run["lastUpdated"]) <= last]})


@SERVICE.route("POST", _FACTORY + "/queryTriggerRuns", action=f"{FACTORY}/querytriggerruns/read")
def query_trigger_runs(call: Call) -> Reply:
    """List what triggers have started: nothing, since none runs here."""
    _store_key_prefix(call)
    _requested_period(call)
    return Reply(body={"value": []})


def _store_key_prefix(call: Call) -> str:
    """Return the prefix of the keys of a factory's runs. Raises 404 for a factory that does not exist."""
    factory = groups.require_resource(call, FACTORY, call.params["factory"])
    return f"{factory['id']}@{factory['properties']['createTime']}/".lower()  # not of an earlier one of that name


def _requested_period(call: Call) -> tuple[datetime, datetime]:
    """Return the two times of a query. Raises 400."""
    first, last = (_parse_time(str(call.json().get(name))) for name in ("lastUpdatedAfter", "lastUpdatedBefore"))
    return first, last


def _parse_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        message = f"The document could not be deserialized: '{text}' is no time."
        raise AzureError(status=400, code="BadRequest", message=message) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
