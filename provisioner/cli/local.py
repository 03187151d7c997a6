"""The verbs of the embedded local Azure, and how a run on `cloud: local` reaches it.

The only importer of localazure.
"""

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
    from collections.abc import Generator

    from provisioner.cloud.transport.sign_in import LocalSettings

STATE_VARIABLE = "PROVISIONER_LOCAL_STATE"
_NONE = "no real Airflow or Flink is up; `provisioner local runtimes up` starts them"


def state() -> Path | None:
    """Where the local Azure keeps its state, if not in `.local/azure` of the project."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(named) if named else None


@contextmanager
def explained() -> Generator[None]:
    """What went wrong with the process, in our words."""
    try:
        yield
    except process.StartError as error:
        remedy = "Look at its log in .local/azure, then `provisioner local down` and again"
        raise LocalError(str(error), remedy) from error
    except process.NotInstalledError as error:
        raise LocalError(str(error), "Install them: pip install 'airflow-flink-provisioner[local]'") from error
    except OSError as error:
        what = f"the local Azure cannot use {error.filename or 'its folder'}: {error.strerror}"
        raise LocalError(what, f"Make room for it there, or set {STATE_VARIABLE} to another folder") from error


def local_settings() -> LocalSettings:
    """Start the local Azure if it does not run; how to reach it and sign in."""
    from provisioner.cloud.transport.sign_in import LocalSettings

    with explained():
        status = process.start(state())
        secret = process.client_settings(state())["AZURE_CLIENT_SECRET"]
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
    with explained():
        return _ACTIONS[arguments.action](arguments)


def _up(arguments: Namespace) -> int:
    process.start(state())
    return _status(arguments)


def _down(_arguments: Namespace) -> int:
    show.text("stopped" if process.stop(state()) else "it was not running")
    return 0


def _reset(_arguments: Namespace) -> int:
    process.reset(state())
    show.text("everything in the local Azure is forgotten")
    return 0


def _status(arguments: Namespace) -> int:
    found, behind = process.status(state()), process.list_runtimes(state())
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


def _runtimes_up(arguments: Namespace) -> int:
    told = start_runtimes(quiet=arguments.json)
    if arguments.json:
        show.document({"runtimes": told})
    elif not told:
        show.text("nothing here has a real program behind it: no Flink cluster, no Airflow runtime")
    return 0


def start_runtimes(*, quiet: bool) -> list[dict[str, Any]]:
    """Wait until each is ready; what they tell. Raises LocalError for what cannot be started, when all were tried."""
    told: list[dict[str, Any]] = []
    with explained():
        process.start(state())
        with runtimes.progress(_unsaid if quiet else show.text, live=show.on_terminal(quiet=quiet)) as watch:
            for told in process.start_runtimes(state()):
                watch(told)
    failed = runtimes.failures(told)
    if failed:
        told_all = "\n".join(failed).removesuffix(".")
        raise LocalError(told_all, "Then `provisioner local runtimes up` again; what is ready stays")
    return told


def _runtimes_down(_arguments: Namespace) -> int:
    ran = process.list_runtimes(state())
    if ran:
        process.control(state(), "DELETE", "/runtimes")
    show.text("\n".join(f"{told['kind']} behind {told['name']} ended" for told in ran) or "none was up")
    return 0


def _runtimes_status(arguments: Namespace) -> int:
    found = process.list_runtimes(state())
    if arguments.json:
        show.document({"runtimes": found})
    else:
        show.text("\n".join(map(runtimes.line, found)) or _NONE)
    return 0


def _unsaid(_line: str) -> None:
    """With --json there is one document, at the end."""


def _env(arguments: Namespace) -> int:
    process.start(state())
    for name, value in process.client_settings(state()).items():
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
    process.start(state())
    environment = process.client_environment(dict(os.environ), state())
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606  # the user's own command; signals and exit code are its own
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or "no program has such a name"
        raise LocalError(f"{command[0]} cannot be run: {told}", "Check its name and PATH") from error


_ACTIONS = {
    "up": _up,
    "down": _down,
    "reset": _reset,
    "runtimes": _runtimes,
    "status": _status,
    "env": _env,
    "exec": _exec,
}
