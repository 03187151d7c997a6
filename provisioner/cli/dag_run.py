"""`run`: shows the states of the DAG's run as they change, then its job and where the job's result is."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provisioner.cli import show
from provisioner.cli.opening import environment_of, opened

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator, Mapping

    from provisioner.render.dags import RenderedDag
    from provisioner.verify.dag_run import RunRequest, RunResult, ShowState

FAILED = 1
MORE = timedelta(minutes=10)  # than the DAG follows its job: for Airflow's queue and its other tasks
OWN = timedelta(hours=1)  # for a DAG of one's own
EXAMPLE = """one such as '{"jarName": "job.jar"}'"""
RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")  # [core] allowed_run_id_pattern of Airflow


def run(arguments: Namespace) -> int:
    """Run the DAG, or follow the run under way."""
    dag = chosen_dag(arguments)
    return _run_and_show(arguments, dag, _request(arguments, dag), wait_dag=arguments.wait_dag)


def run_with_conf(arguments: Namespace, dag: RenderedDag, conf: Mapping[str, Any]) -> int:
    """Start a run of the DAG with this configuration, follow it to its end, and print it. Returns the exit code."""
    from provisioner.verify.dag_run import RunRequest

    request = RunRequest(conf=conf, seconds=_limit(dag).total_seconds(), unpause=arguments.unpause)
    return _run_and_show(arguments, dag, request, wait_dag=False)


def _run_and_show(arguments: Namespace, dag: RenderedDag, request: RunRequest, *, wait_dag: bool) -> int:
    from provisioner import commands

    page = _start_local_airflow(arguments)
    with _progress(quiet=arguments.json) as show_state, opened(arguments) as verb:
        result = commands.run_dag(verb, dag.id, request, show_state, wait_dag=wait_dag)
    result = replace(result, url=_browser_url(result.url, page))
    if arguments.json:
        show.document(_document(verb.environment.name, result))
    else:
        _print_result(result, longer=", with a longer --timeout for longer" if "timeout" in arguments else "")
    waited = request.seconds is not None
    return FAILED if waited and result.state != "success" else 0


def chosen_dag(arguments: Namespace) -> RenderedDag:
    """The DAG of the job, or one's own, that the command line names. Raises WrongUsage if there is no such one."""
    from provisioner.render.dags import rendered_dags

    dags = rendered_dags(environment_of(arguments))
    jobs = {dag.job.name: dag for dag in dags if dag.job is not None}
    names = ", ".join(jobs)
    if not arguments.job and len(jobs) == 1:
        return next(iter(jobs.values()))
    if not arguments.job:
        raise _refuse_usage(arguments, f"this environment has several jobs; name one of {names}")
    found = {**{dag.id: dag for dag in dags if dag.id}, **jobs}.get(arguments.job)
    if found is None:
        raise _refuse_usage(arguments, f"{arguments.job} is no job of this environment; there are: {names}")
    return found


def _request(arguments: Namespace, dag: RenderedDag) -> RunRequest:
    """The request of the command line. Raises WrongUsage."""
    from provisioner.spec.fields import duration
    from provisioner.verify.dag_run import RunRequest

    try:
        limit = duration(arguments.timeout) if arguments.timeout else None
    except ValueError:
        raise _refuse_usage(arguments, f"--timeout {arguments.timeout}: write a duration such as 15m or 2h") from None
    if arguments.run_id and not RUN_ID.fullmatch(arguments.run_id):
        raise _refuse_usage(arguments, f"--run-id {arguments.run_id}: use up to 250 letters, digits and _.~:+-")
    limit = limit or _limit(dag)
    return RunRequest(
        conf=_conf(arguments),
        run_id=arguments.run_id,
        seconds=limit.total_seconds() if arguments.wait else None,
        unpause=arguments.unpause,
    )


def _limit(dag: RenderedDag) -> timedelta:
    return (dag.job.dag.timeout if dag.job else OWN) + MORE


def _conf(arguments: Namespace) -> Mapping[str, Any]:
    try:
        found: Any = json.loads(arguments.conf)
    except (ValueError, RecursionError) as error:
        raise _refuse_usage(arguments, f"--conf is not JSON ({error}); write {EXAMPLE}") from None
    if not isinstance(found, dict):
        raise _refuse_usage(arguments, f"--conf is not a JSON object; write {EXAMPLE}")
    return {**found}


def _refuse_usage(arguments: Namespace, message: str) -> AssertionError:
    """Raises WrongUsage, as argparse does; what it would return is never raised."""
    arguments.parser.error(message)
    return AssertionError(message)


def _start_local_airflow(arguments: Namespace) -> str:
    """On the local Azure, start this environment's Airflow, and Flink. Returns the Airflow's address for a browser.

    An Airflow of one's own is deployed there first. Empty for any other cloud, whose names every browser finds.
    """
    environment = environment_of(arguments)
    if environment.cloud != "local":
        return ""
    from provisioner.cli.deployment import local_airflow_workload
    from provisioner.cli.local import deploy_airflow, start_runtimes
    from provisioner.commands import declared_recipe
    from provisioner.commands.run import NO_TENANT, names_of
    from provisioner.recipe.recipe import declared_targets

    ids = [getattr(node.desired, "id", None) for node in declared_recipe(environment).nodes]
    deployed = local_airflow_workload(arguments, environment)
    ids += [deploy_airflow(*deployed)] if deployed is not None else []
    behind = declared_targets(environment, names_of(environment, NO_TENANT)).airflow.behind
    if behind is not None:
        with opened(arguments, environment) as run:
            ids.append(run.deployed.read_output(behind))
    states = start_runtimes(quiet=arguments.json, airflows=[one for one in ids if isinstance(one, str)])
    return next((str(one["url"]) for one in states if one["kind"] == "airflow"), "")


def _browser_url(url: str, local_url: str) -> str:
    """The address for a browser. local_url: of the Airflow behind the local Azure, whose names no browser finds."""
    return f"{local_url}{urlsplit(url)._replace(scheme='', netloc='').geturl()}" if local_url else url


def _print_result(result: RunResult, longer: str) -> None:
    """The last lines for people; a failure goes to standard error. longer: how to follow it for longer."""
    if result.timed_out:
        show.complaint(
            f"{result.run_id} is still {result.state or 'not answered for'}. It goes on in Airflow ({result.url});"
            f" the same command follows it again{longer}."
        )
    elif result.state == "failed":
        show.lines(_log_lines(result))
        show.complaint(
            f"{result.run_id} failed{f' in {result.failed}' if result.failed else ''}. All of it: {result.url}"
        )
    _print_job(result)
    if result.state == "success":
        show.lines(_log_lines(result))
        show.text(f"{result.run_id} succeeded: {result.url}")
    elif not result.timed_out and result.state != "failed":
        show.text(f"{result.run_id} is {result.state}: {result.url}. The same command follows it.")


def _log_lines(result: RunResult) -> Any:
    from provisioner.engine.report import Line

    yield from (Line(f"  {line}", "dim") for line in result.log)


def _print_job(result: RunResult) -> None:
    job = result.job
    if job is not None:
        show.text(f"job {job.id or '(none begun)'} ({job.name}) is {job.status or 'not begun'}")
    if job is not None and result.state == "success":
        show.text(f"result: {result.output_location or 'wherever the job writes it; its arguments name no --output'}")
    elif not result.job_name:
        return
    elif result.job_error:
        show.complaint(f"The job {result.job_name} could not be looked up: {result.job_error}")
    elif result.state == "success":
        show.text(f"Flink shows no job {result.job_name}; a DAG of your own may name its jobs otherwise")


def _document(environment: str, result: RunResult) -> dict[str, Any]:
    """The document of `run --json`."""
    fields = {**asdict(result), "job_untold": result.job_error}  # the former name
    return {"environment": environment, **fields, "result": result.output_location}


@contextmanager
def _progress(*, quiet: bool) -> Generator[ShowState]:
    """Prints each new state on a line; on a terminal, a spinner below shows the latest."""
    if quiet:
        yield lambda _name, _state: None
        return
    if not show.on_terminal(quiet=quiet):
        yield lambda name, state: show.text(f"{name}: {state}")
        return
    from rich.console import Console

    with Console().status("asking Airflow") as spinner:

        def show_state(name: str, state: str) -> None:
            show.text(f"{name}: {state}")
            spinner.update(f"{name} {state}")

        yield show_state
