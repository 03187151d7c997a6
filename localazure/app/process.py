"""The local Azure's server process, from outside: start, stop, status, reset, and the variables for its clients.

The server holds a lock while it lives, so a stale file never passes for a running server; a second lock serializes
those who start and stop it. Imports none of the server's modules, so that asking for the status is quick.

In one file: all who start and stop it hold the same two locks.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import zlib
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app import inherited, state_files
from localazure.app.secret import Secret
from localazure.app.state_files import DamagedStateError
from localazure.app.tenant import OPERATOR_CLIENT_ID, SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

_CODE = Path(__file__).parents[1]
_CHECKOUT = _CODE.parent
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 1.0  # between two listings of the runtimes while nothing changes
_NEEDED = {"cryptography": "cryptography", "h11": "h11", "httptools": "httptools", "pyjwt": "jwt", "uvicorn": "uvicorn"}
SETTLED = ("ready", "failed", "ended")  # states of a runtime that last until it is started again or ends

# Variables that would lead a client past the local Azure: removed from an inherited environment.
DROPPED_PREFIXES = ("AZURE_", "ARM_", "MSI_", "IDENTITY_", "IMDS_")
DROPPED_NAMES = frozenset({"ALL_PROXY", "all_proxy", "FTP_PROXY", "ftp_proxy", "SSL_CERT_DIR"})


class StartError(Exception):
    """The server did not start; `log` is the end of its output."""

    def __init__(self, log: str) -> None:
        super().__init__(f"the local Azure did not start:\n{log}")
        self.log = log


class ControlError(ValueError):
    """The running server refused what it was asked, or could not do it."""


class NotInstalledError(Exception):
    """Packages that the server needs are not installed; the extra `[local]` contains them."""

    def __init__(self, packages: list[str]) -> None:
        super().__init__(f"the local Azure needs packages that are not installed: {', '.join(packages)}")


def default_state_folder() -> Path:
    """Return `.local/azure` beside the project, or below the working directory for an installed package."""
    return (_CHECKOUT if _is_checkout() else Path.cwd()) / ".local" / "azure"


def installations_folder(state: Path) -> Path:
    """Return where Airflow and Flink are installed: in the checkout's `.local`, or beside the state folder."""
    return _CHECKOUT / ".local" if _is_checkout() else state.parent


def _is_checkout() -> bool:
    """Return whether this code runs in a checkout of the project, not as an installed package."""
    return (_CHECKOUT / "pyproject.toml").exists()


def start(state: Path | None = None) -> dict[str, Any]:
    """Start the server unless one with the current code runs; one with other code is ended first. Returns its `status`.

    Raises StartError or DamagedStateError.
    """
    folder = state or default_state_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _lifecycle_lock(folder):
        if _is_server_alive(folder):
            if state_files.read_endpoint(folder).get("version") == _code_checksum():
                return status(folder)
            _end_server(folder)
        damaged = state_files.find_damaged(folder)
        if damaged:
            raise DamagedStateError(damaged)
        _spawn_server(folder)
    return status(folder)


def stop(state: Path | None = None) -> bool:
    """Stop the server. Returns whether one ran. Its stored state is kept."""
    folder = state or default_state_folder()
    if not folder.exists():
        return False
    with _lifecycle_lock(folder):
        if not _is_server_alive(folder):
            return False
        _end_server(folder)
    return True


def reset(state: Path | None = None) -> list[Path]:
    """Return to a new tenant; the CA, the ports and the operator's secret are kept, unless their files are damaged.

    A running server goes on, unless a secret's file is damaged: then it is ended and not started again.

    Returns the damaged files, which are replaced. Raises OSError or ControlError for what cannot be deleted.
    """
    folder = state or default_state_folder()
    if not folder.exists():
        return []
    if _is_server_listening(folder) and not state_files.find_damaged_secrets(folder):
        send_control_request(folder, "POST", "/reset")
        return []
    with _lifecycle_lock(folder):
        if _is_server_alive(folder):
            _end_server(folder)
        damaged = state_files.find_damaged(folder)
        state_files.delete_resources_and_runtimes(folder, damaged)
    return damaged


def status(state: Path | None = None) -> dict[str, Any]:
    """Return whether the server runs, its proxy, CA bundle and control URL, and the ids of its tenant."""
    folder = state or default_state_folder()
    running = _is_server_listening(folder)
    endpoint = state_files.read_endpoint(folder) if running else {}
    return {
        "running": running,
        "proxy": f"http://127.0.0.1:{endpoint['proxy_port']}" if running else None,
        "ca_bundle": str((folder / "tls" / "ca.pem").resolve()),
        "tenant_id": TENANT_ID,
        "subscription_id": SUBSCRIPTION_ID,
        "operator_client_id": OPERATOR_CLIENT_ID,
        "control_url": f"http://127.0.0.1:{endpoint['control_port']}" if running else None,
    }


def client_variables(state: Path | None = None) -> dict[str, str | Secret]:
    """Return the variables that point a client at the running server and sign it in as the operator.

    Raises StartError if none runs, DamagedStateError if the operator's secret is lost.
    """
    folder = state or default_state_folder()
    server = status(folder)
    if not server["running"]:
        raise StartError("it is not running; start it first")
    settings: dict[str, str | Secret] = {
        **_proxy_variables(server),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
    }
    operator: dict[str, str | Secret] = {
        "TENANT_ID": TENANT_ID,
        "SUBSCRIPTION_ID": SUBSCRIPTION_ID,
        "CLIENT_ID": OPERATOR_CLIENT_ID,
        "CLIENT_SECRET": Secret(state_files.read_secret(folder / state_files.OPERATOR_SECRET)),
    }
    # Terraform reads ARM_*: https://github.com/hashicorp/terraform-provider-azurerm, its guide to client secrets.
    return settings | {f"{prefix}_{name}": value for prefix in ("AZURE", "ARM") for name, value in operator.items()}


def proxy_client_variables(state: Path | None = None) -> dict[str, str]:
    """Return the variables that send a client through the server's proxy and make it trust the server's CA."""
    return _proxy_variables(status(state))


def _proxy_variables(server: dict[str, Any]) -> dict[str, str]:
    proxies = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    bundles = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    node = {"NODE_USE_ENV_PROXY": "1"}  # without it Node's own fetch, Graph's JavaScript client say, knows no proxy
    return {**dict.fromkeys(proxies, server["proxy"]), **dict.fromkeys(bundles, server["ca_bundle"]), **node}


def with_client_variables(variables: dict[str, str], state: Path | None = None) -> dict[str, str]:
    """Return an inherited environment, pointed at the running server. It contains the operator's secret in clear."""
    kept = {n: v for n, v in variables.items() if n not in DROPPED_NAMES and not n.startswith(DROPPED_PREFIXES)}
    own = client_variables(state).items()
    return {**kept, **{name: value.reveal() if isinstance(value, Secret) else value for name, value in own}}


def list_runtimes(state: Path | None = None) -> list[dict[str, Any]]:
    """List the real programs behind services, as `Supervisor.list_status` does; empty if the server does not run."""
    folder = state or default_state_folder()
    return send_control_request(folder, "GET", "/runtimes")["runtimes"] if _is_server_listening(folder) else []


def start_and_watch_runtimes(
    state: Path | None = None, only: Mapping[str, Sequence[str]] | None = None
) -> Generator[list[dict[str, Any]]]:
    """Start the real programs behind services. Yields their status at every change, until all are SETTLED.

    Nothing happens before the first item is requested.

    only: of these kinds, only those behind the resources with these ids.
    """
    ids = {kind: {one.lower() for one in resources} for kind, resources in (only or {}).items()}

    def meant(listing: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = listing["runtimes"]
        return [
            one for one in found if one["resource_id"].lower() in ids.get(one["kind"], {one["resource_id"].lower()})
        ]

    listing = send_control_request(state, "POST", "/runtimes", {"only": only or {}})
    yield meant(listing)
    while any(runtime["state"] not in SETTLED for runtime in meant(listing)):
        listing = send_control_request(state, "GET", f"/runtimes?after={listing['change']}&seconds={_POLL_SECONDS:g}")
        yield meant(listing)


def send_control_request(state: Path | None, method: str, path: str, body: Any = None) -> Any:
    """Send a request to the control endpoint of the running server. Returns its JSON. Raises ControlError."""
    folder = state or default_state_folder()
    connection = http.client.HTTPConnection(
        "127.0.0.1", state_files.read_endpoint(folder)["control_port"], timeout=_STOP_SECONDS
    )
    try:
        token = state_files.read_secret(folder / state_files.CONTROL_TOKEN)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        result = json.loads(response.read() or b"null")
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise ControlError(result.get("error", f"HTTP {response.status}"))
    return result


@contextmanager
def _lifecycle_lock(folder: Path) -> Generator[None]:
    """Hold the lock that serializes starting and stopping the server."""
    with os.fdopen(os.open(folder / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_server_listening(folder: Path) -> bool:
    """Return whether a server lives and has written the ports on which it listens."""
    return _is_server_alive(folder) and bool(state_files.read_endpoint(folder))


def _is_server_alive(folder: Path) -> bool:
    """Return whether a process holds the server's lock."""
    try:
        with (folder / "alive.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _code_checksum() -> str:
    """Return a checksum that changes when the code of the local Azure or the Python does."""
    files = (path for path in _CODE.rglob("*") if path.suffix in {".py", ".json"})
    stats = sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    return f"{zlib.crc32(repr((sys.executable, stats)).encode()):08x}"


def _spawn_server(folder: Path) -> None:
    """Start the server and wait until it listens. Raises NotInstalledError or StartError."""
    missing = [package for package, module in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise NotInstalledError(missing)
    log = folder / "server.log"
    with _pipe() as (reading, writing), os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)) as output:
        command = [sys.executable, "-m", "localazure.server", "--state", str(folder)]
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--ready-fd", str(writing), "--version", _code_checksum()],
            cwd=_CODE.parent,
            env=inherited.server_variables(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)
        poll = select.poll()  # takes descriptors of any number, which select does not
        poll.register(reading, select.POLLIN | select.POLLHUP)
        ready = poll.poll(_START_SECONDS * 1000)
        if not ready or not os.read(reading, 16):
            child.kill()
            child.wait()
            raise StartError(log.read_text(errors="replace")[-4000:])
        child.returncode = 0  # it outlives this process on purpose: no warning that it still runs


@contextmanager
def _pipe() -> Generator[tuple[int, int]]:
    """Yield both ends of a pipe. Closes only the reading end; the caller closes the other."""
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)


def _end_server(folder: Path) -> None:
    """Send the server SIGTERM, after a time-out SIGKILL, and wait until it has ended."""
    holder = (folder / "alive.lock").read_text()  # written by the process that holds it, so it is not stale
    pid = int(holder or state_files.read_endpoint(folder)["pid"])
    try:
        with socket.create_connection(
            ("127.0.0.1", state_files.read_endpoint(folder)["control_port"]), _STOP_SECONDS
        ) as connection:
            os.kill(pid, signal.SIGTERM)
            connection.recv(1)  # returns when the process ends: the kernel closes its side
    except (TimeoutError, KeyError):
        os.kill(pid, signal.SIGKILL)
    except ConnectionError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    with (folder / "alive.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
