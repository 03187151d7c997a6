"""Real Airflow runtime an emulated runtime: the versions of Data Factory and Fabric, and the newest."""

from __future__ import annotations

import http.client
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app import process
from tests import emulator
from tests.clients import azure_resources
from tests.emulator import ARM
from tests.localazure.datafactory import test_factories as factories
from tests.localazure.runtimes import airflow_runtime as airflow_runtimes
from tests.process_exit import ended, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure
    from tests.localazure.runtimes.airflow_runtime import AirflowRuntime

NEWEST = "3.3.2"
ROLLOUT_SECONDS = 600


@pytest.fixture
def own_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure of the test's own, so that others neither wait for its Airflow nor reset it."""
    state = tmp_path_factory.mktemp("azure")
    try:
        yield emulator.start(state)
    finally:
        process.stop(state)


@pytest.mark.parametrize("version", [NEWEST, "2.10.5", "2.6.3"])
def test_a_runtime_runs_its_dags_with_the_deployed_settings(own_azure: LocalAzure, version: str) -> None:
    """One scenario, since a start takes seconds: refused tokens, a run without and with its grant, the UI, the end."""
    runtime = airflow_runtimes.make(own_azure, version)
    status = runtime.start()
    assert [address.rpartition(":")[0] for address in status["listening"]] == ["127.0.0.1"]
    assert runtime.request("version").json()["version"] == version
    it_requires_a_token_of_entra(runtime)
    its_own_port_requires_its_user_s_password(runtime, status["url"])
    runtime.wait_until(lambda: runtime.request("dags/reads").status, lambda status: status == 200)
    a_run_without_the_grant_fails_with_the_reason_in_its_log(runtime)
    azure_resources.grant(own_azure, runtime.vault, azure_resources.SECRETS_USER, runtime.client[0])
    state, log = runtime.run()
    assert state == "success", log
    assert "VARIABLE a word out of the vault" in log
    assert "COLOUR green" in log
    it_shows_import_errors(runtime)
    pages_are_forwarded_unchanged(runtime)
    if version == NEWEST:
        tasks_see_changed_variables_once_they_are_rolled_out(runtime)
    no_process_is_left(runtime, killed=version != NEWEST)


def it_requires_a_token_of_entra(runtime: AirflowRuntime) -> None:
    without = runtime.request("dags", token="")
    assert (without.status, without.json()["title"]) == (401, "Unauthorized")
    assert without.headers["content-type"] == "application/problem+json"
    for_vaults = runtime.request("dags", token=runtime.azure.token(azure_resources.VAULTS))
    assert for_vaults.status == 401
    stranger = runtime.azure.token(ARM, *runtime.client)
    forbidden = runtime.request("dags/reads/dagRuns", "POST", {}, token=stranger)
    assert (forbidden.status, forbidden.json()["title"]) == (403, "Forbidden")
    assert runtime.request("dags/none").status == 404


def its_own_port_requires_its_user_s_password(runtime: AirflowRuntime, url: str) -> None:
    """A program on this machine, or a web page that finds the port, gets no further than the sign-in page."""
    api = "/api/v2" if runtime.is_airflow_3 else "/api/v1"
    for method, path in (("GET", f"{api}/variables"), ("POST", f"{api}/dags/reads/dagRuns")):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        page = {"Host": "evil.example", "Origin": "https://evil.example", "Content-Type": "application/json"}
        connection.request(method, path, "{}" if method == "POST" else None, page)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, None)
        connection.close()


def a_run_without_the_grant_fails_with_the_reason_in_its_log(runtime: AirflowRuntime) -> None:
    state, log = runtime.run()
    assert state == "failed"
    assert "ForbiddenByRbac" in log


def it_shows_import_errors(runtime: AirflowRuntime) -> None:
    def errors() -> list[Any]:
        return runtime.request("importErrors").json()["import_errors"]

    (error,) = runtime.wait_until(errors, bool)
    assert error["filename"].endswith("broken.py")
    assert "a_module_that_nobody_wrote" in error["stack_trace"]


def pages_are_forwarded_unchanged(runtime: AirflowRuntime) -> None:
    """Redirects, cookies, compression, responses without a body."""
    azure, page = runtime.azure, f"{runtime.web}/{'' if runtime.is_airflow_3 else 'login/'}"
    response = azure.request("GET", page, headers={"Accept-Encoding": "gzip"})
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/html")
    head = azure.request("HEAD", runtime.static_file_url)
    assert (head.body, head.status, int(head.headers["content-length"]) > 0) == (b"", 200, True)
    whole = azure.request("GET", runtime.static_file_url)
    assert len(whole.body) == int(head.headers["content-length"])
    unchanged = azure.request("GET", runtime.static_file_url, headers={"If-None-Match": whole.headers["etag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")
    redirect = azure.request("GET", f"{runtime.web}/{'api/v2/auth/login' if runtime.is_airflow_3 else 'home'}")
    assert redirect.status in {302, 307}
    assert "127.0.0.1" not in redirect.headers["location"]


def tasks_see_changed_variables_once_they_are_rolled_out(runtime: AirflowRuntime) -> None:
    azure, before = runtime.azure, runtime.status()["pids"]
    azure.control("PUT", "/settings/airflow", {"rollout_seconds": ROLLOUT_SECONDS})
    runtime.deploy(COLOUR="blue")
    state, log = runtime.run()
    assert (state, "COLOUR green" in log) == ("success", True)
    azure.advance(ROLLOUT_SECONDS + 1)
    azure.tokens.clear()
    refused = runtime.request("dags")  # it is being rebuilt
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    runtime.wait_until(lambda: runtime.status()["state"], lambda state: state == "ready")
    assert not set(before) & set(runtime.status()["pids"])
    assert runtime.request("dags/reads/dagRuns/run-1").json()["state"] == "failed"  # the database stays
    state, log = runtime.run()
    assert (state, "COLOUR blue" in log) == ("success", True)


def no_process_is_left(runtime: AirflowRuntime, *, killed: bool) -> None:
    """After `local down`, and after the server was killed."""
    watched = watch(runtime.status()["pids"])
    if killed:
        server = int((runtime.azure.state / "alive.lock").read_text())
        os.kill(server, signal.SIGKILL)
    else:
        process.stop(runtime.azure.state)
    assert ended(watched, 30)


def test_requirements_that_cannot_be_installed_are_reported_with_uv_s_output(own_azure: LocalAzure) -> None:
    body = factories.runtime(airflowVersion=NEWEST, airflowRequirements=["apache-airflow==2.6.3"])
    factories.airflow_of(factories.call(own_azure, "PUT", factories.RUNTIME, body))
    *_, listing = process.start_and_watch_runtimes(own_azure.state)
    (failed,) = [one for one in listing if one["kind"] == "airflow"]
    assert failed["state"] == "failed"
    assert f"Airflow {NEWEST} cannot be installed with apache-airflow==2.6.3" in failed["failure"]
    assert "unsatisfiable" in failed["failure"]
    assert "Correct the runtime's requirements" in failed["failure"]
    assert not list(Path(failed["log"]).parent.glob("home-*"))
