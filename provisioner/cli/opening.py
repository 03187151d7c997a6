"""The way from a command line to an environment's cloud: load the spec, sign in, tell what --debug asks for."""

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
    from provisioner.render.dag import template_problem
    from provisioner.spec.loader import load

    return load(arguments.environment, template_problem=template_problem)


@contextmanager
def opened(arguments: Namespace, environment: Environment | None = None, **more: Any) -> Generator[Run]:
    """The verb's way to its cloud, signed in. environment: the spec, if it is loaded already."""
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
    """Signed in, as the environment says; told of, where --debug asks."""
    from provisioner.cloud.profile import PROFILES
    from provisioner.cloud.transport.session import open_session
    from provisioner.cloud.transport.waits import Patience

    session = open_session(
        PROFILES[environment.cloud],
        subscription=environment.subscription,
        tenant=environment.tenant,
        local=_local(environment),
        debug=arguments.debug,
        patience=Patience(
            operation_seconds=environment.waits.operation.total_seconds(),
            visible_seconds=environment.waits.visible.total_seconds(),
            throttled_seconds=environment.waits.throttle.total_seconds(),
        ),
    )
    session.waits.tell = show.waiter(quiet=arguments.json)
    try:
        with show.debugging(arguments.debug, session.credential.how):
            session.warm()
            yield session
    except KeyboardInterrupt:
        session.waits.interrupted.set()  # ends what waits in other threads
        raise
    finally:
        if environment.cloud != "local":
            show.clock(session.clock.ahead)
        session.close()


def _local(environment: Environment) -> LocalSettings | None:
    """How to reach the local Azure, started if need be, if this environment is there."""
    if environment.cloud != "local":
        return None
    from provisioner.cli.local import local_settings

    return local_settings()
