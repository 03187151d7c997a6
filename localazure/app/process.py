"""The local Azure's process, from outside: start, stop, status, reset, and the environment that points clients at it.

The server holds a lock for as long as it lives, so a stale file never passes for a running server; starters take
turns by a second lock. Needs nothing of the server's modules, so that asking costs little.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import zlib
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app.secret import Secret
from localazure.app.tenant import OPERATOR_CLIENT_ID, SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Generator

_CODE = Path(__file__).parents[1]
_CHECKOUT = _CODE.parent
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_TURN_SECONDS = 1.0  # between two lists of what runtimes do while nothing changes
_NEEDED = {"cryptography": "cryptography", "h11": "h11", "httptools": "httptools", "pyjwt": "jwt", "uvicorn": "uvicorn"}
SETTLED = ("ready", "failed", "ended")  # states of a runtime that do not change by themselves

# What a client would rather believe than the local Azure: dropped from an inherited environment.
DROPPED_PREFIXES = ("AZURE_", "ARM_", "MSI_", "IDENTITY_", "IMDS_")
DROPPED_NAMES = frozenset({"ALL_PROXY", "all_proxy", "FTP_PROXY", "ftp_proxy", "SSL_CERT_DIR"})


class StartError(Exception):
    """The server did not come up; `log` is the end of what it said."""

    def __init__(self, log: str) -> None:
        super().__init__(f"the local Azure did not start:\n{log}")
        self.log = log


class NotInstalledError(Exception):
    """Packages are missing that the server needs: the extra `[local]` brings them."""

    def __init__(self, packages: list[str]) -> None:
        super().__init__(f"the local Azure needs packages that are not installed: {', '.join(packages)}")


def default_state_folder() -> Path:
    """`.local/azure` beside the project, or below the working directory for an installed package."""
    return (_CHECKOUT if _in_checkout() else Path.cwd()) / ".local" / "azure"


def installations_folder(state: Path) -> Path:
    """Where Airflow and Flink are installed: the checkout's `.local`; for an installed package, beside the state."""
    return _CHECKOUT / ".local" if _in_checkout() else state.parent


def _in_checkout() -> bool:
    return (_CHECKOUT / "pyproject.toml").exists()


def start(state: Path | None = None) -> dict[str, Any]:
    """Start the server unless one runs that has today's code; its `status`. Raises StartError."""
    folder = state or default_state_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _turn(folder):
        if _alive(folder):
            if _endpoint(folder).get("version") == _version():
                return status(folder)
            _end(folder)
        _launch(folder)
    return status(folder)


def stop(state: Path | None = None) -> bool:
    """End the server; says whether one ran. What it remembers stays."""
    folder = state or default_state_folder()
    if not folder.exists():
        return False
    with _turn(folder):
        if not _alive(folder):
            return False
        _end(folder)
    return True


def reset(state: Path | None = None) -> None:
    """A tenant as new; the CA, the ports and the operator's secret stay."""
    folder = state or default_state_folder()
    if _running(folder):
        control(folder, "POST", "/reset")
    elif folder.exists():
        for name in ("runtimes", "store"):
            shutil.rmtree(folder / name, ignore_errors=True)


def status(state: Path | None = None) -> dict[str, Any]:
    """What `local status --json` shows."""
    folder = state or default_state_folder()
    running = _running(folder)
    endpoint = _endpoint(folder) if running else {}
    return {
        "running": running,
        "proxy": f"http://127.0.0.1:{endpoint['proxy_port']}" if running else None,
        "ca_bundle": str((folder / "tls" / "ca.pem").resolve()),
        "tenant_id": TENANT_ID,
        "subscription_id": SUBSCRIPTION_ID,
        "operator_client_id": OPERATOR_CLIENT_ID,
        "control_url": f"http://127.0.0.1:{endpoint['control_port']}" if running else None,
    }


def client_settings(state: Path | None = None) -> dict[str, str | Secret]:
    """The variables that point any client at the running server, signed in as the operator."""
    folder = state or default_state_folder()
    found = status(folder)
    if not found["running"]:
        raise StartError("it is not running; start it first")
    return {
        **_routing(found),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
        "AZURE_TENANT_ID": TENANT_ID,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION_ID,
        "AZURE_CLIENT_ID": OPERATOR_CLIENT_ID,
        "AZURE_CLIENT_SECRET": Secret((folder / "operator-secret").read_text()),
    }


def proxy_settings(state: Path | None = None) -> dict[str, str]:
    """The variables that lead any client to the server's proxy and make it trust the server's CA."""
    return _routing(status(state))


def _routing(found: dict[str, Any]) -> dict[str, str]:
    proxies = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    bundles = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    node = {"NODE_USE_ENV_PROXY": "1"}  # without it Node's own fetch, Graph's JavaScript client say, knows no proxy
    return {**dict.fromkeys(proxies, found["proxy"]), **dict.fromkeys(bundles, found["ca_bundle"]), **node}


def client_environment(inherited: dict[str, str], state: Path | None = None) -> dict[str, str]:
    """An inherited environment, pointed at the running server; holds the operator's secret in clear."""
    kept = {n: v for n, v in inherited.items() if n not in DROPPED_NAMES and not n.startswith(DROPPED_PREFIXES)}
    ours = client_settings(state).items()
    return {**kept, **{name: value.reveal() if isinstance(value, Secret) else value for name, value in ours}}


def list_runtimes(state: Path | None = None) -> list[dict[str, Any]]:
    """What `local status` tells of the real programs behind services: `supervisor` says what is in each."""
    folder = state or default_state_folder()
    return control(folder, "GET", "/runtimes")["runtimes"] if _running(folder) else []


def start_runtimes(state: Path | None = None) -> Generator[list[dict[str, Any]]]:
    """Start the real programs behind services; what each does, again whenever that changes, until all are SETTLED."""
    told = control(state, "POST", "/runtimes")
    yield told["runtimes"]
    while any(one["state"] not in SETTLED for one in told["runtimes"]):
        told = control(state, "GET", f"/runtimes?after={told['change']}&seconds={_TURN_SECONDS:g}")
        yield told["runtimes"]


def control(state: Path | None, method: str, path: str, body: Any = None) -> Any:
    """One request to the control endpoint of the running server; its JSON. ValueError says what it refused."""
    folder = state or default_state_folder()
    connection = http.client.HTTPConnection("127.0.0.1", _endpoint(folder)["control_port"], timeout=_STOP_SECONDS)
    try:
        token = (folder / "control-token").read_text()
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        said = json.loads(answer.read() or b"null")
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ValueError(said.get("error", f"HTTP {answer.status}"))
    return said


@contextmanager
def _turn(folder: Path) -> Generator[None]:
    """Starters and stoppers one at a time."""
    with os.fdopen(os.open(folder / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _running(folder: Path) -> bool:
    """Whether a server lives and has said where it answers."""
    return _alive(folder) and bool(_endpoint(folder))


def _alive(folder: Path) -> bool:
    """Whether a process holds the server's lock."""
    try:
        with (folder / "alive.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _endpoint(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "endpoint.json").read_bytes())
    except (OSError, ValueError):
        return {}


def _version() -> str:
    """Changes when the code of the local Azure does."""
    files = (path for path in _CODE.rglob("*") if path.suffix in {".py", ".json"})
    stats = sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    return f"{zlib.crc32(repr((sys.executable, stats)).encode()):08x}"


def _launch(folder: Path) -> None:
    missing = [package for package, module in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise NotInstalledError(missing)
    log = folder / "server.log"
    with _pipe() as (reading, writing), os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)) as said:
        words = [sys.executable, "-m", "localazure.server", "--state", str(folder)]
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*words, "--ready-fd", str(writing), "--version", _version()],
            cwd=_CODE.parent,
            env=_plain_environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)
        said_so = select.poll()  # takes any number of a descriptor, which select does not
        said_so.register(reading, select.POLLIN | select.POLLHUP)
        ready = said_so.poll(_START_SECONDS * 1000)
        if not ready or not os.read(reading, 16):
            child.kill()
            child.wait()
            raise StartError(log.read_text(errors="replace")[-4000:])
        child.returncode = 0  # it outlives us on purpose: no warning that it still runs


@contextmanager
def _pipe() -> Generator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)


def _plain_environment() -> dict[str, str]:
    """The server needs no secret of whoever starts it; where packages come from, what it installs must know."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}


def _end(folder: Path) -> None:
    """SIGTERM, then SIGKILL to a server that does not go; waits until it is gone."""
    held_by = (folder / "alive.lock").read_text()  # written by who holds it, so it is no stale number
    pid = int(held_by or _endpoint(folder)["pid"])
    try:
        with socket.create_connection(("127.0.0.1", _endpoint(folder)["control_port"]), _STOP_SECONDS) as line:
            os.kill(pid, signal.SIGTERM)
            line.recv(1)  # ends when the process does: the kernel closes its side
    except (TimeoutError, KeyError):
        os.kill(pid, signal.SIGKILL)
    except ConnectionError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    with (folder / "alive.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
