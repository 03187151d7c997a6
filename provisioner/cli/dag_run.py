"""`run`: shows the states of the DAG's run as they change, then its job and where the job's result is."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.opening import environment_of, opened

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator, Mapping

    from provisioner.verify.dag_run import RunRequest, RunResult, ShowState

FAILED = 1
MORE = timedelta(minutes=10)  # than the DAG follows its job: for Airflow's queue and its other tasks
EXAMPLE = """one such as '{"jarName": "job.jar"}'"""
RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")  # [core] allowed_run_id_pattern of Airflow


def run(arguments: Namespace) -> int:
    """Run the DAG, or join the run that is under way."""
    from provisioner import commands

    request = _request(arguments)
    _behind_local(arguments)
    with _progress(quiet=arguments.json) as show_state, opened(arguments) as verb:
        result = commands.run_dag(verb, request, show_state, wait_dag=arguments.wait_dag)
    if arguments.json:
        show.document(_document(verb.environment.name, result))
    else:
        _print_result(result)
    waited = request.seconds is not None
    return FAILED if waited and result.state != "success" else 0


def _request(arguments: Namespace) -> RunRequest:
    """The request of the command line. Ends the program on a usage error."""
    from provisioner.spec.fields import duration
    from provisioner.verify.dag_run import RunRequest

    try:
        limit = duration(arguments.timeout) if arguments.timeout else None
    except ValueError:
        raise _usage(arguments, f"--timeout {arguments.timeout}: write a duration such as 15m or 2h") from None
    if arguments.run_id and not RUN_ID.fullmatch(arguments.run_id):
        raise _usage(arguments, f"--run-id {arguments.run_id}: use up to 250 letters, digits and _.~:+-")
    limit = limit or environment_of(arguments).dag.timeout + MORE
    return RunRequest(
        conf=_conf(arguments),
        run_id=arguments.run_id,
        seconds=limit.total_seconds() if arguments.wait else None,
        unpause=arguments.unpause,
    )


def _conf(arguments: Namespace) -> Mapping[str, Any]:
    try:
        found: Any = json.loads(arguments.conf)
    except (ValueError, RecursionError) as error:
        raise _usage(arguments, f"--conf is no JSON ({error}); write {EXAMPLE}") from None
    if not isinstance(found, dict):
        raise _usage(arguments, f"--conf is no JSON object; write {EXAMPLE}")
    return {**found}


def _usage(arguments: Namespace, message: str) -> AssertionError:
    """Ends the program as argparse does; what it would return is never raised."""
    arguments.parser.error(message)
    return AssertionError(message)


def _behind_local(arguments: Namespace) -> None:
    """On the local Azure the real Airflow and Flink are started first, as `local runtimes up` does."""
    if environment_of(arguments).cloud == "local":
        from provisioner.cli.local import start_runtimes

        start_runtimes(quiet=arguments.json)


def _print_result(result: RunResult) -> None:
    """The last lines for people; a failure goes to standard error."""
    if result.timed_out:
        show.complaint(
            f"{result.run_id} is still {result.state or 'not answered for'}. It goes on in Airflow ({result.url});"
            " the same command follows it again, with a longer --timeout for longer."
        )
    elif result.state == "failed":
        show.lines(_log_lines(result))
        show.complaint(
            f"{result.run_id} failed{f' in {result.failed}' if result.failed else ''}. All of it: {result.url}"
        )
    _print_job(result)
    if result.state == "success":
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
        show.text(f"result: {result.output or 'wherever the job writes it; its arguments name no --output'}")
    elif result.job_error:
        show.complaint(f"The job {result.job_name} could not be looked up: {result.job_error}")
    elif result.state == "success":
        show.text(f"Flink shows no job {result.job_name}; a DAG of your own may name its jobs otherwise")


def _document(environment: str, result: RunResult) -> dict[str, Any]:
    """The document of `run --json`, whose field names stay as they were first published."""
    fields = {"job_untold" if name == "job_error" else name: value for name, value in asdict(result).items()}
    return {"environment": environment, **fields, "result": result.output}


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
