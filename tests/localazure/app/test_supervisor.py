"""Real programs behind services: they start, become ready, and leave no process behind, however they end."""

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
from localazure.app.signing import Signer
from localazure.app.store import Store
from localazure.app.supervisor import Supervisor
from localazure.app.tenant import Tenant
from tests.process_exit import ended, watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from localazure.app.program import Workspace

ROOT = Path(__file__).parents[3]
SECONDS = 20

# Listens on a port, and has a grandchild that left its session and whose parent ended at once.
SERVER = """
import os, pathlib, socket, sys, threading
reading, writing = os.pipe()
if not os.fork():
    os.setsid()
    if not os.fork():
        pathlib.Path("left").write_text(str(os.getpid()))
        os.write(writing, b".")
        threading.Event().wait()
    os._exit(0)
os.wait()
os.read(reading, 1)  # the grandchild has written its id
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
pathlib.Path("environment").write_text(repr(sorted(os.environ)))
print("serving", flush=True)
pathlib.Path("up").touch()
threading.Event().wait()
"""


@dataclass
class Toy:
    """A runtime whose program is `code`; `steps` are the commands of its preparation."""

    code: str = SERVER
    steps: Sequence[Sequence[str]] = ()
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    names: Sequence[str] = ("toy",)
    startup_seconds: float = SECONDS

    def runtime(self) -> Runtime:
        return Runtime(kind="toy", specs=self.specs, prepare=self.prepare)

    def specs(self, _tenant: Tenant) -> list[ProgramSpec]:
        return [
            ProgramSpec(resource_id=f"/toys/{name}", name=name, version="1", parameters=self.parameters)
            for name in self.names
        ]

    def prepare(self, _spec: ProgramSpec, workspace: Workspace) -> Program:
        workspace.report_progress("preparing")
        for step in self.steps:
            workspace.run(step, {})
        (workspace.folder / "up").unlink(missing_ok=True)
        port = workspace.choose_port("web")
        return Program(
            command=(sys.executable, "-c", self.code, str(port)),
            is_ready=(workspace.folder / "up").exists,
            url=f"http://127.0.0.1:{port}",
            environment={"TOKEN": Secret("hidden")},
            startup_seconds=self.startup_seconds,
        )


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    """A tenant that the toy does not read."""
    store = Store(tmp_path / "store")
    yield Tenant(store=store, clock=Clock(), signer=Signer())
    store.close()


async def wait_for_state(supervisor: Supervisor, state: str) -> dict[str, Any]:
    """Wait until every program is in that state. Returns the first one's status."""
    listing = await supervisor.wait_for_change(-1, 0)
    async with asyncio.timeout(SECONDS):
        while any(one["state"] != state for one in listing["runtimes"]):
            listing = await supervisor.wait_for_change(listing["change"], 1)
    return listing["runtimes"][0]


def test_a_program_starts_reports_its_address_and_ends_with_its_descendants(tmp_path: Path, tenant: Tenant) -> None:
    async def scenario() -> dict[str, Any]:
        supervisor = Supervisor([Toy().runtime()], tmp_path, tmp_path)
        supervisor.start_all(tenant)
        status = await wait_for_state(supervisor, "ready")
        program = supervisor.find_ready("toy", "/TOYS/toy")
        assert program is not None
        assert program.url == status["url"]
        folder = supervisor.find_folder("toy", "/toys/toy")
        assert folder is not None
        left = int((folder / "left").read_text())
        async with asyncio.timeout(SECONDS):
            while left not in status["pids"]:  # /proc is no snapshot: one listing of it was seen to lack a process
                await asyncio.sleep(0)
                (status,) = supervisor.list_status()
        assert "PYTEST_CURRENT_TEST" not in (folder / "environment").read_text()
        assert "TOKEN" in (folder / "environment").read_text()
        await supervisor.end_all()
        assert supervisor.list_status() == []
        return status

    status = asyncio.run(scenario())
    assert status["listening"] == [status["url"].removeprefix("http://")]
    assert status["memory_bytes"] > 1 << 20
    assert status["ready_seconds"] < SECONDS
    log = Path(status["log"])
    assert (log.read_text(), log.stat().st_mode & 0o077) == ("serving\n", 0)
    assert "hidden" not in json.dumps(status)
    assert len(status["pids"]) == 2
    assert all(not Path(f"/proc/{pid}").exists() for pid in status["pids"])


def test_a_program_is_restarted_only_when_its_spec_changes(tmp_path: Path, tenant: Tenant) -> None:
    async def scenario() -> list[tuple[str, int]]:
        toy = Toy()
        supervisor = Supervisor([toy.runtime()], tmp_path, tmp_path)
        starts: list[tuple[str, int]] = []
        for parameters in ({}, {}, {"a": "b"}):
            toy.parameters = parameters
            supervisor.start_all(tenant)
            status = await wait_for_state(supervisor, "ready")
            starts.append((status["url"], status["pids"][0]))
        toy.names = ()
        watched = watch([starts[-1][1]])
        supervisor.start_all(tenant)
        assert supervisor.list_status() == []
        assert await asyncio.to_thread(ended, watched, SECONDS)
        return starts

    first, second, third = asyncio.run(scenario())
    assert first == second
    assert (third[0], third[1] != first[1]) == (first[0], True)  # at the same address


def test_only_the_programs_that_are_meant_are_started(tmp_path: Path, tenant: Tenant) -> None:
    async def scenario() -> list[str]:
        supervisor = Supervisor([Toy(names=("one", "two")).runtime()], tmp_path, tmp_path)
        supervisor.start_all(tenant, {"toy": ["/TOYS/two"], "others": []})
        await wait_for_state(supervisor, "ready")
        names = [one["name"] for one in supervisor.list_status()]
        await supervisor.end_all()
        return names

    assert asyncio.run(scenario()) == ["two"]


@pytest.mark.parametrize(
    ("toy", "texts"),
    [
        (Toy(code="raise SystemExit('no room')"), ("ended by itself with exit code 1", "no room")),
        (
            Toy(code="import threading; threading.Event().wait()", startup_seconds=0.2),
            ("was not ready after", "program.log"),
        ),
        (Toy(steps=[("sh", "-c", "echo no network >&2; exit 3")]), ("sh failed with exit code 3", "no network")),
        (Toy(steps=[("/nowhere/program",)]), ("failed with exit code 127", "cannot be started: No such file")),
    ],
)
def test_a_program_that_cannot_start_says_why(tmp_path: Path, tenant: Tenant, toy: Toy, texts: tuple[str, ...]) -> None:
    async def scenario() -> str:
        supervisor = Supervisor([toy.runtime()], tmp_path, tmp_path)
        supervisor.start_all(tenant)
        failure = (await wait_for_state(supervisor, "failed"))["failure"]
        assert supervisor.find_ready("toy", "/toys/toy") is None
        await supervisor.end_all()
        return failure

    failure = asyncio.run(scenario())
    assert all(text in failure for text in texts), failure


def test_a_defect_in_a_runtime_s_module_is_reported_without_the_exception_s_text(
    tmp_path: Path, tenant: Tenant
) -> None:
    def broken(_spec: ProgramSpec, _workspace: Workspace) -> Program:
        raise KeyError("a secret")

    async def scenario() -> str:
        supervisor = Supervisor([Runtime(kind="toy", specs=Toy().specs, prepare=broken)], tmp_path, tmp_path)
        supervisor.start_all(tenant)
        return (await wait_for_state(supervisor, "failed"))["failure"]

    failure = asyncio.run(scenario())
    assert "KeyError" in failure
    assert "a secret" not in failure


def test_a_program_in_preparation_can_be_ended(tmp_path: Path, tenant: Tenant) -> None:
    step = (sys.executable, "-c", "import pathlib, threading; pathlib.Path('begun').touch(); threading.Event().wait()")

    def wait_for_step() -> None:
        while not list(tmp_path.glob("*/begun")):
            pass

    async def scenario() -> None:
        supervisor = Supervisor([Toy(steps=[step]).runtime()], tmp_path, tmp_path)
        supervisor.start_all(tenant)
        async with asyncio.timeout(SECONDS):
            await asyncio.to_thread(wait_for_step)
            await supervisor.end_all()

    asyncio.run(scenario())


def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    code = "import signal, pathlib, threading; signal.signal(15, 1); print(1, flush=True); threading.Event().wait()"
    log = tmp_path / "log"
    process = ChildProcess([sys.executable, "-c", code], folder=tmp_path, log=log, environment={})
    while not log.read_text():
        assert not process.ended.wait(0.01)
    process.request_end()
    assert process.ended.wait(SECONDS)
    assert process.exit_code == 128 + signal.SIGKILL


def test_a_folder_that_cannot_be_deleted_is_named_by_each_reset(tmp_path: Path, tenant: Tenant) -> None:
    """Each program ends, and the folders that can be deleted are; the next reset knows no program of it any more."""

    async def scenario() -> tuple[Path, Path]:
        supervisor = Supervisor([Toy(names=("stays", "goes")).runtime()], tmp_path / "runtimes", tmp_path)
        supervisor.start_all(tenant)
        await wait_for_state(supervisor, "ready")
        stays, goes = (supervisor.find_folder("toy", f"/toys/{name}") for name in ("stays", "goes"))
        assert stays is not None
        assert goes is not None
        stays.rename(tmp_path / "moved")
        stays.symlink_to(tmp_path / "moved")
        for _ in range(2):
            with pytest.raises(OSError, match="symbolic link"):
                await supervisor.end_all(delete_folders=True)
        return stays, goes

    stays, goes = asyncio.run(scenario())
    assert stays.exists()
    assert not goes.exists()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """More descriptors are open than select(2) takes, as in a local Azure with many clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as files:
        while files.enter_context(Path(os.devnull).open("rb")).fileno() < 1024:
            pass
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_a_program_runs_whatever_else_the_local_azure_has_open(tmp_path: Path) -> None:
    process = ChildProcess(["sh", "-c", "exit 3"], folder=tmp_path, log=tmp_path / "log", environment={})
    assert process.ended.wait(SECONDS)
    assert (process.exit_code, (tmp_path / "log").read_text()) == (3, "")


@pytest.mark.parametrize("victim", ["owner", "subreaper"])
def test_no_process_is_left_when_the_local_azure_or_the_subreaper_is_killed(tmp_path: Path, victim: str) -> None:
    code = (
        "import sys, pathlib; from localazure.app.child_process import ChildProcess\n"
        "folder, command = pathlib.Path(sys.argv[1]), [sys.executable, '-c', sys.argv[2], '0']\n"
        "process = ChildProcess(command, folder=folder, log=folder / 'log', environment={})\n"
        "while not (folder / 'up').exists(): assert not process.ended.wait(0.01)\n"
        "print(process._process.pid, *process.pids, flush=True); process.ended.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), SERVER], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        subreaper, *pids = map(int, owner.stdout.readline().split())
        assert int((tmp_path / "left").read_text()) in pids
        ending = pids if victim == "owner" else pids[:1]  # no subreaper is there to end what left the group
        watched = watch(ending)
        os.kill(owner.pid if victim == "owner" else subreaper, signal.SIGKILL)
        assert ended(watched, SECONDS)
        for pid in set(pids) - set(ending):
            os.kill(pid, signal.SIGKILL)


def test_a_failure_says_what_to_do_with_and_without_a_log() -> None:
    assert str(RuntimeFailure("It failed", "Do this")) == "It failed. Do this."
    assert str(RuntimeFailure("It failed", "Do this", "line")) == "It failed.\nline\nDo this."
