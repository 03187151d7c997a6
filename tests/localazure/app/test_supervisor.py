"""Programs behind services: they start, say when they are ready, and leave nothing behind, however they end."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app.child_process import ChildProcess
from localazure.app.clock import Clock
from localazure.app.program import Program, ProgramSpec, RuntimeFailure
from localazure.app.runtime import Runtime
from localazure.app.secret import Secret
from localazure.app.store import Store
from localazure.app.supervisor import Supervisor
from localazure.app.world import World
from tests.ends import ended, watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from localazure.app.program import Workspace

ROOT = Path(__file__).parents[3]
SECONDS = 20

# Serves a port, and has a child that left its session and whose parent ended at once.
SERVER = """
import os, pathlib, socket, sys, threading
if not os.fork():
    os.setsid()
    if not os.fork():
        pathlib.Path("left").write_text(str(os.getpid()))
        threading.Event().wait()
    os._exit(0)
os.wait()
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
pathlib.Path("environment").write_text(repr(sorted(os.environ)))
print("serving", flush=True)
pathlib.Path("up").touch()
threading.Event().wait()
"""


@dataclass
class Toy:
    """A runtime whose program is `code`; `steps` are commands that prepare it."""

    code: str = SERVER
    steps: Sequence[Sequence[str]] = ()
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    names: Sequence[str] = ("toy",)
    seconds: float = SECONDS

    def runtime(self) -> Runtime:
        return Runtime(kind="toy", wanted=self.wanted, prepare=self.prepare)

    def wanted(self, _world: World) -> list[ProgramSpec]:
        return [
            ProgramSpec(resource_id=f"/toys/{name}", name=name, version="1", given=self.given) for name in self.names
        ]

    def prepare(self, _wanted: ProgramSpec, site: Workspace) -> Program:
        site.say("preparing")
        for step in self.steps:
            site.run(step, {})
        (site.folder / "up").unlink(missing_ok=True)
        port = site.port("web")
        return Program(
            command=(sys.executable, "-c", self.code, str(port)),
            ready=(site.folder / "up").exists,
            url=f"http://127.0.0.1:{port}",
            environment={"TOKEN": Secret("hidden")},
            seconds=self.seconds,
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The toy asks nothing of it."""
    store = Store(tmp_path / "store")
    yield World(store=store, clock=Clock())
    store.close()


async def settled(supervisor: Supervisor, state: str) -> dict[str, Any]:
    """The one program, once it is in that state."""
    told = await supervisor.after(-1, 0)
    async with asyncio.timeout(SECONDS):
        while told["runtimes"][0]["state"] != state:
            told = await supervisor.after(told["change"], 1)
    return told["runtimes"][0]


def test_a_program_starts_says_where_it_is_and_ends_with_all_it_started(tmp_path: Path, world: World) -> None:
    async def life() -> dict[str, Any]:
        supervisor = Supervisor([Toy().runtime()], tmp_path, tmp_path)
        supervisor.up(world)
        told = await settled(supervisor, "ready")
        program = supervisor.ready("toy", "/TOYS/toy")
        assert program is not None
        assert program.url == told["url"]
        folder = supervisor.folder("toy", "/toys/toy")
        assert folder is not None
        assert int((folder / "left").read_text()) in told["pids"]
        assert "PYTEST_CURRENT_TEST" not in (folder / "environment").read_text()
        assert "TOKEN" in (folder / "environment").read_text()
        await supervisor.close()
        assert supervisor.shown() == []
        return told

    told = asyncio.run(life())
    assert told["listening"] == [told["url"].removeprefix("http://")]
    assert told["memory_bytes"] > 1 << 20
    assert told["ready_seconds"] < SECONDS
    log = Path(told["log"])
    assert (log.read_text(), log.stat().st_mode & 0o077) == ("serving\n", 0)
    assert "hidden" not in json.dumps(told)
    assert len(told["pids"]) == 2
    assert all(not Path(f"/proc/{pid}").exists() for pid in told["pids"])


def test_a_program_that_is_wanted_as_it_runs_goes_on_and_another_wish_restarts_it(tmp_path: Path, world: World) -> None:
    async def life() -> list[tuple[str, int]]:
        toy = Toy()
        supervisor = Supervisor([toy.runtime()], tmp_path, tmp_path)
        seen: list[tuple[str, int]] = []
        for given in ({}, {}, {"a": "b"}):
            toy.given = given
            supervisor.up(world)
            told = await settled(supervisor, "ready")
            seen.append((told["url"], told["pids"][0]))
        toy.names = ()
        watched = watch([seen[-1][1]])
        supervisor.up(world)
        assert supervisor.shown() == []
        assert await asyncio.to_thread(ended, watched, SECONDS)
        return seen

    first, second, third = asyncio.run(life())
    assert first == second
    assert (third[0], third[1] != first[1]) == (first[0], True)  # at the address of before


@pytest.mark.parametrize(
    ("toy", "said"),
    [
        (Toy(code="raise SystemExit('no room')"), ("ended by itself with exit code 1", "no room")),
        (Toy(code="import threading; threading.Event().wait()", seconds=0.2), ("was not ready after", "program.log")),
        (Toy(steps=[("sh", "-c", "echo no network >&2; exit 3")]), ("sh failed with exit code 3", "no network")),
        (Toy(steps=[("/nowhere/program",)]), ("failed with exit code 127", "cannot be started: No such file")),
    ],
)
def test_one_that_cannot_be_had_says_why(tmp_path: Path, world: World, toy: Toy, said: tuple[str, ...]) -> None:
    async def life() -> str:
        supervisor = Supervisor([toy.runtime()], tmp_path, tmp_path)
        supervisor.up(world)
        failure = (await settled(supervisor, "failed"))["failure"]
        assert supervisor.ready("toy", "/toys/toy") is None
        await supervisor.close()
        return failure

    failure = asyncio.run(life())
    assert all(text in failure for text in said), failure


def test_a_mistake_in_a_runtime_s_file_is_told_without_its_text(tmp_path: Path, world: World) -> None:
    def broken(_wanted: ProgramSpec, _site: Workspace) -> Program:
        raise KeyError("a secret")

    async def life() -> str:
        supervisor = Supervisor([Runtime(kind="toy", wanted=Toy().wanted, prepare=broken)], tmp_path, tmp_path)
        supervisor.up(world)
        return (await settled(supervisor, "failed"))["failure"]

    failure = asyncio.run(life())
    assert "KeyError" in failure
    assert "a secret" not in failure


def test_one_that_is_still_prepared_can_be_ended(tmp_path: Path, world: World) -> None:
    step = (sys.executable, "-c", "import pathlib, threading; pathlib.Path('begun').touch(); threading.Event().wait()")

    def begun() -> None:
        while not list(tmp_path.glob("*/begun")):
            pass

    async def life() -> None:
        supervisor = Supervisor([Toy(steps=[step]).runtime()], tmp_path, tmp_path)
        supervisor.up(world)
        async with asyncio.timeout(SECONDS):
            await asyncio.to_thread(begun)
            await supervisor.close()

    asyncio.run(life())


def test_one_that_ignores_the_wish_to_end_is_killed(tmp_path: Path) -> None:
    code = "import signal, pathlib, threading; signal.signal(15, 1); print(1, flush=True); threading.Event().wait()"
    log = tmp_path / "log"
    kept = ChildProcess([sys.executable, "-c", code], folder=tmp_path, log=log, environment={})
    while not log.read_text():
        assert not kept.ended.wait(0.01)
    kept.end()
    assert kept.ended.wait(SECONDS)
    assert kept.code == 128 + signal.SIGKILL


@pytest.fixture
def crowded() -> Iterator[None]:
    """More descriptors are open than select(2) takes, as in a local Azure with many clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as held:
        while held.enter_context(Path(os.devnull).open("rb")).fileno() < 1024:
            pass
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("crowded")
def test_a_program_is_kept_whatever_else_the_local_azure_has_open(tmp_path: Path) -> None:
    kept = ChildProcess(["sh", "-c", "exit 3"], folder=tmp_path, log=tmp_path / "log", environment={})
    assert kept.ended.wait(SECONDS)
    assert (kept.code, (tmp_path / "log").read_text()) == (3, "")


@pytest.mark.parametrize("victim", ["owner", "keeper"])
def test_nothing_is_left_when_the_owner_or_the_keeper_is_killed(tmp_path: Path, victim: str) -> None:
    code = (
        "import sys, pathlib; from localazure.app.child_process import ChildProcess\n"
        "folder, command = pathlib.Path(sys.argv[1]), [sys.executable, '-c', sys.argv[2], '0']\n"
        "kept = ChildProcess(command, folder=folder, log=folder / 'log', environment={})\n"
        "while not (folder / 'up').exists(): assert not kept.ended.wait(0.01)\n"
        "print(kept._process.pid, *kept.pids, flush=True); kept.ended.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), SERVER], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        keeper, *pids = map(int, owner.stdout.readline().split())
        assert int((tmp_path / "left").read_text()) in pids
        left = pids if victim == "owner" else pids[:1]  # nobody is there to end what left the program
        watched = watch(left)
        os.kill(owner.pid if victim == "owner" else keeper, signal.SIGKILL)
        assert ended(watched, SECONDS)
        for pid in set(pids) - set(left):
            os.kill(pid, signal.SIGKILL)


def test_a_failure_tells_what_to_do_with_and_without_a_log() -> None:
    assert str(RuntimeFailure("It failed", "Do this")) == "It failed. Do this."
    assert str(RuntimeFailure("It failed", "Do this", "line")) == "It failed.\nline\nDo this."
