"""From the command line to a signed-in session: loads the spec, signs in, sets up --debug."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.project import project_folder

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator

    from provisioner.cloud.transport.session import Session
    from provisioner.cloud.transport.sign_in import LocalSettings
    from provisioner.commands import Run
    from provisioner.spec.model import Environment


def environment_of(arguments: Namespace) -> Environment:
    """The spec that the command line names. Raises SpecError."""
    from provisioner.render.dag_problems import dag_problems
    from provisioner.spec.loader import load

    return load(arguments.environment, dag_problems=dag_problems)


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
    """A session that is signed in to the environment's cloud; with --debug it is logged."""
    from provisioner.cloud.profile import PROFILES
    from provisioner.cloud.transport.session import open_session
    from provisioner.cloud.transport.waits import WaitLimits

    session = open_session(
        PROFILES[environment.cloud],
        subscription=environment.subscription,
        tenant=environment.tenant,
        local=_local(environment),
        debug=arguments.debug,
        wait_limits=WaitLimits(
            operation_seconds=environment.waits.operation.total_seconds(),
            visible_seconds=environment.waits.visible.total_seconds(),
            throttled_seconds=environment.waits.throttle.total_seconds(),
        ),
    )
    session.waits.report = show.waiter(quiet=arguments.quiet)
    try:
        with show.debugging(arguments.debug, session.credential.how):
            session.sign_in()
            yield session
    except KeyboardInterrupt:
        session.waits.interrupted.set()  # ends what waits in other threads
        raise
    finally:
        arguments.wrote = session.wrote  # for the exit code of whatever goes wrong from here on
        if environment.cloud != "local":
            show.clock(session.clock.ahead)
        session.close()


def _local(environment: Environment) -> LocalSettings | None:
    """How to reach the local Azure, which is started if needed; None for any other cloud."""
    if environment.cloud != "local":
        return None
    from provisioner.cli.local import local_settings

    return local_settings()
