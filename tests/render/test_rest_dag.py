"""How the DAG's tasks come to a Flink behind its REST API: the rendered functions against servers that demand it."""

from __future__ import annotations

import ast
import io
import json
from base64 import b64encode
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.recipe.targets.flink.rest import airflow_connection_json
from provisioner.spec.targets.flink.rest import RestFlink
from tests.environment_files import loaded
from tests.render.guarded_flink import LOST, NOT_FOUND, PREFIX, RUNNING, SAVED, VERSION, guarded_flink
from tests.render.rendered_dag import dag_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from provisioner.spec.model import Environment
    from tests.render.guarded_flink import GuardedFlink

    Dag = Callable[..., dict[str, Any]]

WORD = "pässwort: 100%"
BASIC = "auth: {basic: {username: a user, password: '${WORD}'}}"
BEARER = "auth: {bearer: '${TOKEN}'}"
CERTIFICATE = "auth: {certificate: '${CERTIFICATE}'}"
CA = "ca_bundle: ca.pem"
LOGIN = "Basic " + b64encode(f"a user:{WORD}".encode()).decode()


class Failed(Exception):
    """Airflow's AirflowFailException: the task fails and is not tried again."""


@pytest.fixture(autouse=True)
def _worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's machine, which has a password for that host from elsewhere and asks it directly."""
    (tmp_path / "netrc").write_text("machine localhost login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("no_proxy", "localhost")


@pytest.fixture
def flink() -> Iterator[GuardedFlink]:
    with guarded_flink() as made:
        yield made


@pytest.fixture
def flink_for_certificates() -> Iterator[GuardedFlink]:
    with guarded_flink(asks_for_certificate=True) as made:
        yield made


@pytest.fixture
def dag(tmp_path: Path) -> Iterator[Dag]:
    """Renders the DAG for a Flink, with these ways in, and returns all that it defines, as a new process has it."""
    processes: list[dict[str, Any]] = []

    def rendered(flink: GuardedFlink, *ways: str) -> dict[str, Any]:
        (tmp_path / "ca.pem").write_text(flink.ca)
        environ = {"WORD": WORD, "TOKEN": "a-token", "CERTIFICATE": flink.certificate}
        section = f"{{target: rest, url: '{flink.url}', {', '.join(ways)}}}"
        processes.append(_defined(loaded(tmp_path, environ=environ, flink=section)))
        return processes[-1]

    yield rendered
    for names in processes:
        for file in names["FILES"]:
            file.close()
        names["way_in"]()[1].close()


def _defined(environment: Environment) -> dict[str, Any]:
    """With Airflow's parts standing in: its connection is what the recipe writes."""
    assert isinstance(environment.flink, RestFlink)
    document = json.loads(airflow_connection_json(environment.flink).reveal())
    found = SimpleNamespace(
        host=document["host"],
        login=document.get("login"),
        password=document.get("password"),
        extra_dejson=document["extra"],
    )
    names: dict[str, Any] = {"AirflowFailException": Failed, "get_connection": {"flink-api": found}.__getitem__}
    body = [one for one in ast.parse(dag_text(environment)).body if not _of_airflow(one)]
    exec(compile(ast.Module(body, []), "dag", "exec"), names)  # noqa: S102  # the template's own code
    return names


def _of_airflow(statement: ast.stmt) -> bool:
    imported = isinstance(statement, ast.ImportFrom) and str(statement.module).startswith("airflow")
    return imported or isinstance(statement, ast.Try | ast.With)


def comes_in(tasks: dict[str, Any], flink: GuardedFlink) -> None:
    """The first task proves it; a jar is looked for and uploaded the same way."""
    tasks["get_token"]()
    assert tasks["read"]("/config") == {"flink-version": VERSION}
    assert tasks["uploaded_jar"](io.BytesIO(b"jar"), "0" * 64, "job.jar") == "1_job.jar"
    paths = ["GET /config", "GET /config", "GET /jars", "POST /jars/upload"]
    assert flink.calls == [one.replace(" ", f" {PREFIX}") for one in paths]


@pytest.mark.parametrize(
    ("ways", "demanded"),
    [
        ((BASIC,), {"Authorization": LOGIN}),
        ((BEARER,), {"Authorization": "Bearer a-token"}),
        (("headers: {X-Team: a}",), {"X-Team": "a"}),
        (("headers: {Authorization: Token x}",), {"Authorization": "Token x"}),
        ((BASIC, "headers: {X-Team: a}"), {"Authorization": LOGIN, "X-Team": "a"}),
        ((BEARER, "headers: {X-Team: a}"), {"Authorization": "Bearer a-token", "X-Team": "a"}),
    ],
)
def test_a_server_that_demands_headers_lets_in_who_has_them(
    dag: Dag, flink: GuardedFlink, ways: tuple[str, ...], demanded: dict[str, str]
) -> None:
    flink.demanded = demanded
    comes_in(dag(flink, CA, *ways), flink)
    for status in (401, 403, 302):
        flink.calls, flink.refusal = [], status
        for left in sorted({(), ways[1:], ways[:-1]}):
            with pytest.raises(Failed, match=rf"GET /config answered {status}: the server before Flink does not let"):
                dag(flink, CA, *left)["get_token"]()
        assert flink.calls == []


@pytest.mark.parametrize("way", [BASIC, BEARER])
def test_a_credential_that_is_not_the_one_is_refused(dag: Dag, flink: GuardedFlink, way: str) -> None:
    flink.demanded = {"Authorization": "Bearer another"}
    with pytest.raises(Failed, match="does not let the DAG in") as refused:
        dag(flink, CA, way)["get_token"]()
    assert not {WORD, "a-token", LOGIN} & set(str(refused.value).split())


def test_a_server_that_demands_a_client_certificate_lets_in_who_has_it(
    dag: Dag, flink_for_certificates: GuardedFlink
) -> None:
    flink = flink_for_certificates
    comes_in(dag(flink, CA, CERTIFICATE), flink)
    flink.calls = []
    without = dag(flink, CA)
    with pytest.raises(without["Transient"], match="GET /config: no answer"):
        without["get_token"]()
    assert flink.calls == []


@pytest.mark.parametrize("way", [BASIC, BEARER, CERTIFICATE])
def test_a_server_of_a_private_ca_gets_no_credential_unless_that_ca_is_trusted(
    dag: Dag, flink: GuardedFlink, way: str
) -> None:
    without = dag(flink, way)
    with pytest.raises(without["Transient"], match=r"no answer \(SSLError\)"):
        without["get_token"]()
    assert flink.calls == []


def test_its_ca_is_trusted_beside_a_bundle_of_the_workers_own(
    dag: Dag, tmp_path: Path, flink: GuardedFlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = flink.certificate[flink.certificate.index("-----BEGIN CERTIFICATE") :]
    (tmp_path / "other.pem").write_text(other)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    comes_in(dag(flink, CA), flink)


def test_a_savepoint_whose_answer_was_lost_is_found_by_the_next_try(dag: Dag, flink: GuardedFlink) -> None:
    tasks = dag(flink, CA)
    flink.answers |= {
        "GET /jobs/a/savepoints/*": [NOT_FOUND, SAVED],
        "GET /jobs/a": [RUNNING],
        "POST /jobs/a/savepoints": [LOST],
    }
    with pytest.raises(tasks["Transient"], match="POST /jobs/a/savepoints: no answer"):
        tasks["savepoint"]("a", "by-hand")
    assert tasks["savepoint"]("a", "by-hand") == "file:/states/a"
    assert [call.partition(PREFIX)[2] for call in flink.calls if call.startswith("POST")] == ["/jobs/a/savepoints"]
    asked_for = {call.rpartition("/")[2] for call in flink.calls if "/savepoints/" in call}
    assert len(asked_for) == 1


def test_a_savepoint_that_flink_has_forgotten_is_taken_by_the_next_try(dag: Dag, flink: GuardedFlink) -> None:
    tasks = dag(flink, CA)
    in_progress = (200, {"status": {"id": "IN_PROGRESS"}})
    flink.answers |= {
        "GET /jobs/a/savepoints/*": [in_progress, NOT_FOUND, NOT_FOUND, SAVED],
        "GET /jobs/a": [RUNNING],
        "POST /jobs/a/savepoints": [(202, {})],
    }
    with pytest.raises(tasks["Transient"], match="Flink has forgotten the savepoint"):
        tasks["savepoint"]("a", "by-hand")
    assert tasks["savepoint"]("a", "by-hand") == "file:/states/a"


def test_a_savepoint_that_failed_and_a_job_that_is_not_cancelled_fail_the_task(dag: Dag, flink: GuardedFlink) -> None:
    tasks = dag(flink, CA)
    failure = {"failure-cause": {"stack-trace": "java.lang.Exception: x\nCaused by: java.io.IOException: disk is full"}}
    failed = (200, {"status": {"id": "COMPLETED"}, "operation": failure})
    flink.answers |= {
        "GET /jobs/a/savepoints/*": [failed],
        "PATCH /jobs/a?mode=cancel": [(500, {"errors": ["no"]}), (404, {})],
    }
    with pytest.raises(Failed, match=r"no savepoint of a: java\.io\.IOException: disk is full"):
        tasks["savepoint"]("a", "by-hand")
    with pytest.raises(Failed, match=r"does not cancel the job a \(500\): no"):
        tasks["cancel"]("a")
    tasks["cancel"]("a")  # it has ended
