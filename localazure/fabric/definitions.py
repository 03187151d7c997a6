"""The definition of an Airflow job: a part with its settings, `.platform`, and a part for each file.

The documentation calls the first part `ApacheAirflowJobV1.json`; the service exports and takes
`apacheairflowjob-content.json`, as Microsoft's Terraform provider sends it.
https://learn.microsoft.com/rest/api/fabric/articles/item-management/definitions/apache-airflow-job-definition
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError
from localazure.app.json_body import object_at, objects_at
from localazure.fabric import airflow_jobs, files, pools

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

CONTENT, PLATFORM = "apacheairflowjob-content.json", ".platform"


def parts_of(tenant: Tenant, job: Document) -> list[Document]:
    """Return the parts of a job's definition."""
    pool = pools.STARTER if job["_pool"] == pools.STARTER["id"] else {"name": "", "nodeSize": "Small"}
    airflow: Document = job["_airflow"]
    variables = airflow_jobs.masked_variables(tenant, airflow["airflowEnvironmentVariables"])
    compute: Document = {
        "computePool": "StarterPool" if pool is pools.STARTER else "CustomPool",
        "computeSize": pool["nodeSize"],
        "enableAutoscale": False,
        "enableAvailabilityZones": True,
        "extraNodes": 0,
        "poolId": job["_pool"],
        "poolName": pool["name"],
        "vnetEnabled": False,
    }
    properties = {
        "airflowProperties": {**airflow, "airflowEnvironmentVariables": variables},
        "computeProperties": compute,
    }
    content = {"properties": {"type": "Airflow", "typeProperties": properties}}
    metadata = {"type": job["type"], "displayName": job["displayName"], "description": job["description"]}
    texts = {CONTENT: json.dumps(content).encode(), PLATFORM: json.dumps({"metadata": metadata}).encode()}
    contents = texts | {path: files.content_of(file) for path, file in files.list_files(tenant, job).items()}
    return [_part(path, content) for path, content in contents.items()]


def replace_settings_and_files(call: Call, job: Document, body: Document) -> float:
    """Replace settings and files of a job by those in a body's definition. Returns how many seconds that takes.

    Stores the job, and takes effect on its files at once. Raises 400, or 404 for an unknown pool.
    """
    parts = {str(part.get("path", "")): _decode_payload(part) for part in objects_at(body, "definition", "parts")}
    unknown = [path for path in parts if path not in {CONTENT, PLATFORM} and not files.is_valid_path(path)]
    if CONTENT not in parts or unknown:
        wrong = f"the part '{unknown[0]}' is unknown" if unknown else f"it has no part '{CONTENT}'"
        raise _corrupted(f"The definition is corrupted: {wrong}.")
    airflow = _valid_airflow_properties(parts[CONTENT])
    airflow_jobs.refuse_reserved_variables(call.tenant, object_at(airflow, "airflowEnvironmentVariables"))
    _move_to_pool(call, job, parts[CONTENT])
    if PLATFORM in parts and call.query.get("updatemetadata", "").lower() == "true":
        metadata = object_at(_parse_json_object(parts[PLATFORM]), "metadata")
        job.update({name: metadata[name] for name in ("displayName", "description") if name in metadata})
    files.delete_all_files(call.tenant, job)
    for path in parts.keys() - {CONTENT, PLATFORM}:
        files.put_file(call.tenant, job, path, parts[path])
    return airflow_jobs.begin_airflow_update(call.tenant, job, **airflow)


def _valid_airflow_properties(content: bytes) -> Document:
    """Return the airflowProperties of a content part that may be set."""
    properties = object_at(_parse_json_object(content), "properties")
    if properties.get("type") != "Airflow":
        raise _corrupted("The definition is corrupted: the type of its properties must be Airflow.")
    airflow = object_at(properties, "typeProperties", "airflowProperties")
    for name in ("airflowConfigurationOverrides", "airflowEnvironmentVariables"):
        if not all(isinstance(value, str) for value in object_at(airflow, name).values()):
            raise _corrupted(f"The definition is corrupted: values of {name} must be texts.")
    lines: object = airflow.get("airflowRequirements", [])
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in cast("list[object]", lines)):
        raise _corrupted("The definition is corrupted: airflowRequirements must be a list of texts.")
    if airflow.get("airflowVersion", airflow_jobs.AIRFLOW_VERSION) != airflow_jobs.AIRFLOW_VERSION:
        raise _corrupted(f"The definition is corrupted: the airflowVersion must be {airflow_jobs.AIRFLOW_VERSION}.")
    return airflow


def _move_to_pool(call: Call, job: Document, content: bytes) -> None:
    """Run the job on the pool that a content part names, if it names one. Raises 404."""
    compute = object_at(_parse_json_object(content), "properties", "typeProperties", "computeProperties")
    if pool := str(compute.get("poolId") or ""):
        job["_pool"] = pools.require_pool(call.tenant, {"id": job["workspaceId"]}, pool.lower())["id"]


def _part(path: str, content: bytes) -> Document:
    return {"path": path, "payload": base64.b64encode(content).decode(), "payloadType": "InlineBase64"}


def _decode_payload(part: Document) -> bytes:
    try:
        return base64.b64decode(str(part.get("payload", "")), validate=True)
    except (ValueError, binascii.Error):
        raise _corrupted(f"The definition is corrupted: the payload of '{part.get('path')}' is no base64.") from None


def _parse_json_object(content: bytes) -> Document:
    try:
        document: Any = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _corrupted("The definition is corrupted: a part is no JSON object.")
    return cast("Document", document)


def _corrupted(message: str) -> AzureError:
    return AzureError(status=400, code="CorruptedPayload", message=message)
