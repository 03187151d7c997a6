"""HDInsight on AKS: the seeded cluster, other clusters, and jobs, whose jar the cluster's identity reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure
    from tests.localazure.lake import Lake

VERSION = "api-version=2024-05-01-preview"
POOL = "/resourceGroups/flink-platform/providers/Microsoft.HDInsight/clusterpools/flink-pool"
CLUSTER = f"{POOL}/clusters/flink-cluster"


def call(azure: LocalAzure, method: str, path: str, body: Any = None, *, query: str = "") -> Answer:
    return azure.request(method, f"{ARM}{azure.subscription}{path}?{VERSION}{query}", body)


def run(azure: LocalAzure, **properties: Any) -> Answer:
    """Run an action on a job and wait for its result."""
    accepted = call(azure, "POST", f"{CLUSTER}/runJob", {"properties": {"jobType": "FlinkJob", **properties}})
    if accepted.status != 202:
        return accepted
    assert azure.request("GET", accepted.headers["location"]).status in {200, 202}
    azure.advance(60)
    return azure.request("GET", accepted.headers["location"])


def new_job(lake: Lake, name: str = "wordcount") -> dict[str, Any]:
    return {
        "action": "NEW",
        "jobName": name,
        "jobJarDirectory": f"abfs://jobs@{lake.name}.dfs.core.windows.net/jars",
        "jarName": "job.jar",
        "entryClass": "example.WordCount",
        "args": "--input a --output b",
        "flinkConfiguration": {"parallelism": "1"},
    }


def identity_object_id(azure: LocalAzure) -> str:
    profile = call(azure, "GET", CLUSTER).json()["properties"]["clusterProfile"]
    return str(profile["identityProfile"]["msiObjectId"])


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    """An account with a jar that the cluster may not read yet."""
    lake = lakes.create_lake(azure_env)
    with lake.files() as service:
        file = service.create_file_system("jobs").get_file_client("jars/job.jar")
        file.upload_data(b"PK", overwrite=True)
    return lake


def test_the_seeded_cluster_has_its_identity_in_both_profiles(azure: LocalAzure) -> None:
    profile = call(azure, "GET", CLUSTER).json()["properties"]["clusterProfile"]
    (listed,) = profile["managedIdentityProfile"]["identityList"]
    assert listed["objectId"] == profile["identityProfile"]["msiObjectId"]
    url = f"{ARM}{listed['resourceId']}?api-version=2023-01-31"
    assert azure.request("GET", url).json()["properties"]["principalId"] == listed["objectId"]
    assert [one["name"] for one in call(azure, "GET", f"{POOL}/clusters").json()["value"]] == ["flink-cluster"]
    assert call(azure, "GET", POOL).json()["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize("member", ["identityProfile", "managedIdentityProfile"])
def test_a_cluster_may_have_its_identity_in_one_profile_only(azure: LocalAzure, member: str) -> None:
    seeded = call(azure, "GET", CLUSTER).json()
    profile = {
        "clusterVersion": "1.2.0",
        "ossVersion": "1.17.0",
        member: seeded["properties"]["clusterProfile"][member],
    }
    body = {
        "location": "westeurope",
        "tags": {"a": "b"},
        "properties": {**seeded["properties"], "clusterProfile": profile},
    }
    path = f"{POOL}/clusters/other"
    created = call(azure, "PUT", path, body)
    assert (created.status, created.json()["properties"]["provisioningState"]) == (201, "Accepted")
    azure.advance(60)
    cluster = call(azure, "GET", path).json()
    assert cluster["properties"]["provisioningState"] == "Succeeded"
    assert set(cluster["properties"]["clusterProfile"]) & {"identityProfile", "managedIdentityProfile"} == {member}
    assert call(azure, "PATCH", path, {"tags": {"c": "d"}}).json()["tags"] == {"c": "d"}
    assert call(azure, "DELETE", path).status == 202
    azure.advance(60)
    assert call(azure, "GET", path).json()["error"]["code"] == "ResourceNotFound"
    assert call(azure, "DELETE", path).status == 204


def test_a_job_runs_only_if_the_cluster_s_identity_may_read_its_jar(lake: Lake) -> None:
    azure = lake.azure
    failed = run(azure, **new_job(lake, "first")).json()["properties"]
    assert (failed["actionResult"], failed["status"]) == ("FAILED", "JOB_LAUNCH_FAILED")
    assert failed["jobOutput"].startswith("Job execution failed. \nFailed to download jar")
    assert '"This request is not authorized' in failed["jobOutput"]
    assert "403" in failed["jobOutput"]
    assert "AuthorizationPermissionMismatch" in failed["jobOutput"]
    lake.grant(lakes.OWNER, identity_object_id(azure))
    done = run(azure, **new_job(lake, "second")).json()["properties"]
    assert (done["actionResult"], done["status"], done["jarName"]) == ("SUCCESS", "RUNNING", "job.jar")
    missing = run(azure, **{**new_job(lake, "third"), "jarName": "none.jar"}).json()["properties"]
    assert (missing["actionResult"], "PathNotFound" in missing["jobOutput"]) == ("FAILED", True)


def test_a_job_is_stopped_started_cancelled_and_deleted(lake: Lake) -> None:
    azure = lake.azure
    lake.grant(lakes.OWNER, identity_object_id(azure))
    run(azure, **new_job(lake))
    stopped = run(azure, action="STOP", jobName="wordcount").json()["properties"]
    assert stopped["status"] == "STOPPED"
    assert stopped["jobOutput"] == f"Savepoint completed. Path: {stopped['lastSavePoint']}"
    again = run(azure, action="STOP", jobName="wordcount").json()["properties"]
    assert (again["status"], again["actionResult"]) == ("STOPPED", "FAILED")
    assert run(azure, action="START", jobName="wordcount").json()["properties"]["status"] == "RUNNING"
    assert run(azure, action="CANCEL", jobName="wordcount").json()["properties"]["status"] == "CANCELED"
    run(azure, action="DELETE", jobName="wordcount")
    assert call(azure, "GET", f"{CLUSTER}/jobs").json()["value"] == []


def test_a_job_that_runs_is_not_deleted(lake: Lake) -> None:
    azure = lake.azure
    lake.grant(lakes.OWNER, identity_object_id(azure))
    run(azure, **new_job(lake))
    refused = run(azure, action="DELETE", jobName="wordcount").json()["properties"]
    assert (refused["actionResult"], refused["status"]) == ("FAILED", "RUNNING")
    assert [one["properties"]["jobName"] for one in call(azure, "GET", f"{CLUSTER}/jobs").json()["value"]] == [
        "wordcount"
    ]


def test_jobs_are_listed_by_name_and_jar(lake: Lake) -> None:
    azure = lake.azure
    for name in ("one", "two"):
        run(azure, **new_job(lake, name))

    def names(query: str) -> list[str]:
        jobs = call(azure, "GET", f"{CLUSTER}/jobs", query=query).json()["value"]
        return [job["properties"]["jobName"] for job in jobs]

    assert names("") == ["one", "two"]
    assert names("&$filter=jobName eq one") == ["one"]
    assert names("&$filter=jarName eq 'job.jar'") == ["one", "two"]
    assert call(azure, "GET", f"{CLUSTER}/jobs", query="&$filter=status eq x").status == 400


def test_the_id_of_a_job_ends_with_its_run_and_it_has_no_name(lake: Lake) -> None:
    """Recorded in the tests of Azure's own command line, whose list has a job with a runId chosen by the client."""
    azure = lake.azure
    run(azure, **new_job(lake, "one"))
    result = run(azure, **new_job(lake, "two"), runId="mine").json()
    one, two = call(azure, "GET", f"{CLUSTER}/jobs").json()["value"]
    assert set(one) == set(two) == {"id", "properties"}
    assert result == two
    assert re.fullmatch(r"job-[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", one["properties"]["runId"])
    assert [job["id"].rsplit("/jobs/", 1)[1] for job in (one, two)] == [one["properties"]["runId"], "mine"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"jobName": "WordCount"}, 400),
        ({"entryClass": ""}, 400),
        ({"flinkConfiguration": {}}, 400),
        ({"flinkConfiguration": "x"}, 400),
        ({"jobType": "SparkJob"}, 400),
        ({"action": "EXPLODE"}, 400),
        ({"action": "STOP"}, 404),
    ],
)
def test_a_job_that_is_not_valid_is_refused_at_once(lake: Lake, changed: dict[str, Any], status: int) -> None:
    refused = run(lake.azure, **{**new_job(lake), **changed})
    assert refused.status == status
    assert refused.json()["error"]["message"]


def test_a_second_new_job_of_the_same_name_is_a_conflict(lake: Lake) -> None:
    run(lake.azure, **new_job(lake))
    assert run(lake.azure, **new_job(lake)).status == 409


def test_running_a_job_needs_a_role_on_the_cluster(lake: Lake) -> None:
    azure = lake.azure
    client = azure.new_client("api")
    url = f"{ARM}{azure.subscription}{CLUSTER}/runJob?{VERSION}"
    body = {"properties": {"jobType": "FlinkJob", **new_job(lake)}}
    refused = azure.request("POST", url, body, token=azure.token(ARM, *client))
    assert (refused.status, refused.json()["error"]["code"]) == (403, "AuthorizationFailed")
    contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    lakes.assign_role(azure, f"{azure.subscription}{CLUSTER}", contributor, lakes.principal_id(azure, client[0]))
    assert azure.request("POST", url, body, token=azure.token(ARM, *client)).status == 202


def test_a_cluster_of_the_wrong_shape_is_400_and_changes_nothing(azure: LocalAzure) -> None:
    before = call(azure, "GET", CLUSTER).json()
    wrong = {"properties": {"clusterProfile": {"identityProfile": "x"}}}
    assert call(azure, "PATCH", CLUSTER, wrong).status == 400
    assert call(azure, "PUT", CLUSTER, {"location": "westeurope", **wrong}).status == 400
    assert call(azure, "GET", CLUSTER).json() == before
