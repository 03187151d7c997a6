"""The local Azure's process: `python -m localazure.server --state FOLDER`, started by `process`.

Holds the folder's `alive` lock while it lives, writes `endpoint.json` once it listens, ends on SIGTERM or when the
folder is deleted.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import logging
import os
import resource
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from localazure import discovery
from localazure.app.certificates import Certificates
from localazure.app.clock import Clock
from localazure.app.control import Control
from localazure.app.dispatch import Dispatcher
from localazure.app.gateway import Gateway
from localazure.app.process import installations_folder
from localazure.app.proxy import Proxy
from localazure.app.reason_phrase import ReasonPhraseProtocol
from localazure.app.reverse_proxy import ReverseProxy
from localazure.app.secret import Secret
from localazure.app.secret_marker import SECRET_MARKER
from localazure.app.signing import Signer
from localazure.app.state_files import (
    CONTROL_TOKEN,
    ENDPOINT,
    OPERATOR_SECRET,
    TOKEN_KEY,
    read_endpoint,
    read_secret,
    write_private,
)
from localazure.app.store import Store
from localazure.app.supervisor import Supervisor
from localazure.app.tenant import Tenant
from localazure.entra import directory, tokens
from localazure.rbac import access
from localazure.seed import seed_once

if TYPE_CHECKING:
    from collections.abc import Callable

ALIVE = "alive.lock"
_KEEP_ALIVE_SECONDS = 300
_WATCH_SECONDS = 2
_RECONCILE_SECONDS = 0.5
_DESCRIPTORS = 10_240  # the most that macOS allows, too


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for its persistent state")
    parser.add_argument("--ready-fd", type=int, help="descriptor that gets one line once the server listens")
    parser.add_argument("--version", default="", help="checksum of the code, written to endpoint.json")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    os.umask(0o077)
    _raise_descriptor_limit()
    arguments.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = arguments.state.resolve()
    with (state / ALIVE).open("a") as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("another local Azure serves this folder") from None
        alive.truncate(0)
        alive.write(f"{os.getpid()}")
        alive.flush()
        asyncio.run(_serve(state, arguments.version, arguments.ready_fd, os.fstat(alive.fileno()).st_ino))


def _raise_descriptor_limit() -> None:
    """Raise the limit of open descriptors, often 1024: a hundred concurrent runs have more connections than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


async def _serve(state: Path, code_checksum: str, ready_fd: int | None, lock_inode: int) -> None:
    runtimes = Supervisor(discovery.find_runtimes(), state / "runtimes", installations_folder(state))
    gateway, control = _create_applications(state, runtimes)
    proxy = Proxy(gateway.dispatcher.serves, Certificates(state / "tls"), _http_protocol(gateway))
    previous = read_endpoint(state)
    servers = {
        "proxy_port": await _listen(proxy.create_tunnel, previous.get("proxy_port", 0)),
        "control_port": await _listen(_direct_http_protocol(control), previous.get("control_port", 0)),
        "pages_port": await _listen(
            _direct_http_protocol(ReverseProxy(runtimes.web_pages)), previous.get("pages_port", 0)
        ),
    }
    ports = {name: _port_of(server) for name, server in servers.items()}
    runtimes.pages_url = f"http://127.0.0.1:{ports['pages_port']}"
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    _announce_endpoint(state, code_checksum, ports, ready_fd)
    _stop_when_folder_deleted(state / ALIVE, lock_inode, stopped)
    _keep_reconciling(gateway.tenant)
    await stopped.wait()
    servers["proxy_port"].close()
    servers["pages_port"].close()
    await runtimes.end_all()
    servers["control_port"].close()
    gateway.tenant.store.close()


def _create_applications(state: Path, runtimes: Supervisor) -> tuple[Gateway, Control]:
    """Create the ASGI applications of the services and of the control endpoint; seed the store if it is new."""
    services = list(discovery.find_services())
    tenant = Tenant(
        store=Store(state / "store"),
        clock=Clock(),
        signer=Signer(state / TOKEN_KEY),
        runtimes=runtimes,
        audiences=frozenset(audience for service in services for audience in service.audiences or ()),
    )
    operator_secret = Secret(_read_or_create(state / OPERATOR_SECRET, directory.generate_secret_text))
    seed_once(tenant, services, operator_secret)
    gateway = Gateway(
        Dispatcher(tenant, services, authenticate=tokens.authenticate, authorize=access.is_principal_allowed)
    )
    token = _read_or_create(state / CONTROL_TOKEN, lambda: SECRET_MARKER + secrets.token_urlsafe())
    control = Control(
        gateway, runtimes, token, state / "snapshots", lambda: seed_once(tenant, services, operator_secret)
    )
    return gateway, control


def _stop_when_folder_deleted(lock_file: Path, inode: int, stopped: asyncio.Event) -> None:
    """Stop the server once its folder is deleted, since nobody could find or stop it any more."""
    try:
        exists = lock_file.stat().st_ino == inode
    except OSError:
        exists = False
    if exists:
        asyncio.get_running_loop().call_later(_WATCH_SECONDS, _stop_when_folder_deleted, lock_file, inode, stopped)
    else:
        stopped.set()


def _keep_reconciling(tenant: Tenant) -> None:
    """Reconcile the runtimes again and again, so that changes are rolled out without any call."""
    asyncio.get_running_loop().call_later(_RECONCILE_SECONDS, _keep_reconciling, tenant)
    tenant.runtimes.update_running(tenant)


def _http_protocol(app: Any) -> Callable[[str, Callable[[], None]], asyncio.Protocol]:
    """Return a factory of uvicorn's HTTP protocol for connections that are already accepted."""
    config = Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    config.load()
    state = ServerState()

    def connection(host: str, abort: Callable[[], None]) -> asyncio.Protocol:
        return ReasonPhraseProtocol(config, state, {"tunnel": host, "abort": abort})

    return connection


def _direct_http_protocol(app: Any) -> Callable[[], asyncio.Protocol]:
    """Return a factory of the same for connections that come through no tunnel."""
    connection = _http_protocol(app)
    return lambda: connection("", lambda: None)


async def _listen(protocol: Callable[[], asyncio.Protocol], port: int) -> asyncio.Server:
    """Listen on the port of the previous run, so that its clients' variables stay valid, or on a free one."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(protocol, "127.0.0.1", port, backlog=512)
    except OSError:
        return await loop.create_server(protocol, "127.0.0.1", 0, backlog=512)


def _port_of(server: asyncio.Server) -> int:
    return server.sockets[0].getsockname()[1]


def _announce_endpoint(state: Path, code_checksum: str, ports: dict[str, int], ready_fd: int | None) -> None:
    endpoint = {"pid": os.getpid(), "version": code_checksum, **ports}
    write_private(state / ENDPOINT, json.dumps(endpoint).encode())
    if ready_fd is not None:
        os.write(ready_fd, b"ready\n")
        os.close(ready_fd)


def _read_or_create(path: Path, create: Callable[[], str]) -> str:
    """Return the secret in a file; create both if the file does not exist."""
    if not path.exists():
        write_private(path, create().encode())
    return read_secret(path)


if __name__ == "__main__":
    main()
