"""The local Azure's process: `python -m localazure.server --state FOLDER`, started by `process`.

Holds the folder's `alive` lock for as long as it lives, writes `endpoint.json` when it answers, ends on SIGTERM or
when the folder is deleted.
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
from localazure.app.certificates import Certificates, write_private
from localazure.app.clock import Clock
from localazure.app.control import Control
from localazure.app.dispatch import Dispatcher
from localazure.app.gateway import Gateway
from localazure.app.process import installations_folder
from localazure.app.proxy import Proxy
from localazure.app.reason_phrase import ReasonPhraseProtocol
from localazure.app.reverse_proxy import ReverseProxy
from localazure.app.secret import Secret
from localazure.app.signing import Signer
from localazure.app.store import Store
from localazure.app.supervisor import Supervisor
from localazure.app.tenant import SECRET_MARKER
from localazure.app.world import World
from localazure.entra import directory, tokens
from localazure.rbac import access
from localazure.seed import seed

if TYPE_CHECKING:
    from collections.abc import Callable

ALIVE = "alive.lock"
ENDPOINT = "endpoint.json"
SECRET = "operator-secret"  # noqa: S105 - a file's name
TOKEN = "control-token"  # noqa: S105 - a file's name
_KEEP_ALIVE_SECONDS = 300
_WATCH_SECONDS = 2
_FOLLOW_SECONDS = 0.5
_DESCRIPTORS = 10_240  # as many as macOS allows, too


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for everything it remembers")
    parser.add_argument("--ready-fd", type=int, help="gets one line when the server answers")
    parser.add_argument("--version", default="", help="noted in endpoint.json")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    os.umask(0o077)
    _allow_connections()
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


def _allow_connections() -> None:
    """Shells let a process have 1024 descriptors; a hundred runs at once hold more connections than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(state: Path, version: str, ready_fd: int | None, lock: int) -> None:
    runtimes = Supervisor(discovery.find_runtimes(), state / "runtimes", installations_folder(state))
    gateway, control = _applications(state, runtimes)
    proxy = Proxy(gateway.dispatcher.serves, Certificates(state / "tls"), _http(gateway))
    before = _endpoint(state)
    servers = {
        "proxy_port": await _listen(proxy.protocol, before.get("proxy_port", 0)),
        "control_port": await _listen(_plain(control), before.get("control_port", 0)),
        "pages_port": await _listen(_plain(ReverseProxy(runtimes.pages)), before.get("pages_port", 0)),
    }
    ports = {name: _port(server) for name, server in servers.items()}
    runtimes.pages_url = f"http://127.0.0.1:{ports['pages_port']}"
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    _announce(state, version, ports, ready_fd)
    _watch(state / ALIVE, lock, stopped)
    _follow(gateway.world)
    await stopped.wait()
    servers["proxy_port"].close()
    servers["pages_port"].close()
    await runtimes.close()
    servers["control_port"].close()
    gateway.world.store.close()


def _applications(state: Path, runtimes: Supervisor) -> tuple[Gateway, Control]:
    """The emulated services over their store, filled if it is new; and the control endpoint."""
    services = list(discovery.find_services())
    world = World(
        store=Store(state / "store"),
        clock=Clock(),
        signer=Signer(state / "token-key.pem"),
        runtimes=runtimes,
        audiences=frozenset(audience for service in services for audience in service.audiences or ()),
    )
    operator_secret = Secret(_kept(state / SECRET, directory.new_secret))
    seed(world, services, operator_secret)
    gateway = Gateway(
        Dispatcher(world, services, authenticate=tokens.authenticate, authorize=access.is_principal_allowed)
    )
    token = _kept(state / TOKEN, lambda: SECRET_MARKER + secrets.token_urlsafe())
    control = Control(gateway, runtimes, token, state / "snapshots", lambda: seed(world, services, operator_secret))
    return gateway, control


def _watch(alive: Path, own: int, stopped: asyncio.Event) -> None:
    """Nobody can find or stop a server whose folder was deleted: it ends by itself."""
    try:
        here = alive.stat().st_ino == own
    except OSError:
        here = False
    if here:
        asyncio.get_running_loop().call_later(_WATCH_SECONDS, _watch, alive, own, stopped)
    else:
        stopped.set()


def _follow(world: World) -> None:
    """What stands behind services keeps up with what is rolled out, also when nobody calls."""
    asyncio.get_running_loop().call_later(_FOLLOW_SECONDS, _follow, world)
    world.runtimes.follow(world)


def _http(app: Any) -> Callable[[str, Callable[[], None]], asyncio.Protocol]:
    """Uvicorn's HTTP on httptools, for connections that are already there."""
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


def _plain(app: Any) -> Callable[[], asyncio.Protocol]:
    """Uvicorn's HTTP for connections without a tunnel."""
    connection = _http(app)
    return lambda: connection("", lambda: None)


async def _listen(protocol: Callable[[], asyncio.Protocol], wanted: int) -> asyncio.Server:
    """On the port of the run before, so that a shell with its variables goes on working; else on a free one."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(protocol, "127.0.0.1", wanted, backlog=512)
    except OSError:
        return await loop.create_server(protocol, "127.0.0.1", 0, backlog=512)


def _port(server: asyncio.Server) -> int:
    return server.sockets[0].getsockname()[1]


def _announce(state: Path, version: str, ports: dict[str, int], ready_fd: int | None) -> None:
    shown = {"pid": os.getpid(), "version": version, **ports}
    write_private(state / ENDPOINT, json.dumps(shown).encode())
    if ready_fd is not None:
        os.write(ready_fd, b"ready\n")
        os.close(ready_fd)


def _endpoint(state: Path) -> dict[str, Any]:
    try:
        return json.loads((state / ENDPOINT).read_bytes())
    except (OSError, ValueError):
        return {}


def _kept(path: Path, make: Callable[[], str]) -> str:
    """A random text that is made once and kept in a file of its own."""
    if not path.exists():
        write_private(path, make().encode())
    return path.read_text()


if __name__ == "__main__":
    main()
