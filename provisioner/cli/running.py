"""`run`: the DAG's run on the screen as it goes, and what its job came to."""

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

    from provisioner.verify.dag_run import Ran, Tell, Wanted

FAILED = 1
MORE = timedelta(minutes=10)  # than the DAG follows its job: for Airflow's queue and its other tasks
EXAMPLE = """one such as '{"jarName": "job.jar"}'"""
RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")  # [core] allowed_run_id_pattern of Airflow


def run(arguments: Namespace) -> int:
    """Run the DAG, or join the run that is under way."""
    from provisioner import commands

    wanted = _wanted(arguments)
    _behind_local(arguments)
    with _progress(quiet=arguments.json) as tell, opened(arguments) as verb:
        ran = commands.run_dag(verb, wanted, tell, wait_dag=arguments.wait_dag)
    if arguments.json:
        show.document(_document(verb.environment.name, ran))
    else:
        _told(ran)
    waited = wanted.seconds is not None
    return FAILED if waited and ran.state != "success" else 0


def _wanted(arguments: Namespace) -> Wanted:
    """Out of the command line; what is wrong there ends the program."""
    from provisioner.spec.fields import duration
    from provisioner.verify.dag_run import Wanted

    try:
        limit = duration(arguments.timeout) if arguments.timeout else None
    except ValueError:
        raise _usage(arguments, f"--timeout {arguments.timeout}: write a duration such as 15m or 2h") from None
    if arguments.run_id and not RUN_ID.fullmatch(arguments.run_id):
        raise _usage(arguments, f"--run-id {arguments.run_id}: use up to 250 letters, digits and _.~:+-")
    limit = limit or environment_of(arguments).dag.timeout + MORE
    return Wanted(
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


def _told(ran: Ran) -> None:
    """The last lines for people; a failure goes to standard error."""
    if ran.timed_out:
        show.complaint(
            f"{ran.run_id} is still {ran.state or 'not answered for'}. It goes on in Airflow ({ran.url}); the same"
            " command follows it again, with a longer --timeout for longer."
        )
    elif ran.state == "failed":
        show.lines(_log_lines(ran))
        show.complaint(f"{ran.run_id} failed{f' in {ran.failed}' if ran.failed else ''}. All of it: {ran.url}")
    _told_job(ran)
    if ran.state == "success":
        show.text(f"{ran.run_id} succeeded: {ran.url}")
    elif not ran.timed_out and ran.state != "failed":
        show.text(f"{ran.run_id} is {ran.state}: {ran.url}. The same command follows it.")


def _log_lines(ran: Ran) -> Any:
    from provisioner.engine.report import Line

    yield from (Line(f"  {line}", "dim") for line in ran.log)


def _told_job(ran: Ran) -> None:
    job = ran.job
    if job is not None:
        show.text(f"job {job.id or '(none begun)'} ({job.name}) is {job.status or 'not begun'}")
    if job is not None and ran.state == "success":
        show.text(f"result: {ran.result or 'wherever the job writes it; its arguments name no --output'}")
    elif ran.job_untold:
        show.complaint(f"The job {ran.job_name} could not be looked up: {ran.job_untold}")
    elif ran.state == "success":
        show.text(f"Flink shows no job {ran.job_name}; a DAG of your own may name its jobs otherwise")


def _document(environment: str, ran: Ran) -> dict[str, Any]:
    return {"environment": environment, **asdict(ran), "result": ran.result}


@contextmanager
def _progress(*, quiet: bool) -> Generator[Tell]:
    """Tells each new state in a line; on a terminal, what is under way stands below."""
    if quiet:
        yield lambda _what, _state: None
        return
    if not show.on_terminal(quiet=quiet):
        yield lambda what, state: show.text(f"{what}: {state}")
        return
    from rich.console import Console

    with Console().status("asking Airflow") as spinner:

        def tell(what: str, state: str) -> None:
            show.text(f"{what}: {state}")
            spinner.update(f"{what} {state}")

        yield tell
