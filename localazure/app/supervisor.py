"""The real programs behind the emulated services: which stand, how far each is; starts and ends them.

Each has a thread of its own, so the event loop never waits for one. Threads change a `Standing` and wake whoever
waits for a change; they read no store. Every program is under a keeper, so it ends with this process, however that
happens.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localazure.app.child_process import ChildProcess, listening_addresses, memory_bytes, tail
from localazure.app.program import RuntimeFailure, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from localazure.app.program import Program, ProgramSpec, WebPage
    from localazure.app.runtime import Runtime
    from localazure.app.secret import Secret
    from localazure.app.world import World

LOG = logging.getLogger("localazure")
PREPARING, STARTING, READY, FAILED, ENDED = "preparing", "starting", "ready", "failed", "ended"
_ASK_SECONDS = 0.1  # between two questions whether a program is ready


class _Ended(Exception):
    """It is to stand no longer."""


@dataclass(eq=False)
class RuntimeInstance:
    """One program on its way up or down; what threads write is read by the event loop."""

    runtime: Runtime
    wanted: ProgramSpec
    folder: Path
    began: float
    state: str = PREPARING
    told: str = ""
    seconds: float | None = None
    program: Program | None = None
    kept: ChildProcess | None = None
    failure: RuntimeFailure | None = None
    leaving: threading.Event = field(default_factory=threading.Event)
    forgotten: bool = False

    @property
    def log(self) -> Path:
        """What it and its preparation said."""
        return self.folder / "program.log"

    def end(self) -> None:
        """Ask it to end; its thread ends when nothing of it runs."""
        self.leaving.set()
        if self.kept is not None:
            self.kept.end()


class Supervisor:
    """The programs of one local Azure."""

    def __init__(self, found: Iterable[Runtime], state: Path, installations: Path) -> None:
        self._runtimes = tuple(found)
        self._state, self._installations = state, installations
        self._standing: dict[tuple[str, str], RuntimeInstance] = {}
        self._threads: dict[tuple[str, str], threading.Thread] = {}  # the last one for each, also when it is leaving
        self.pages_url = ""  # of the reverse proxy, once it listens
        self._changes = 0
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def up(self, world: World) -> None:
        """Start what the tenant wants and does not run, or runs otherwise than wanted; end what it wants no more."""
        self._loop = asyncio.get_running_loop()
        self._match(world, start=True)
        self._note()

    def follow(self, world: World) -> None:
        """As `up` for what stands already, but a program that failed stays down until something else is wanted."""
        if self._standing and self._match(world, start=False):
            self._note()

    def _match(self, world: World, *, start: bool) -> bool:
        """Whether anything had to be started or ended."""
        wanted = {(r.kind, w.resource_id.lower()): (r, w) for r in self._runtimes for w in r.wanted(world)}
        gone = self._standing.keys() - wanted.keys()
        for key in gone:
            self._standing.pop(key).end()
        begun = 0
        for key, (runtime, one) in wanted.items():
            before = self._standing.get(key)
            if _to_begin(before, one, start=start):
                if before is not None:
                    before.end()
                self._begin(key, runtime, one)
                begun += 1
            if runtime.follow is not None and key in self._standing:
                runtime.follow(world, one, self._standing[key].folder)
        return bool(gone or begun)

    def down(self, *, forget: bool = False) -> None:
        """Ask all to end; `forget`: with the folders in which they worked."""
        for standing in self._standing.values():
            standing.forgotten = forget
            standing.end()
        self._standing.clear()
        self._note()

    async def close(self) -> None:
        """End all, and wait until nothing runs."""
        self.down()
        for thread in list(self._threads.values()):
            await asyncio.to_thread(thread.join)

    def ready(self, kind: str, resource_id: str) -> Program | None:
        """The program behind a resource, if it is ready."""
        found = self._standing.get((kind, resource_id.lower()))
        return found.program if found and found.state == READY else None

    def pages(self) -> Iterator[WebPage]:
        """What the reverse proxy shows, of programs that are ready."""
        for standing in list(self._standing.values()):
            if standing.state == READY and standing.program is not None and standing.program.page is not None:
                yield standing.program.page

    def folder(self, kind: str, resource_id: str) -> Path | None:
        """The working folder of the program behind a resource, if one stands there."""
        found = self._standing.get((kind, resource_id.lower()))
        return found.folder if found else None

    async def after(self, change: int, seconds: float) -> dict[str, Any]:
        """All of them once something changed since `change`, or when the time is over."""
        if change == self._changes:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)
        return {"change": self._changes, "runtimes": self.shown()}

    def shown(self) -> list[dict[str, Any]]:
        """What `local status` tells of each."""
        return [_shown(standing) for _, standing in sorted(self._standing.items())]

    def _begin(self, key: tuple[str, str], runtime: Runtime, wanted: ProgramSpec) -> None:
        made = RuntimeInstance(runtime, wanted, self._folder(runtime, wanted), time.monotonic())
        told = (made, self._threads.get(key))
        thread = threading.Thread(target=self._stand, args=told, name=f"runtime-{wanted.name}", daemon=True)
        self._standing[key], self._threads[key] = made, thread
        thread.start()

    def _folder(self, runtime: Runtime, wanted: ProgramSpec) -> Path:
        told_apart = hashlib.sha256(wanted.resource_id.lower().encode()).hexdigest()[:8]
        return self._state / f"{runtime.kind}-{wanted.name.lower()}-{told_apart}"

    def _stand(self, standing: RuntimeInstance, before: threading.Thread | None) -> None:
        """A thread's whole life: prepare, start, wait until ready, wait until it ends."""
        if before is not None:
            before.join()
        try:
            self._run(standing)
        except _Ended:
            self._tell(standing, ENDED, "")
        except RuntimeFailure as failure:
            self._fail(standing, failure)
        except OSError as error:
            what = f"{error.filename or standing.folder}: {error.strerror}"
            self._fail(standing, RuntimeFailure(what, "Mend that, then `provisioner local runtimes up` again"))
        except Exception as error:  # noqa: BLE001  # a mistake in a runtime's file must not go unseen
            _log(standing, error)
            what = f"A defect of the local Azure: {type(error).__name__}"
            self._fail(standing, RuntimeFailure(what, "Report it; the server's log has the traceback"))
        finally:
            if standing.forgotten:
                shutil.rmtree(standing.folder, ignore_errors=True)

    def _fail(self, standing: RuntimeInstance, failure: RuntimeFailure) -> None:
        standing.failure = failure
        self._tell(standing, FAILED, failure.what)

    def _run(self, standing: RuntimeInstance) -> None:
        standing.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        standing.log.unlink(missing_ok=True)
        program = standing.runtime.prepare(standing.wanted, self._site(standing))
        standing.program, start = program, time.monotonic()
        self._tell(standing, STARTING, "starting")
        kept = self._keep(standing, program.command, program.environment)
        while not program.ready():
            if kept.ended.wait(_ASK_SECONDS):
                raise self._died(standing, kept)
            if time.monotonic() - start > program.seconds:
                kept.end()
                kept.ended.wait()
                what = f"{standing.wanted.name} was not ready after {program.seconds:.0f} s"
                raise RuntimeFailure(what, f"Its whole log is {standing.log}", tail(standing.log))
        standing.seconds = time.monotonic() - start
        self._tell(standing, READY, "")
        if program.watch is not None:
            program.watch(kept.ended)
        kept.ended.wait()
        raise self._died(standing, kept)

    def _died(self, standing: RuntimeInstance, kept: ChildProcess) -> Exception:
        if standing.leaving.is_set():
            return _Ended()
        what = f"{standing.wanted.name} ended by itself with exit code {kept.code}"
        remedy = f"Its whole log is {standing.log}; `provisioner local runtimes up` starts it again"
        return RuntimeFailure(what, remedy, tail(standing.log))

    def _site(self, standing: RuntimeInstance) -> Workspace:
        def say(text: str) -> None:
            self._tell(standing, PREPARING, text)

        def run(command: Sequence[str], environment: Mapping[str, str | Secret]) -> None:
            kept = self._keep(standing, command, environment)
            kept.ended.wait()
            if standing.leaving.is_set():
                raise _Ended
            if kept.code:
                what = f"{command[0]} failed with exit code {kept.code}"
                raise RuntimeFailure(what, f"Its whole output is in {standing.log}", tail(standing.log))

        return Workspace(
            folder=standing.folder, pages=self.pages_url, installations=self._installations, say=say, run=run
        )

    def _keep(
        self, standing: RuntimeInstance, command: Sequence[str], environment: Mapping[str, str | Secret]
    ) -> ChildProcess:
        kept = ChildProcess(command, folder=standing.folder, log=standing.log, environment=environment)
        standing.kept = kept
        if standing.leaving.is_set():  # asked to end before there was something to end
            kept.end()
        return kept

    def _tell(self, standing: RuntimeInstance, state: str, text: str) -> None:
        standing.state, standing.told = state, text
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note)

    def _note(self) -> None:
        self._changes += 1
        self._changed.set()
        self._changed = asyncio.Event()


def _to_begin(before: RuntimeInstance | None, wanted: ProgramSpec, *, start: bool) -> bool:
    if before is None:
        return start
    return before.wanted != wanted or (start and before.state in {FAILED, ENDED})


def _log(standing: RuntimeInstance, error: Exception) -> None:
    """Where it happened; not the exception's text, which may hold anything."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("runtime %s: %s\n%s", standing.wanted.name, type(error).__name__, frames)


def _shown(standing: RuntimeInstance) -> dict[str, Any]:
    pids = standing.kept.pids if standing.kept else []
    program, failure = standing.program, standing.failure
    return {
        "kind": standing.runtime.kind,
        "name": standing.wanted.name,
        "version": standing.wanted.version,
        "resource_id": standing.wanted.resource_id,
        "state": standing.state,
        "told": standing.told,
        "since_seconds": round(time.monotonic() - standing.began, 1),
        "ready_seconds": None if standing.seconds is None else round(standing.seconds, 1),
        "url": program.url if program else None,
        "shown": dict(program.shown) if program else {},
        "listening": listening_addresses(pids),
        "memory_bytes": memory_bytes(pids),
        "pids": pids,
        "log": str(standing.log),
        "failure": None if failure is None else str(failure),
    }
