"""From the command line to a signed-in session: loads the spec, signs in, sets up --debug."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.cli import diagnostics, show
from provisioner.cli.clouds import start_if_local
from provisioner.cli.group import current
from provisioner.cli.project import project_folder

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator

    from provisioner.cli.clouds import Clouds
    from provisioner.cloud.transport.session import Session
    from provisioner.cloud.transport.waits import WaitLimits
    from provisioner.commands import Run
    from provisioner.spec.model import Environment


def environment_of(arguments: Namespace) -> Environment:
    """The spec that the command line names; loaded once where several are named.

    Notes it in `arguments.environment_read`, for `notify`. Raises SpecError.
    """
    group = current()
    environment = group.spec.result() if group else load_spec(arguments.environment)
    if group is not None:
        group.name = environment.name
    arguments.environment_read = environment
    return environment


def load_spec(name_or_path: str) -> Environment:
    """The spec that a name or path refers to. Raises SpecError."""
    from provisioner.render.dag_problems import dag_problems
    from provisioner.spec import loader

    return loader.load(name_or_path, dag_problems=dag_problems)


@contextmanager
def opened(arguments: Namespace, environment: Environment | None = None, **more: Any) -> Generator[Run]:
    """A signed-in run of the command. environment: the spec, if it is already loaded."""
    environment = environment or environment_of(arguments)
    from provisioner.cloud.cloud import Cloud
    from provisioner.commands import Run

    with _session(arguments, environment) as session:
        yield Run(
            environment=environment,
            cloud=Cloud(session),
            clock=time.perf_counter,
            journal=Path(os.environ.get("PROVISIONER_JOURNAL", project_folder() / ".local" / "journal")),
            verb=arguments.verb,
            purge=getattr(arguments, "purge", False),
            **more,
        )


@contextmanager
def _session(arguments: Namespace, environment: Environment) -> Generator[Session]:
    """A session that is signed in to the environment's cloud; with --debug it is logged.

    At its end `arguments` gets whether it wrote and the cloud's time, and a wrong clock of this machine is warned of.
    """
    from provisioner.cloud.profile import PROFILES
    from provisioner.cloud.transport.session import open_session

    clouds: Clouds | None = getattr(arguments, "clouds", None)  # of a command that runs for several environments
    cloud = clouds.of(environment.cloud) if clouds else None
    session = open_session(
        PROFILES[environment.cloud],
        subscription=environment.subscription,
        tenant=environment.tenant,
        local=cloud.local if cloud else start_if_local(environment.cloud),
        shared=cloud.shared if cloud else None,
        debug=arguments.debug,
        wait_limits=_wait_limits(environment),
    )
    session.waits.report = show.wait_printer(quiet=arguments.quiet)
    try:
        with diagnostics.logging_requests(arguments.debug, session.credential.how):
            session.sign_in()
            yield session
    except KeyboardInterrupt:
        session.waits.interrupted.set()  # ends what waits in other threads
        raise
    finally:
        # For the exit code of whatever goes wrong from here on; `migrate` has two sessions.
        arguments.wrote = session.wrote or getattr(arguments, "wrote", False)
        arguments.now = session.clock.decision_time() if session.clock.known else None
        if environment.cloud != "local":
            diagnostics.warn_if_clock_is_wrong(session.clock.machine_ahead)
        session.close()


def _wait_limits(environment: Environment) -> WaitLimits:
    """`waits` of the spec."""
    from provisioner.cloud.transport.waits import WaitLimits

    return WaitLimits(
        operation_seconds=environment.waits.operation.total_seconds(),
        visible_seconds=environment.waits.visible.total_seconds(),
        throttled_seconds=environment.waits.throttle.total_seconds(),
    )
