"""A job without end is upgraded through savepoints on a real Flink, its DAG killed at every answer: nothing is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.runtimes.flink import front
from tests.clients import airflows
from tests.clients.conftest import told
from tests.clients.environment import HERE
from tests.clients.test_dag import provisioner
from tests.clients.test_provisioned import TOP
from tests.clients.test_rest_dag import RUNTIME, jobs
from tests.emulator import ARM
from tests.localazure.runtimes.conftest import flink_azure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.airflows import Airflow
    from tests.emulator import LocalAzure

__all__ = ["flink_azure"]

DAGS = "https://{}.blob.core.windows.net/airflow/dags"
MANAGEMENT = "management.azure.com"  # what the DAG for HDInsight on AKS asks
IN_THE_LAKE = "abfss://jobs@stflinklocal.dfs.core.windows.net"
JAR = TOP / "templates/jobs/runningtotal/runningtotal.jar"


def deployed(
    azure: LocalAzure, place: Path, name: str = "total", environment: str = "flink-rest", **job: Any
) -> Airflow:
    """An Airflow with the DAG of a job, in `total.py`. name: tells its jobs from those of other tests in this Flink."""
    spec = yaml.safe_load((TOP / f"environments/{environment}.yaml").read_text())
    del spec["job"]
    spec["jobs"] = {name: {"jar": str(JAR), "until": "running", "parallelism": 1, **job}}
    file = place / "env.yaml"
    file.write_text(yaml.safe_dump(spec))
    provisioner(azure, place, "provision", str(file), "--yes")
    runtime = RUNTIME.replace("airflow-rest", spec["airflow"]["runtime"])
    properties = azure.request("GET", f"{ARM}{azure.subscription}{runtime}").json()["properties"]
    variables: dict[str, str] = properties["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
    airflow = airflows.made("airflow-3", place / "airflow-3", told(azure) | variables)
    token = azure.token("https://storage.azure.com")
    url = f"{DAGS.format(spec['storage_account'])}/{name}.py"
    text = azure.request("GET", url, headers={"x_ms_version": "2023-11-03"}, token=token)
    (airflow.dags / "total.py").write_bytes(text.body)
    return airflow


def rounds(airflow: Airflow, output: Path, host: str = front.HOST, *more: str) -> list[dict[str, Any]]:
    """What happened when the DAG's task was killed after each answer of Flink, or of what stands for it."""
    program = str(HERE / "programs/upgrade_job.py")
    done = airflow.call("python", program, str(airflow.dags / "total.py"), str(output), host, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"died"')]


def submitted(airflow: Airflow, conf: str = "{}") -> str:
    """The id of the job after a try of the DAG's task, where the DAG knows one."""
    done = airflow.call("python", str(HERE / "programs/submit_job.py"), str(airflow.dags / "total.py"), conf)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0].removeprefix("FOUND ")).get("id", "")


def awaited(azure: LocalAzure, job: str, state: str) -> None:
    """Ask Flink until the job is in that state, one request after the other."""
    while (now := [one["state"] for one in jobs(azure) if one["jid"] == job]) != [state]:
        assert now


def cancelled(azure: LocalAzure) -> list[str]:
    """The jobs that ran, which are cancelled now."""
    running = [job["jid"] for job in jobs(azure) if job["state"] == "RUNNING"]
    for job in running:
        url = f"https://{front.HOST}{front.PREFIX}/jobs/{job}?mode=cancel"
        assert azure.request("PATCH", url, token=azure.token(f"api://{front.HOST}")).status == 202
    return running


def totals(output: Path) -> list[tuple[int, int]]:
    """The numbers that the job has added, each with the total after it."""
    return [(int(number), int(total)) for number, total in map(str.split, output.read_text().splitlines())]


def await_number(azure: LocalAzure, output: Path) -> None:
    """Ask Flink until the job has added a number, one request after the other."""
    while not (output.exists() and output.read_text().endswith("\n")):
        assert jobs(azure)


def kept(states: Path, upgrade: str) -> dict[str, Any]:
    """How a job is upgraded, and where its state is kept."""
    if upgrade == "savepoint":
        return {"upgrade": upgrade, "savepoints": f"file://{states}"}
    configuration = {
        "state.checkpoints.dir": f"file://{states}",
        "execution.checkpointing.interval": "200 ms",
        "execution.checkpointing.min-pause": "100 ms",
    }
    return {"upgrade": upgrade, "configuration": configuration}


@pytest.mark.parametrize("upgrade", ["savepoint", "last-state"])
def test_killed_after_any_answer_the_next_run_goes_on_with_the_state(
    flink_azure: LocalAzure, tmp_path: Path, upgrade: str
) -> None:
    output = tmp_path / "total"
    airflow = deployed(flink_azure, tmp_path, **kept(tmp_path / "states", upgrade))

    found = rounds(airflow, output)

    (running,) = cancelled(flink_azure)
    assert [one for one in found if "error" in one["finished"]] == []
    assert found[-1]["finished"]["id"] == running
    died = " ".join(one["died"] for one in found)
    assert found[-1]["died"] == ""
    assert "/run" in died, found
    assert ("/stop" if upgrade == "savepoint" else "mode=cancel") in died
    added = totals(output)
    assert added == [(number, number * (number + 1) // 2) for number, _ in added]
    assert added.count((1, 1)) == 1
    if upgrade == "savepoint":
        assert [number for number, _ in added] == [*range(1, len(added) + 1)]
        stops = [path.parent.parent for path in (tmp_path / "states").rglob("_metadata")]
        assert len(stops) == len(set(stops)) > 0  # each stop has a folder of its own


@pytest.mark.parametrize("action", [(), ("STOP",)])
def test_on_hdinsight_on_aks_too_the_next_run_goes_on_with_the_state(
    flink_azure: LocalAzure, tmp_path: Path, action: tuple[str, ...]
) -> None:
    output, name = tmp_path / "total", f"clicks{len(action)}"
    airflow = deployed(flink_azure, tmp_path, name, "local", upgrade="savepoint", savepoints=f"{IN_THE_LAKE}/states")

    found = rounds(airflow, output, MANAGEMENT, *action)

    assert len(cancelled(flink_azure)) == 1
    assert [one for one in found if "error" in one["finished"]] == []
    died = " ".join(one["died"] for one in found)
    assert found[-1]["died"] == ""
    assert "/runJob" in died, found
    added = totals(output)
    assert added == [(number, number * (number + 1) // 2) for number in range(1, len(added) + 1)]


@pytest.mark.parametrize(
    ("environment", "host", "action"),
    [
        ("flink-rest", front.HOST, "cancel"),
        ("flink-rest", front.HOST, "savepoint"),
        ("local", MANAGEMENT, "cancel"),
    ],
)
def test_an_action_by_a_run_of_the_dag_that_is_killed_is_done_by_the_next(
    flink_azure: LocalAzure, tmp_path: Path, environment: str, host: str, action: str
) -> None:
    states = f"file://{tmp_path}" if environment == "flink-rest" else IN_THE_LAKE
    airflow = deployed(
        flink_azure, tmp_path, f"acted{action}", environment, upgrade="savepoint", savepoints=f"{states}/states"
    )

    found = rounds(airflow, tmp_path / "total", host, "submit", action)

    assert [one for one in found if one["finished"].get("action") != action] == []
    assert found[0]["died"], found
    assert len(cancelled(flink_azure)) == (action != "cancel")


@pytest.mark.parametrize("environment", ["flink-rest", "local"])
def test_an_upgrade_without_state_begins_anew(flink_azure: LocalAzure, tmp_path: Path, environment: str) -> None:
    airflow = deployed(
        flink_azure, tmp_path, "anew", environment, upgrade="stateless", args=f"--output {tmp_path}/total"
    )
    for last in ("total", "second"):
        dag = airflow.dags / "total.py"
        dag.write_text(dag.read_text().replace(f"{tmp_path}/total", f"{tmp_path}/{last}"))
        submitted(airflow)
        submitted(airflow)  # it runs already
        await_number(flink_azure, tmp_path / last)
    assert len(cancelled(flink_azure)) == 1
    assert [totals(tmp_path / name)[0] for name in ("total", "second")] == [(1, 1), (1, 1)]


def test_a_job_is_shown_saved_and_cancelled_once_the_spec_no_longer_names_it(
    flink_azure: LocalAzure, tmp_path: Path
) -> None:
    args, file = f"--output {tmp_path}/total", tmp_path / "env.yaml"
    airflow = deployed(
        flink_azure, tmp_path, "shown", upgrade="savepoint", savepoints=f"file://{tmp_path}/states", args=args
    )
    awaited(flink_azure, submitted(airflow), "RUNNING")
    status = json.loads(provisioner(flink_azure, tmp_path, "status", str(file), "--json"))
    (shown,) = status["jobs"][0]["running"]
    saved = json.loads(provisioner(flink_azure, tmp_path, "job", str(file), "shown", "savepoint", "--json"))["running"]
    assert [one["id"] for one in saved] == [shown["id"]]
    assert f"savepoint: file:{tmp_path}/states/shown/" in saved[0]["output"]
    assert submitted(airflow, '{"action": "savepoint"}') == ""
    assert len([*tmp_path.glob("states/shown/*/*/_metadata")]) == 2

    spec = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**spec, "jobs": {"other": spec["jobs"]["shown"]}}))
    said = provisioner(flink_azure, tmp_path, "provision", str(file), "--yes")
    assert f"still running, and no longer in the spec: running total ({shown['id']})" in said
    assert provisioner(flink_azure, tmp_path, "job", str(file), "other", "cancel") == "nothing of other runs\n"
    said = provisioner(flink_azure, tmp_path, "provision", str(file), "--yes", "--stop-jobs")
    assert f"cancelled: running total ({shown['id']})" in said
    assert cancelled(flink_azure) == []
    assert totals(tmp_path / "total")[0] == (1, 1)


def test_only_complete_states_in_the_lake_count_the_newest_last(azure: LocalAzure, tmp_path: Path) -> None:
    states = "abfss://jobs@stflinkrest.dfs.core.windows.net/states"
    airflow = deployed(azure, tmp_path, upgrade="savepoint", savepoints=states)

    def listed() -> list[str]:
        done = airflow.call("python", str(HERE / "programs/list_states.py"), str(airflow.dags / "total.py"))
        lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
        assert lines, done.stdout + done.stderr
        return json.loads(lines[0].removeprefix("FOUND "))

    assert listed() == []
    token = azure.token("https://storage.azure.com")
    for path in ("total/b-0/savepoint-1/_metadata", "total/a-0/savepoint-2/state", "other/c-0/savepoint-3/_metadata"):
        url = f"https://stflinkrest.dfs.core.windows.net/jobs/states/{path}?resource=file"
        assert azure.request("PUT", url, headers={"x_ms_version": "2023-11-03"}, token=token).status == 201
    assert listed() == [f"{states}/total/b-0/savepoint-1"]


def test_a_try_joins_a_job_that_lives_and_starts_another_after_one_that_does_not(
    flink_azure: LocalAzure, tmp_path: Path
) -> None:
    airflow = deployed(flink_azure, tmp_path, args=f"--output {tmp_path}/total")

    first = submitted(airflow)
    awaited(flink_azure, first, "RUNNING")
    assert submitted(airflow) == first
    assert cancelled(flink_azure) == [first]
    awaited(flink_azure, first, "CANCELED")
    second = submitted(airflow)
    awaited(flink_azure, second, "RUNNING")
    cancelled(flink_azure)
    dag = airflow.dags / "total.py"
    dag.write_text(dag.read_text().replace(f"{tmp_path}/total", "/nowhere/total"))
    third = submitted(airflow)
    awaited(flink_azure, third, "FAILED")
    fourth = submitted(airflow)
    assert len({first, second, third, fourth}) == 4
    assert {job[:24] for job in (second, third, fourth)} == {first[:24]}
