"""The section of Airflow in Microsoft Fabric: its workspace, its job, its address, its provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.spec.targets.airflow.fabric import API_SCOPE, FabricAirflow
from tests.environment_files import loaded, problems
from tests.render.rendered_dag import dag_text

if TYPE_CHECKING:
    from pathlib import Path

LEAST = "target: fabric, workspace: Data Team, job: airflow-dev"


def section(tmp_path: Path, more: str = "") -> FabricAirflow:
    airflow = loaded(tmp_path, airflow=f"{{{LEAST}{more}}}").airflow
    assert isinstance(airflow, FabricAirflow)
    return airflow


def test_a_workspace_and_a_job_are_enough(tmp_path: Path) -> None:
    airflow = section(tmp_path)
    assert (airflow.version, airflow.provider_version, airflow.pool) == ("2.10.5", "12.8.1", "starter")
    assert (airflow.url, airflow.api_scope, airflow.own_prefix) == ("", API_SCOPE, "")


def test_its_web_server_is_as_the_jobs_page_shows_it(tmp_path: Path) -> None:
    url = "https://0b6d.westeurope.airflow.svc.datafactory.azure.com"
    assert section(tmp_path, f", url: {url}").url == url


@pytest.mark.parametrize(
    ("more", "path", "says"),
    [
        ("url: 'http://a.example.com'", "airflow.url", "write the address of its web server, which the job's page"),
        ("job: a/b", "airflow.job", "write its name as Fabric shows it"),
        ("version: 3.1.0", "airflow.version", "write 2.10.5, or leave it out"),
        ("provider_version: 7.0.0", "airflow.provider_version", "which Fabric reserves; write 8.0 or newer"),
        ("provider_version: newest", "airflow.provider_version", "write a version such as 12.8.1"),
        ("runtime: a", "airflow.runtime", "is no field here"),
    ],
)
def test_what_cannot_be_says_what_would_be_right(tmp_path: Path, more: str, path: str, says: str) -> None:
    fields = LEAST.replace(", job: airflow-dev", "") if more.startswith("job") else LEAST
    one = problems(tmp_path, airflow=f"{{{fields}, {more}}}")[path]
    assert says in f"{one.wrong}; {one.right}"


def test_its_principal_signs_in_with_a_secret_only(tmp_path: Path) -> None:
    federated = "{federated: {issuer: https://a.io, subjects: [a]}}"
    found = problems(tmp_path, f"principals: {{airflow: {{credential: {federated}}}}}", airflow=f"{{{LEAST}}}")
    assert found["principals.airflow.credential"].right.startswith("write `secret`; only an Airflow that you run")


def test_a_dag_reads_the_jar_with_what_the_secrets_backend_signs_in_with(tmp_path: Path) -> None:
    environment = loaded(tmp_path, airflow=f"{{{LEAST}}}", flink="{target: rest, url: https://flink.example}")
    text = dag_text(environment)
    assert 'json.loads(conf.get("secrets", "backend_kwargs"))' in text
    assert "DefaultAzureCredential" not in text
