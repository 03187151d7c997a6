"""The `local` commands, and how a run on `cloud: local` reaches the local Azure. Alone imports localazure."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app import process
from provisioner.cli import runtimes, show
from provisioner.errors import LocalError
from provisioner.secret import Secret

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator, Mapping, Sequence

    from provisioner.cloud.transport.sign_in import LocalSettings

STATE_VARIABLE = "PROVISIONER_LOCAL_STATE"
_NONE = "no real Airflow or Flink is running; `provisioner local runtimes up` starts them"


def state_folder() -> Path | None:
    """Where the local Azure keeps its state, if not in `.local/azure` of the project."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(named) if named else None


@contextmanager
def raising_local_errors() -> Generator[None]:
    """Turn what the local Azure's process raises inside into LocalError, with a remedy."""
    try:
        yield
    except process.StartError as error:
        remedy = "Look at its log in .local/azure, then `provisioner local down` and again"
        raise LocalError(str(error), remedy) from error
    except process.DamagedStateError as error:
        remedy = "Run `provisioner local reset`: it replaces them, and the local Azure is then empty"
        raise LocalError(str(error), remedy) from error
    except process.ControlError as error:
        remedy = "Look at its log in .local/azure, then `provisioner local down` and again"
        raise LocalError(f"the local Azure could not do it: {error}", remedy) from error
    except process.NotInstalledError as error:
        raise LocalError(str(error), "Install them: pip install 'airflow-flink-provisioner[local]'") from error
    except BrokenPipeError:  # who reads the output has gone
        raise
    except OSError as error:
        what = f"the local Azure cannot use {error.filename or 'its folder'}: {error.strerror}"
        raise LocalError(what, f"Make room for it there, or set {STATE_VARIABLE} to another folder") from error


def seeded_ids() -> dict[str, str]:
    """What every local Azure has: its tenant, its subscription, an AKS cluster."""
    from localazure.app.tenant import SEEDED_AKS, SUBSCRIPTION_ID, TENANT_ID

    return {"tenant": TENANT_ID, "subscription": SUBSCRIPTION_ID, "aks": SEEDED_AKS}


def start_local_azure() -> LocalSettings:
    """Start the local Azure if it is not running. Returns how to reach it and sign in."""
    from provisioner.cloud.transport.sign_in import LocalSettings

    with raising_local_errors():
        status = process.start(state_folder())
        secret = process.client_variables(state_folder())["AZURE_CLIENT_SECRET"]
    if isinstance(secret, str):
        raise TypeError("the operator's secret is not a Secret")
    return LocalSettings(
        proxy=status["proxy"],
        ca_bundle=status["ca_bundle"],
        tenant_id=status["tenant_id"],
        client_id=status["operator_client_id"],
        client_secret=Secret(secret.reveal()),
    )


def run(arguments: Namespace) -> int:
    """One `local` verb; its exit code."""
    with raising_local_errors():
        return _ACTIONS[arguments.action](arguments)


def _up(arguments: Namespace) -> int:
    process.start(state_folder())
    return _status(arguments)


def _down(_arguments: Namespace) -> int:
    show.text("stopped" if process.stop(state_folder()) else "it was not running")
    return 0


def _reset(arguments: Namespace) -> int:
    show.confirm_deletion("everything in the local Azure", yes=arguments.yes)
    for path in process.reset(state_folder()):
        show.text(f"deleted {path}, which was damaged")
    show.text("deleted everything in the local Azure")
    return 0


def _status(arguments: Namespace) -> int:
    found, behind = process.status(state_folder()), process.list_runtimes(state_folder())
    if arguments.json:
        show.document({**found, "runtimes": behind})
    elif found["running"]:
        show.text(f"running behind {found['proxy']}; point any program at it with `provisioner local exec -- COMMAND`")
        show.text("\n".join(map(runtimes.line, behind)) or _NONE)
    else:
        show.text("not running; `provisioner local up` starts it")
    return 0


def _runtimes(arguments: Namespace) -> int:
    return {"up": _runtimes_up, "down": _runtimes_down, "status": _runtimes_status}[arguments.what](arguments)


def deploy_airflow(airflow_name: str, workload: Mapping[str, Any]) -> str:
    """Let the local Azure run somebody's Airflow on a cluster. Returns its id.

    workload: as `deployment.local_airflow_workload` says.
    """
    from localazure.containerservice.airflow_workload import resource_id

    with raising_local_errors():
        process.send_control_request(state_folder(), "PUT", f"/settings/airflow-{airflow_name}", workload)
    return resource_id(airflow_name)


def _runtimes_up(arguments: Namespace) -> int:
    if arguments.flink:
        process.start(state_folder())
        process.send_control_request(state_folder(), "PUT", "/settings/flink", {"version": arguments.flink})
    states = start_runtimes(quiet=arguments.json)
    if arguments.json:
        show.document({"runtimes": states})
    elif not states:
        show.text("there is no Flink cluster or Airflow runtime that needs a real one")
    return 0


def start_runtimes(*, quiet: bool, airflows: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Start all and wait until they are ready. Returns their state. Raises LocalError for those that cannot.

    airflows: of every Airflow only those behind the resources with these ids.
    """
    only = None if airflows is None else {"airflow": airflows}
    states: list[dict[str, Any]] = []
    with raising_local_errors():
        process.start(state_folder())
        with runtimes.progress(_print_nothing if quiet else show.text, live=show.on_terminal(quiet=quiet)) as watch:
            for states in process.start_and_watch_runtimes(state_folder(), only):
                watch(states)
    failed = runtimes.failures(states)
    if failed:
        raise LocalError(
            "\n".join(failed).removesuffix("."),
            "Run `provisioner local runtimes up` again; those that are ready keep running",
        )
    return states


def _runtimes_down(_arguments: Namespace) -> int:
    ran = process.list_runtimes(state_folder())
    if ran:
        process.send_control_request(state_folder(), "DELETE", "/runtimes")
    show.text("\n".join(f"{one['kind']} behind {one['name']} ended" for one in ran) or "none was running")
    return 0


def _runtimes_status(arguments: Namespace) -> int:
    found = process.list_runtimes(state_folder())
    if arguments.json:
        show.document({"runtimes": found})
    else:
        show.text("\n".join(map(runtimes.line, found)) or _NONE)
    return 0


def _print_nothing(_line: str) -> None:
    """With --json there is only one document, at the end."""


def _env(arguments: Namespace) -> int:
    process.start(state_folder())
    for name, value in process.client_variables(state_folder()).items():
        if isinstance(value, str):
            show.text(f"export {name}='{value}'")
        elif arguments.show_secret:
            show.text(f"export {name}='{value.reveal()}'")
    for name in sorted(process.DROPPED_NAMES):
        show.text(f"unset {name}")
    return 0


def _exec(arguments: Namespace) -> int:
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise LocalError("no command was given", "Write it after `--`: provisioner local exec -- az group list")
    process.start(state_folder())
    environment = process.with_client_variables(dict(os.environ), state_folder())
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606  # the user's own command; signals and exit code are its own
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "there is no such program"
        raise LocalError(f"{command[0]} cannot be run: {reason}", "Check its name and PATH") from error


_ACTIONS = {
    "up": _up,
    "down": _down,
    "reset": _reset,
    "runtimes": _runtimes,
    "status": _status,
    "env": _env,
    "exec": _exec,
}
