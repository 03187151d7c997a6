"""The check of an Airflow that you run: whether its workers have the settings that `render` prints.

A run of the probe DAG reports it. Alone in `verify` it writes: that run, if Airflow can be asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.errors import CloudError, NotFound, NotYetVisible
from provisioner.key_probe import NO_REPORT, TASK, report_problem, seconds_until_accepted
from provisioner.verify.check import failed, passed, unanswered, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.key_probe import Rollout
    from provisioner.verify.check import Check
    from provisioner.verify.deployed import DeployedEnvironment

ROLLOUT = "Airflow runs with what `render` prints"
SECONDS = 180.0


def check_worker_settings_by_probe_run(deployed: DeployedEnvironment) -> Sequence[Check]:
    """Start a run of the probe DAG, wait for its end and read its report.

    Nothing for an Airflow that `provision` itself sets up.
    """
    rollout = deployed.targets.airflow.rollout
    if rollout is None:
        return []
    if deployed.targets.airflow.unaskable:
        return [unknown(ROLLOUT, deployed.targets.airflow.unaskable)]
    try:
        return [_run_probe_and_check(deployed, rollout)]
    except NotFound:
        return [unknown(ROLLOUT, f"Airflow has no {rollout.probe.dag_id}; deploy the files of its container")]
    except NotYetVisible:
        return [unknown(ROLLOUT, f"a run of {rollout.probe.dag_id} is not over yet; look at it in Airflow")]
    except CloudError as error:
        return [unanswered(ROLLOUT, error)]


def _run_probe_and_check(deployed: DeployedEnvironment, rollout: Rollout) -> Check:
    airflow, dag_id = deployed.airflow, rollout.probe.dag_id
    run_id = f"provisioner-rollout__{rollout.rendered}__{deployed.cloud.session.clock.decision_time():%Y%m%dT%H%M%S}"
    within = 0
    if deployed.environment.secretless_client_id_keys:  # then workers sign in by what may be new
        within = seconds_until_accepted(deployed.cloud, rollout, deployed.environment.waits.sign_in.total_seconds())
    airflow.create_run(dag_id, run_id, {"acceptedWithin": within} if within else {})

    def over() -> bool:
        run = airflow.find_run(dag_id, run_id)
        return run is not None and run.over

    deployed.cloud.session.waits.until(over, deadline_seconds=SECONDS + within, what=f"the end of {run_id}")
    report = airflow.find_newest_report(dag_id, TASK)
    problem = NO_REPORT if report is None else report_problem(report.values, rollout)
    if problem:
        return failed(ROLLOUT, problem)
    how = ", without any client secret" if rollout.secretless else ""
    return passed(ROLLOUT, f"{rollout.rendered}{how}")
