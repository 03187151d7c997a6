"""The environment of an Airflow job of Fabric: status, settings, requirements, files, pools and its web server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.localazure.fabric.workspace import FABRIC, JOBS, POOL, Fabric, refusal

DATA_FACTORY = "5d13f7d7-0567-429c-9880-320e9555e5fc"


def status(fabric: Fabric, job: str) -> str:
    return str(fabric("GET", f"{job}/environment?beta=true").json()["status"])


def test_what_is_in_beta_has_to_be_asked_for(fabric: Fabric) -> None:
    job = fabric.job()
    for path in (f"{job}/environment", f"{job}/files", f"{job}/environment/settings", f"{JOBS}/poolTemplates"):
        assert refusal(fabric("GET", path)) == (400, "InvalidRequest")
        assert refusal(fabric("GET", f"{path}?beta=false")) == (400, "InvalidRequest")
        assert fabric("GET", f"{path}?beta=true").status == 200


def test_an_environment_is_started_and_stopped(fabric: Fabric) -> None:
    fabric.settings(start_seconds=180)
    job = fabric.job()
    assert status(fabric, job) == "Initial"
    accepted = fabric("POST", f"{job}/environment/start?beta=true")
    location = accepted.headers["location"].removeprefix(FABRIC)
    assert (accepted.status, status(fabric, job), fabric("GET", location).json()["status"]) == (
        202,
        "Starting",
        "Running",
    )
    fabric.azure.advance(181)
    assert (status(fabric, job), fabric("GET", location).json()["percentComplete"]) == ("Started", 100)
    assert fabric("POST", f"{job}/environment/start?beta=true").status == 200
    assert [fabric("POST", f"{job}/environment/stop?beta=true").status for _ in range(2)] == [202, 200]
    assert status(fabric, job) == "Stopped"
    fabric.settings(state="Failed")
    assert status(fabric, job) == "Failed"
    assert refusal(fabric("GET", "/v1/operations/none")) == (404, "OperationNotFound")


def test_an_update_replaces_the_whole_list_and_rebuilds_what_runs(fabric: Fabric) -> None:
    job, path = fabric.started(), "environment/updateSettings?beta=true"
    fabric.settings(rollout_seconds=600)
    first = {"environmentVariables": [{"name": "A", "value": "1"}], "triggerers": "Enabled"}
    assert fabric("POST", f"{job}/{path}", first).status == 202
    assert status(fabric, job) == "Upgrading"
    fabric.azure.advance(601)
    assert status(fabric, job) == "Started"
    second: dict[str, Any] = {
        "environmentVariables": [],
        "airflowConfigurationOverrides": [{"name": "B", "value": "2"}],
    }
    fabric("POST", f"{job}/{path}", second)
    shown = fabric("GET", f"{job}/environment/settings?beta=true").json()
    assert shown == {**second, "triggerers": "Enabled"}


@pytest.mark.parametrize(
    "body",
    [
        {"environmentVariables": [{"name": "AZURE_CLIENT_ID", "value": "x"}]},
        {"environmentVariables": [{"name": "AZURE_TENANT_ID", "value": "x"}]},
        {"environmentVariables": [{"name": "AZURE_AUTHORITY_HOST", "value": "x"}]},
        {"environmentVariables": [{"name": "A"}]},
        {"environmentVariables": [{"name": "A", "value": 1}]},
        {"triggerers": "Some"},
    ],
)
def test_invalid_settings_are_refused(fabric: Fabric, body: dict[str, Any]) -> None:
    job = fabric.job()
    assert refusal(fabric("POST", f"{job}/environment/updateSettings?beta=true", body)) == (400, "InvalidRequest")


def test_variables_are_not_reserved_without_fabric_connections_and_may_be_masked(fabric: Fabric) -> None:
    job = fabric.job()
    fabric.settings(fabric_connections=False, mask_variables=["B"])
    variables = [{"name": "AZURE_CLIENT_ID", "value": "x"}, {"name": "B", "value": "y"}]
    body = {"environmentVariables": variables}
    assert fabric("POST", f"{job}/environment/updateSettings?beta=true", body).status == 202
    shown = fabric("GET", f"{job}/environment/settings?beta=true").json()["environmentVariables"]
    assert shown == [variables[0], {"name": "B", "value": "**********"}]


def test_requirements_are_deployed_to_what_runs_from_the_body_or_a_file(fabric: Fabric) -> None:
    job, path = fabric.job(), "environment/deployRequirements?beta=true"
    assert refusal(fabric("POST", f"{job}/{path}", b"one==1")) == (400, "InvalidRequest")
    fabric("POST", f"{job}/environment/start?beta=true")
    assert fabric("POST", f"{job}/{path}", b"one[x]==1\n# no\n\ntwo\n").status == 202
    libraries = fabric("GET", f"{job}/environment/libraries?beta=true").json()["value"]
    assert [(one["name"], one["version"], one["source"]) for one in libraries] == [
        ("one", "1", "PyPI"),
        ("two", "", "PyPI"),
    ]
    fabric("PUT", f"{job}/files/dags/requirements.txt?beta=true", b"three==3\n")
    assert fabric("POST", f"{job}/{path}&filePath=dags/requirements.txt").status == 202
    assert fabric("GET", f"{job}/environment/libraries?beta=true").json()["value"][0]["name"] == "three"
    assert refusal(fabric("POST", f"{job}/{path}&filePath=dags/none.txt")) == (404, "ItemNotFound")


def test_files_are_written_listed_by_folder_and_read(fabric: Fabric) -> None:
    job = fabric.job()
    for path, text in (("dags/one.py", b"print()"), ("dags/sub/two.py", b""), ("plugins/p.py", b"p")):
        assert fabric("PUT", f"{job}/files/{path}?beta=true", text).status == 200
    read = fabric("GET", f"{job}/files/dags/one.py?beta=true")
    assert (read.body, read.headers["content-type"]) == (b"print()", "application/octet-stream")

    def listed(query: str) -> list[str]:
        return [one["filePath"] for one in fabric("GET", f"{job}/files?beta=true{query}").json()["value"]]

    assert listed("") == ["dags/one.py", "plugins/p.py"]
    assert listed("&rootPath=dags/sub") == ["dags/sub/two.py"]
    assert refusal(fabric("GET", f"{job}/files?beta=true&rootPath=logs")) == (400, "InvalidRequest")
    assert [fabric("DELETE", f"{job}/files/dags/one.py?beta=true").status for _ in range(2)] == [200, 404]
    assert refusal(fabric("GET", f"{job}/files/dags/one.py?beta=true")) == (404, "ItemNotFound")
    fabric.settings(missing_file_status=500)
    assert fabric("GET", f"{job}/files/dags/one.py?beta=true").status == 500


def test_a_file_is_in_dags_or_plugins_and_has_2_mb_at_most(fabric: Fabric) -> None:
    job = fabric.job()
    for path in ("logs/x", "dags/", "dags/%2E%2E/x"):
        assert refusal(fabric("PUT", f"{job}/files/{path}?beta=true", b"x")) == (400, "InvalidRequest")
    assert fabric("PUT", f"{job}/files/dags/x?beta=true", b"x" * (2 << 20)).status == 200
    assert refusal(fabric("PUT", f"{job}/files/dags/x?beta=true", b"x" * ((2 << 20) + 1))) == (400, "InvalidRequest")


def test_a_job_runs_on_the_starter_pool_or_on_one_of_your_own(fabric: Fabric) -> None:
    pools, settings = f"{JOBS}/poolTemplates", f"{JOBS}/settings?beta=true"
    created = fabric("POST", f"{pools}?beta=true", POOL)
    pool = created.json()
    assert (created.status, created.headers["location"]) == (201, f"{FABRIC}{pools}/{pool['id']}")
    assert pool == {**POOL, "id": pool["id"], "shutdownPolicy": "AlwaysOn"}
    assert fabric("GET", f"{pools}?beta=true").json() == {"value": [pool]}
    assert fabric("GET", f"{pools}/{pool['id']}?beta=true").json() == pool
    job = fabric.job()
    compute = f"{job}/environment/compute?beta=true"
    assert fabric("GET", compute).json()["poolTemplateName"] == "StarterPool"
    body = {"poolTemplateId": pool["id"]}
    assert fabric("POST", f"{job}/environment/updateCompute?beta=true", body).status == 202
    shown = fabric("GET", compute).json()
    assert (shown["poolTemplateName"], shown["nodeSize"]) == ("own", "Large")
    assert shown["apacheAirflowJobVersionDetails"] == {"apacheAirflowVersion": "2.10.5", "pythonVersion": "3.12"}
    assert fabric("PATCH", settings, {"defaultPoolTemplateId": pool["id"]}).status == 200
    assert fabric("GET", settings).json() == {"defaultPoolTemplateId": pool["id"]}
    assert fabric("GET", f"{fabric.job('two')}/environment/compute?beta=true").json()["poolTemplateId"] == pool["id"]
    assert [fabric("DELETE", f"{pools}/{pool['id']}?beta=true").status for _ in range(2)] == [200, 404]
    assert refusal(fabric("POST", f"{job}/environment/updateCompute?beta=true", body)) == (404, "ItemNotFound")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"nodeSize": "Medium"},
        {"computeScalability": {"minNodeCount": 4, "maxNodeCount": 8}},
        {"computeScalability": {"minNodeCount": 6, "maxNodeCount": 5}},
        {"apacheAirflowJobVersion": "2.10.5"},
    ],
)
def test_an_invalid_pool_is_refused(fabric: Fabric, changes: dict[str, Any]) -> None:
    answer = fabric("POST", f"{JOBS}/poolTemplates?beta=true", {**POOL, **changes})
    assert refusal(answer) == (400, "InvalidRequest")


def test_the_web_server_of_a_job_is_for_contributors_while_its_environment_runs(fabric: Fabric) -> None:
    job = fabric.job()
    (shown,) = fabric.azure.control("GET", "/airflow-jobs")
    token = fabric.azure.token(DATA_FACTORY)
    url = f"{shown['url']}/api/v1/dags"
    assert (shown["name"], shown["status"], "signs_in" in shown) == ("airflow-dev", "Initial", False)
    assert fabric.azure.request("GET", url, token=token).status == 503
    fabric("POST", f"{job}/environment/start?beta=true")
    absent = fabric.azure.request("GET", url, token=token)
    assert (absent.status, "runtimes up" in absent.json()["detail"]) == (404, True)
    by_name = "https://airflow-dev.fabric.airflow.svc.datafactory.azure.com/api/v1/dags"
    assert fabric.azure.request("GET", by_name, token=token).status == 404
    assert fabric.azure.request("GET", by_name, token=token).json() == absent.json()
    assert fabric.azure.request("GET", url, token=fabric.azure.token(FABRIC)).status == 401
    fabric.settings(roles={})
    assert fabric.azure.request("GET", url, token=token).status == 403
    fabric("DELETE", job)
    unknown = f"https://{'0' * 32}.fabric.airflow.svc.datafactory.azure.com/"
    assert fabric.azure.request("GET", unknown, token=token).status == 404


@pytest.mark.parametrize("arguments", ["no JSON", "[1]", '{"vault_url": "x"}'])
def test_workers_without_a_credential_sign_in_nowhere(fabric: Fabric, arguments: str) -> None:
    set_arguments(fabric, arguments)
    (shown,) = fabric.azure.control("GET", "/airflow-jobs")
    assert "signs_in" not in shown


def test_workers_sign_in_with_what_their_environment_has_once_it_is_rolled_out(fabric: Fabric) -> None:
    client, secret = fabric.azure.new_client("airflow")
    fabric.settings(workers_lag_seconds=60.0)
    set_arguments(fabric, json.dumps({"client_id": client, "client_secret": secret.reveal()}))
    assert "signs_in" not in fabric.azure.control("GET", "/airflow-jobs")[0]
    fabric.azure.advance(61.0)
    fabric.azure.tokens.clear()
    (shown,) = fabric.azure.control("GET", "/airflow-jobs")
    assert (shown["signs_in"], shown["client_id"], bool(shown["key_id"])) == (True, client, True)
    assert secret.reveal() not in json.dumps(shown)


def test_an_operation_can_end_badly(fabric: Fabric) -> None:
    fabric.settings(operation_error="RequirementsNotInstalled")
    accepted = fabric("POST", f"{fabric.job()}/environment/start?beta=true")
    state = fabric("GET", accepted.headers["location"].removeprefix(FABRIC)).json()
    assert (state["status"], state["error"]["errorCode"]) == ("Failed", "RequirementsNotInstalled")


def set_arguments(fabric: Fabric, arguments: str) -> None:
    """Of the secrets backend of a new job that runs."""
    overrides = [{"name": "AIRFLOW__SECRETS__BACKEND_KWARGS", "value": arguments}]
    body = {"airflowConfigurationOverrides": overrides}
    assert fabric("POST", f"{fabric.started()}/environment/updateSettings?beta=true", body).status == 202
