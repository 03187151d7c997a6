"""Real Airflow behind an emulated runtime: the versions of the service, of Fabric, and the newest."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app import process
from tests import emulator
from tests.clients import world
from tests.emulator import ARM
from tests.ends import ended, watch
from tests.localazure.datafactory import test_factories as factories
from tests.localazure.runtimes import airflow_behind as airflow_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure
    from tests.localazure.runtimes.airflow_behind import Behind

NEWEST = "3.3.2"
ROLLOUT_SECONDS = 600


@pytest.fixture
def own_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure of the test's own: others neither wait for its Airflow nor reset it."""
    state = tmp_path_factory.mktemp("azure")
    try:
        yield emulator.start(state)
    finally:
        process.stop(state)


@pytest.mark.parametrize("version", [NEWEST, "2.10.5", "2.6.3"])
def test_a_runtime_runs_its_dags_as_it_was_deployed(own_azure: LocalAzure, version: str) -> None:
    """One life, since a start costs seconds: refused tokens, a run without its grant, one with it, the UI, the end."""
    behind = airflow_world.make(own_azure, version)
    told = behind.up()
    assert [address.rpartition(":")[0] for address in told["listening"]] == ["127.0.0.1"]
    assert behind.ask("version").json()["version"] == version
    it_wants_a_token_of_entra(behind)
    behind.until(lambda: behind.ask("dags/reads").status, lambda status: status == 200)
    it_says_why_a_run_fails_without_the_grant(behind)
    world.grant(own_azure, behind.vault, world.SECRETS_USER, behind.client[0])
    state, log = behind.run()
    assert state == "success", log
    assert "VARIABLE a word out of the vault" in log
    assert "COLOUR green" in log
    it_shows_files_that_are_no_dags(behind)
    it_passes_pages_on_as_they_come(behind)
    if version == NEWEST:
        tasks_see_changed_variables_once_they_are_rolled_out(behind)
    nothing_is_left(behind, killed=version != NEWEST)


def it_wants_a_token_of_entra(behind: Behind) -> None:
    without = behind.ask("dags", token="")
    assert (without.status, without.json()["title"]) == (401, "Unauthorized")
    assert without.headers["content-type"] == "application/problem+json"
    for_vaults = behind.ask("dags", token=behind.azure.token(world.VAULTS))
    assert for_vaults.status == 401
    stranger = behind.azure.token(ARM, *behind.client)
    forbidden = behind.ask("dags/reads/dagRuns", "POST", {}, token=stranger)
    assert (forbidden.status, forbidden.json()["title"]) == (403, "Forbidden")
    assert behind.ask("dags/none").status == 404


def it_says_why_a_run_fails_without_the_grant(behind: Behind) -> None:
    state, log = behind.run()
    assert state == "failed"
    assert "ForbiddenByRbac" in log


def it_shows_files_that_are_no_dags(behind: Behind) -> None:
    def errors() -> list[Any]:
        return behind.ask("importErrors").json()["import_errors"]

    (found,) = behind.until(errors, bool)
    assert found["filename"].endswith("broken.py")
    assert "a_module_that_nobody_wrote" in found["stack_trace"]


def it_passes_pages_on_as_they_come(behind: Behind) -> None:
    """Redirects, cookies, compression, answers without a body."""
    azure, page = behind.azure, f"{behind.web}/{'' if behind.modern else 'login/'}"
    shown = azure.request("GET", page, headers={"Accept-Encoding": "gzip"})
    assert shown.status == 200
    assert shown.headers["content-type"].startswith("text/html")
    head = azure.request("HEAD", behind.static)
    assert (head.body, head.status, int(head.headers["content-length"]) > 0) == (b"", 200, True)
    whole = azure.request("GET", behind.static)
    assert len(whole.body) == int(head.headers["content-length"])
    same = azure.request("GET", behind.static, headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status, same.body) == (304, b"")
    moved = azure.request("GET", f"{behind.web}/{'api/v2/auth/login' if behind.modern else 'home'}")
    assert moved.status in {302, 307}
    assert "127.0.0.1" not in moved.headers["location"]


def tasks_see_changed_variables_once_they_are_rolled_out(behind: Behind) -> None:
    azure, before = behind.azure, behind.told()["pids"]
    azure.control("PUT", "/settings/airflow", {"rollout_seconds": ROLLOUT_SECONDS})
    behind.deploy(COLOUR="blue")
    state, log = behind.run()
    assert (state, "COLOUR green" in log) == ("success", True)
    azure.advance(ROLLOUT_SECONDS + 1)
    azure.tokens.clear()
    refused = behind.ask("dags")  # it is being rebuilt
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    behind.until(lambda: behind.told()["state"], lambda state: state == "ready")
    assert not set(before) & set(behind.told()["pids"])
    assert behind.ask("dags/reads/dagRuns/run-1").json()["state"] == "failed"  # the database stays
    state, log = behind.run()
    assert (state, "COLOUR blue" in log) == ("success", True)


def nothing_is_left(behind: Behind, *, killed: bool) -> None:
    """After `local down`, and after the server was killed."""
    watched = watch(behind.told()["pids"])
    if killed:
        server = int((behind.azure.state / "alive.lock").read_text())
        os.kill(server, signal.SIGKILL)
    else:
        process.stop(behind.azure.state)
    assert ended(watched, 30)


def test_requirements_that_cannot_be_had_are_told_with_what_uv_said(own_azure: LocalAzure) -> None:
    wanted = factories.runtime(airflowVersion=NEWEST, airflowRequirements=["apache-airflow==2.6.3"])
    factories.airflow_of(factories.call(own_azure, "PUT", factories.RUNTIME, wanted))
    *_, told = process.start_runtimes(own_azure.state)
    (failed,) = [one for one in told if one["kind"] == "airflow"]
    assert failed["state"] == "failed"
    assert f"Airflow {NEWEST} cannot be installed with apache-airflow==2.6.3" in failed["failure"]
    assert "unsatisfiable" in failed["failure"]
    assert "Correct the runtime's requirements" in failed["failure"]
    assert not list(Path(failed["log"]).parent.glob("home-*"))
