"""The operations of HDInsight on AKS: where a client polls them, and what it is told.

The status is asked for without the subscription, in the pool's region, under `{guid}*{HASH}`; recorded by the
`hdinsightonaks` extension of az (tests/latest/recordings/test_clusterpool_operations.yaml).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from localazure.app.resource_manager import operations
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import REGION, SUBSCRIPTION
from localazure.hdinsight import flink_jobs

if TYPE_CHECKING:
    from localazure.app.call import Call, Reply
    from localazure.app.store import Document

RESULTS = f"{SUBSCRIPTION}/providers/Microsoft.HDInsight/locations/{REGION}/operationresults"
_ANYBODY = "whoever knows the operation's id, as with every ARM operation"
SERVICE = arm_service(
    "hdinsight operations",
    r".*/providers/Microsoft\.HDInsight/locations/[^/]+/operation(results|statuses)/[^/]+/?",
    ("2021-09-15-preview", "2023-06-01-preview", "2023-11-01-preview", "2024-05-01-preview"),
)


def status_url(call: Call, operation: Document, location: str) -> str:
    """Return the URL at which a client asks how far an operation is. location: of its resource."""
    digest = hashlib.sha256(str(operation["target"]).lower().encode()).hexdigest().upper()
    version = call.query.get("api-version", "")
    path = f"/providers/Microsoft.HDInsight/locations/{location.upper()}/operationStatuses/{operation['id']}*{digest}"
    return f"https://{call.host}{path}?api-version={version}"


@SERVICE.route(
    "GET",
    "/subscriptions/{subscription}/providers/Microsoft.HDInsight/locations/{location}/operationresults/{operation}",
    action=None,
    why=_ANYBODY,
)
def get_result(call: Call) -> Reply:
    """Answer 202 until an operation is done, then its job or resource."""
    operations.run_due(call.tenant)
    flink_jobs.refresh_job_states(call.tenant)
    reply = operations.answer_location_poll(call, call.params["operation"])
    return replace(reply, body=flink_jobs.response_body(reply.body)) if reply.body else reply


@SERVICE.route(
    "GET",
    "/providers/Microsoft.HDInsight/locations/{location}/operationstatuses/{operation}",
    action=None,
    why=_ANYBODY,
)
def get_status(call: Call) -> Reply:
    """Show the status of an operation, its resource and when it began."""
    key = call.params["operation"].partition("*")[0]
    reply, (began, _) = operations.answer_async_poll(call, key), operations.began_and_due(call.tenant, key)
    target = operations.target_resource_id(call.tenant, key)
    own = {"name": call.params["operation"], "resourceId": target, "startTime": f"{began:%Y-%m-%dT%H:%M:%S.%f}0Z"}
    status = "Accepted" if reply.body["status"] == "InProgress" else reply.body["status"]
    return replace(reply, body={**reply.body, **own, "status": status})
