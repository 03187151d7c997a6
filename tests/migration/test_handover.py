"""What a migration does with what goes on in the old Airflow, and that nothing else may run on either beside it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from tests.migration.moving import HOUR, RUN_SECONDS, TEN_MINUTES
from tests.migration.readers import runtime
from tests.migration.trial import Trial
from tests.reliability.leases import turned_away

if TYPE_CHECKING:
    from pathlib import Path

    from tests.child import Child
    from tests.migration.moving import Moving

DAG = "FlinkWordCountExample"
NEW_AIRFLOW = "https://moved.airflow.example"
TOKENS = {NEW_AIRFLOW: "api://airflow.example"}
BY_HAND = "by-hand"


def old_airflow(moving: Moving) -> str:
    """The address of the web server in Data Factory."""
    return str(runtime(moving.old)["airflowWebUrl"]).removesuffix("/login/")


def dag(moving: Moving, url: str, path: str = "", method: str = "GET", body: Any = None) -> Any:
    """What an Airflow says of the DAG."""
    own_prefix = "moved-" if url == NEW_AIRFLOW else ""
    token = moving.azure.token(TOKENS[url]) if url in TOKENS else moving.azure.token()
    answer = moving.azure.request(method, f"{url}/api/v2/dags/{own_prefix}{DAG}{path}", body, token=token)
    assert answer.status == 200, answer.body
    return answer.json()


def runs_of_dag(moving: Moving) -> list[str]:
    """Those that either Airflow has had."""
    return [f"{run['airflow']} {run['dag_run_id']}" for run in moving.runs() if run["dag_id"].endswith(DAG)]


def works_by_hand(moving: Moving) -> None:
    """A run of the old DAG that somebody has triggered, which takes long."""
    url = old_airflow(moving)
    dag(moving, url)  # now all that was due before is over
    slow = {"run_seconds": RUN_SECONDS, "by_dag": {DAG: HOUR}}
    moving.azure.control("PUT", "/settings/modelled-airflow", slow)
    dag(moving, url, "/dagRuns", method="POST", body={"dag_run_id": BY_HAND, "logical_date": None})


def is_over(moving: Moving) -> None:
    """That run, and each later one, ends after a moment."""
    moving.azure.control("PUT", "/settings/modelled-airflow", {"run_seconds": RUN_SECONDS})


def test_nothing_else_runs_on_either_environment_meanwhile(moving: Moving, tmp_path: Path) -> None:
    for one in (moving.old, moving.new):
        one.spec["waits"] = {"lease": "1s"}
    trial = Trial(moving, tmp_path)
    ground, (old, new) = trial.ground, moving.write()
    works_by_hand(moving)
    first = ground.prepare("migrate", str(new), "--yes").begin()
    while f"pausing {DAG} of local" not in first.text:
        assert first.process.is_alive(), first.text

    others = [ground.run("rotate", "--force", spec=old)]
    others += [ground.run("migrate", str(new), "--yes"), ground.run("teardown", spec=new)]

    assert [turned_away(ran) for ran in others] == [True] * 3, others
    is_over(moving)
    ended = ground.ran(first)
    assert ended.code == 0, ended.text
    moving.advance(HOUR)
    assert moving.new.done("verify")
    assert moving.lost_or_twice() == []


def test_a_dag_that_somebody_had_paused_is_not_started_in_the_new_one(moving: Moving) -> None:
    dag(moving, old_airflow(moving), method="PATCH", body={"is_paused": True})
    before = runs_of_dag(moving)

    said = moving.migrate()

    assert (said.code, f"moved-{DAG} stays paused, as it was in local" in said.out) == (0, True), said.out + said.err
    moving.advance(HOUR)
    assert dag(moving, NEW_AIRFLOW)["is_paused"]
    assert runs_of_dag(moving) == before


def test_a_dag_that_somebody_had_paused_stays_paused_when_a_migration_is_undone(moving: Moving) -> None:
    url = old_airflow(moving)
    dag(moving, url, method="PATCH", body={"is_paused": True})
    moving.begin()

    assert moving.migrate("--undo").code == 0

    assert dag(moving, url)["is_paused"]


def test_dag_runs_under_way_are_named_in_the_plan_and_waited_for(moving: Moving) -> None:
    works_by_hand(moving)
    line = f"the run {BY_HAND} of {DAG} is under way, and waited for"

    shown = moving.migrate("--plan-only")
    assert (shown.code, line in shown.out) == (0, True), shown.out + shown.err
    assert moving.migrate("--plan-only", "--json").json()["work"][0] == line
    is_over(moving)
    said = moving.migrate()

    assert said.code == 0, said.out + said.err
    by_hand = [run for run in moving.runs() if run["dag_run_id"] == BY_HAND]
    assert [run["has_worked"] for run in by_hand] == [True]


def test_a_moment_that_is_past_in_airflow_and_not_yet_for_the_run_is_worked_once(
    moving: Moving, tmp_path: Path
) -> None:
    """Between its clock and Airflow's lie the seconds of its first answer, say."""
    trial = Trial(moving, tmp_path)
    trial.ground.restore("moving")
    moving.advance(moving.seconds_to_next() + TEN_MINUTES.total_seconds() - 35.0)
    child = trial.ground.prepare(*trial.arguments)
    moving.azure.fault(fault="hold", pid=child.pid, method="PATCH", host="airflow")  # which pauses the old DAG
    await_hold(moving, child.begin())
    moment = moving.seconds_to_next()
    assert moment < 35.0
    moving.azure.advance(moment + 5.0)
    moving.azure.control("DELETE", "/faults")
    os.kill(child.pid, signal.SIGCONT)

    ended = trial.ground.ran(child)

    assert ended.code == 0, ended.text
    moving.advance(HOUR)
    dag(moving, NEW_AIRFLOW)  # what has become due is worked
    assert moving.lost_or_twice() == []
    assert len(moving.worked()) > 10


def await_hold(moving: Moving, child: Child) -> None:
    """Until the run has stopped where the fault says."""
    while not moving.azure.control("GET", "/faults")["rules"][0]["hit"]:
        assert child.process.is_alive(), child.text
        child.process.join(0.02)
