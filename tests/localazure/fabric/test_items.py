"""Workspaces of Fabric, and Apache Airflow jobs as items with a definition."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM
from tests.localazure.fabric.workspace import FABRIC, JOBS, POOL, WORKSPACE, WORKSPACE_ID, Fabric, refusal
from tests.resource_manager import OPERATOR, Manager

if TYPE_CHECKING:
    from tests.emulator import Answer


def definition(**parts: Any) -> dict[str, Any]:
    """A definition with parts of these names; bytes as they are, anything else as JSON."""
    encoded = {path: part if isinstance(part, bytes) else json.dumps(part).encode() for path, part in parts.items()}
    parts_ = [{"path": path, "payload": base64.b64encode(part).decode(), "payloadType": "InlineBase64"}
              for path, part in encoded.items()]  # fmt: skip
    return {"definition": {"parts": parts_}}


def content(**airflow: Any) -> dict[str, Any]:
    return {"properties": {"type": "Airflow", "typeProperties": {"airflowProperties": airflow}}}


def parts_of(answer: Answer) -> dict[str, bytes]:
    parts = answer.json()["definition"]["parts"]
    assert {part["payloadType"] for part in parts} == {"InlineBase64"}
    return {part["path"]: base64.b64decode(part["payload"]) for part in parts}


CONTENT = "apacheairflowjob-content.json"


def test_a_new_tenant_has_one_workspace(fabric: Fabric) -> None:
    (listed,) = fabric("GET", "/v1/workspaces").json()["value"]
    assert (listed["id"], listed["displayName"], listed["type"]) == (WORKSPACE_ID, "flink-workspace", "Workspace")
    assert fabric("GET", WORKSPACE).json()["capacityAssignmentProgress"] == "Completed"
    (capacity,) = fabric("GET", "/v1/capacities").json()["value"]
    assert (capacity["id"], capacity["state"]) == (listed["capacityId"], "Active")
    fabric.settings(shows_capacity=False)
    assert fabric("GET", "/v1/capacities").json()["value"] == []
    fabric.settings(capacity="")
    assert "capacityId" not in fabric("GET", WORKSPACE).json()
    assert refusal(fabric("GET", "/v1/workspaces/none")) == (404, "WorkspaceNotFound")
    assert refusal(fabric("GET", "/v1/none")) == (404, "EntityNotFound")


@pytest.mark.parametrize(
    ("role", "statuses"),
    [("", (403, 403, 403)), ("Viewer", (200, 403, 403)), ("Contributor", (200, 201, 403)), ("Admin", (200, 201, 200))],
)
def test_what_a_caller_may_depends_on_the_role_in_the_workspace(
    fabric: Fabric, role: str, statuses: tuple[int, ...]
) -> None:
    fabric.settings(roles={OPERATOR: role} if role else {})
    answers = [
        fabric("GET", JOBS),
        fabric("POST", JOBS, {"displayName": "one"}),
        fabric("GET", f"{WORKSPACE}/roleAssignments"),
    ]
    assert tuple(answer.status for answer in answers) == statuses
    expected = {"": "InsufficientPrivileges"}.get(role, "InsufficientWorkspaceRole")
    assert {refusal(answer)[1] for answer in answers if answer.status == 403} <= {expected}
    assert bool(fabric("GET", "/v1/workspaces").json()["value"]) is bool(role)


def test_owning_the_subscription_is_no_role_in_a_workspace(fabric: Fabric) -> None:
    arm = Manager(azure=fabric.azure)
    someone = arm.someone()
    arm.grant("", "Contributor", someone.object_id)
    token = fabric.azure.token(FABRIC, someone.app_id, someone.secret)
    assert refusal(Fabric(azure=fabric.azure, token=token)("GET", JOBS)) == (403, "InsufficientPrivileges")


def test_tokens_for_something_else_are_refused(fabric: Fabric) -> None:
    wrong = Fabric(azure=fabric.azure, token=fabric.azure.token(ARM))
    assert refusal(wrong("GET", "/v1/workspaces")) == (401, "InvalidToken")
    token = fabric.azure.token("https://analysis.windows.net/powerbi/api")
    assert Fabric(azure=fabric.azure, token=token)("GET", "/v1/workspaces").status == 200
    token = fabric.azure.token(FABRIC)
    fabric.azure.advance(86_400)
    assert refusal(Fabric(azure=fabric.azure, token=token)("GET", "/v1/workspaces")) == (401, "TokenExpired")


def test_the_tenant_may_let_no_principal_in_and_a_capacity_may_be_paused(fabric: Fabric) -> None:
    job = fabric.job()
    fabric.settings(capacity="Inactive")
    assert fabric("GET", "/v1/capacities").json()["value"][0]["state"] == "Inactive"
    assert refusal(fabric("GET", job)) == (403, "CapacityNotActive")
    fabric.settings(service_principals=False)
    assert refusal(fabric("GET", "/v1/workspaces")) == (401, "Unauthorized")


def test_a_throttled_call_says_until_when(fabric: Fabric) -> None:
    fabric.azure.fault(fault="throttle", host="fabric", retry_after=30)
    throttled = fabric("GET", JOBS)
    assert refusal(throttled) == (429, "RequestBlocked")
    assert throttled.headers["retry-after"] == "30"
    assert re.search(r"until: \d+/\d+/\d{4} [\d:]+ [AP]M \(UTC\)$", throttled.json()["message"])
    assert fabric("GET", JOBS).status == 200


def test_a_job_is_created_renamed_and_deleted(fabric: Fabric) -> None:
    job = fabric.job(description="of dev")
    shown = fabric("GET", job).json()
    assert shown == {"id": job.rsplit("/", 1)[1], "displayName": "airflow-dev", "description": "of dev",
                     "type": "ApacheAirflowJob", "workspaceId": WORKSPACE_ID}  # fmt: skip
    assert refusal(fabric("POST", JOBS, {"displayName": "AIRFLOW-DEV"})) == (409, "ItemDisplayNameAlreadyInUse")
    assert fabric("PATCH", job, {"description": "owner tag"}).json() == {**shown, "description": "owner tag"}
    assert fabric("PATCH", job, {"displayName": "airflow-dev"}).status == 200
    assert refusal(fabric("PATCH", job, {})) == (400, "InvalidRequest")
    assert fabric("DELETE", f"{job}?hardDelete=true").status == 200
    assert refusal(fabric("GET", job)) == (404, "ItemNotFound")
    assert fabric("GET", JOBS).json() == {"value": []}


@pytest.mark.parametrize("body", [{}, {"displayName": ""}, {"displayName": "a", "description": "x" * 257}])
def test_a_job_needs_a_name_and_a_description_is_short(fabric: Fabric, body: dict[str, str]) -> None:
    assert refusal(fabric("POST", JOBS, body)) == (400, "InvalidRequest")


def test_long_lists_come_in_pages(fabric: Fabric) -> None:
    for name in "abc":
        fabric.job(name)
    fabric.settings(page_size=2)
    first = fabric("GET", f"{JOBS}?recursive=true").json()
    assert first["continuationUri"].startswith(f"{FABRIC}{JOBS}?recursive=true&continuationToken=")
    second = fabric("GET", first["continuationUri"].removeprefix(FABRIC)).json()
    assert (len(first["value"]), len(second["value"]), second.keys()) == (2, 1, {"value"})
    assert refusal(fabric("GET", f"{JOBS}?continuationToken=nonsense")) == (400, "InvalidRequest")


def test_a_definition_has_settings_and_files(fabric: Fabric) -> None:
    job = fabric.job()
    fabric("PUT", f"{job}/files/dags/old.py?beta=true", {})
    airflow = {"airflowEnvironmentVariables": {"A": "b"}, "airflowRequirements": ["one==1"]}
    parts = {CONTENT: content(**airflow), "dags/new.py": b"print()"}
    accepted = fabric("POST", f"{job}/updateDefinition", definition(**parts))
    assert accepted.status == 202
    operation = accepted.headers["x-ms-operation-id"]
    assert accepted.headers["location"] == f"{FABRIC}/v1/operations/{operation}"
    assert fabric("GET", f"/v1/operations/{operation}").json()["status"] == "Succeeded"
    assert refusal(fabric("GET", f"/v1/operations/{operation}/result")) == (400, "OperationHasNoResult")
    exported = parts_of(fabric("POST", f"{job}/getDefinition"))
    assert exported.keys() == {CONTENT, ".platform", "dags/new.py"}
    assert exported["dags/new.py"] == b"print()"
    properties = json.loads(exported[CONTENT])["properties"]["typeProperties"]
    assert airflow.items() <= properties["airflowProperties"].items()
    assert properties["airflowProperties"]["airflowVersion"] == "2.10.5"
    assert properties["computeProperties"]["computePool"] == "StarterPool"
    settings = fabric("GET", f"{job}/environment/settings?beta=true").json()
    assert settings["environmentVariables"] == [{"name": "A", "value": "b"}]


def test_a_definition_names_the_pool(fabric: Fabric) -> None:
    job = fabric.job()
    created = fabric("POST", f"{JOBS}/poolTemplates?beta=true", POOL).json()
    for pool_id, expected in ((created["id"], 202), ("3f0b8c1e-7d52-5f0a-9b57-1c2f6d1f4e11", 404)):
        compute = {"poolId": pool_id, "poolName": "own"}
        part = {"properties": {"type": "Airflow", "typeProperties": {"computeProperties": compute}}}
        assert fabric("POST", f"{job}/updateDefinition", definition(**{CONTENT: part})).status == expected
        shown = fabric("GET", f"{job}/environment/compute?beta=true").json()
        assert shown["poolTemplateId"] == created["id"]


def test_metadata_of_a_definition_is_taken_on_request(fabric: Fabric) -> None:
    job = fabric.job()
    platform = {"metadata": {"type": "ApacheAirflowJob", "displayName": "other", "description": "new"}}
    body = definition(**{CONTENT: content(), ".platform": platform})
    fabric("POST", f"{job}/updateDefinition", body)
    assert fabric("GET", job).json()["displayName"] == "airflow-dev"
    fabric("POST", f"{job}/updateDefinition?updateMetadata=true", body)
    assert (fabric("GET", job).json()["displayName"], fabric("GET", job).json()["description"]) == ("other", "new")


def test_a_job_is_created_with_its_definition(fabric: Fabric) -> None:
    job = fabric.job(**definition(**{CONTENT: content(enableTriggerers=True)}))
    assert fabric("GET", f"{job}/environment/settings?beta=true").json()["triggerers"] == "Enabled"


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"ApacheAirflowJobV1.json": content()},
        {CONTENT: b"no JSON"},
        {CONTENT: {"properties": {"type": "ApacheAirflowJob"}}},
        {CONTENT: content(airflowEnvironmentVariables={"A": 1})},
        {CONTENT: content(airflowRequirements="one")},
        {CONTENT: content(airflowVersion="2.6.3")},
        {CONTENT: content(), "elsewhere/x.py": b""},
    ],
)
def test_a_corrupted_definition_changes_nothing(fabric: Fabric, parts: dict[str, Any]) -> None:
    """The documentation's own name of the first part is refused by the service, whose exports have another."""
    job = fabric.job()
    before = parts_of(fabric("POST", f"{job}/getDefinition"))
    refused = fabric("POST", f"{job}/updateDefinition", definition(**parts))
    assert refusal(refused) == (400, "CorruptedPayload")
    assert parts_of(fabric("POST", f"{job}/getDefinition")) == before
    broken = {"definition": {"parts": [{"path": CONTENT, "payload": "*"}]}}
    assert refusal(fabric("POST", f"{job}/updateDefinition", broken)) == (400, "CorruptedPayload")
