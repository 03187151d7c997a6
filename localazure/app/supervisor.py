"""Runs the real programs behind the emulated services: starts, restarts and ends them, and reports their status.

Each program has a thread of its own, so the event loop never waits for one. Threads change their `RuntimeInstance` and
wake whoever waits for a change; they do not read the store. Every program runs under a subreaper, so it ends with this
process, however that happens.

In one file: a program's state, who changes it and who waits for the change belong together.
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
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from localazure.app.program import Program, ProgramSpec, WebPage
    from localazure.app.runtime import Runtime
    from localazure.app.secret import Secret
    from localazure.app.tenant import Tenant

LOG = logging.getLogger("localazure")
PREPARING, STARTING, READY, FAILED, ENDED = "preparing", "starting", "ready", "failed", "ended"
_POLL_SECONDS = 0.1  # between two checks whether a program is ready


class _Ended(Exception):
    """The program was asked to end."""


@dataclass(eq=False)
class RuntimeInstance:
    """One program, from its preparation to its end. Its thread writes the fields, the event loop reads them.

    began: `time.monotonic()` at the start of the preparation. progress: what is being done, for people. ready_seconds:
    how long it took from start to ready. stopping: set when it is to end.
    """

    runtime: Runtime
    spec: ProgramSpec
    folder: Path
    began: float
    state: str = PREPARING
    progress: str = ""
    ready_seconds: float | None = None
    program: Program | None = None
    process: ChildProcess | None = None
    failure: RuntimeFailure | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def log(self) -> Path:
        """The output of the program and of its preparation."""
        return self.folder / "program.log"

    def request_end(self) -> None:
        """Ask the program to end, and return at once. Its thread ends when none of its processes runs any more."""
        self.stopping.set()
        if self.process is not None:
            self.process.request_end()


class Supervisor:
    """The real programs of one local Azure, by runtime kind and resource id."""

    def __init__(self, runtimes: Iterable[Runtime], state: Path, installations: Path) -> None:
        self._runtimes = tuple(runtimes)
        self._state, self._installations = state, installations
        self._instances: dict[tuple[str, str], RuntimeInstance] = {}
        self._threads: dict[tuple[str, str], threading.Thread] = {}  # the last one of each, also while it is ending
        self.pages_url = ""  # of the reverse proxy, once it listens
        self._changes = 0
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start_all(self, tenant: Tenant, only: Mapping[str, Sequence[str]] | None = None) -> None:
        """Start or restart every program that the tenant's resources need; end those that none needs.

        only: of these kinds, those behind these resources alone; others that run go on.
        """
        self._loop = asyncio.get_running_loop()
        wanted = {kind: {one.lower() for one in ids} for kind, ids in (only or {}).items()}
        self._apply_specs(tenant, start=lambda kind, resource: kind not in wanted or resource in wanted[kind])
        self._notify()

    def update_running(self, tenant: Tenant) -> None:
        """Restart running programs whose spec has changed, end those that no resource needs, update their files.

        Starts no others. A program that failed stays down until its spec changes.
        """
        if self._instances and self._apply_specs(tenant, start=lambda _kind, _resource: False):
            self._notify()

    def _apply_specs(self, tenant: Tenant, *, start: Callable[[str, str], bool]) -> bool:
        """Start, restart and end programs as the runtimes' specs say. Returns whether there was anything to do.

        start: whether to start the program of a kind behind a resource, if it does not run.
        """
        specs = {(r.kind, s.resource_id.lower()): (r, s) for r in self._runtimes for s in r.specs(tenant)}
        unneeded = self._instances.keys() - specs.keys()
        for key in unneeded:
            self._instances.pop(key).request_end()
        started = 0
        for key, (runtime, spec) in specs.items():
            instance = self._instances.get(key)
            if _needs_start(instance, spec, start=start(*key)):
                if instance is not None:
                    instance.request_end()
                self._start(key, runtime, spec)
                started += 1
            if runtime.sync_files is not None and key in self._instances:
                runtime.sync_files(tenant, spec, self._instances[key].folder)
        return bool(unneeded or started)

    async def end_all(self, *, delete_folders: bool = False) -> None:
        """End all programs and wait until none of their processes runs any more.

        delete_folders: delete every working folder then, also of programs that ended before. Raises OSError for the
            first one that cannot be deleted, when all others are.
        """
        for instance in self._instances.values():
            instance.request_end()
        self._instances.clear()
        self._notify()
        for thread in list(self._threads.values()):
            await asyncio.to_thread(thread.join)
        if delete_folders:
            await asyncio.to_thread(self._delete_folders)

    def _delete_folders(self) -> None:
        errors = list[OSError]()
        for folder in self._state.glob("*/"):
            try:
                shutil.rmtree(folder)
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def find_ready(self, kind: str, resource_id: str) -> Program | None:
        """Return the program behind a resource if it is ready, else None."""
        instance = self._instances.get((kind, resource_id.lower()))
        return instance.program if instance and instance.state == READY else None

    def web_pages(self) -> Iterator[WebPage]:
        """Yield the web pages of programs that are ready, for the reverse proxy."""
        for instance in list(self._instances.values()):
            if instance.state == READY and instance.program is not None and instance.program.page is not None:
                yield instance.program.page

    def find_folder(self, kind: str, resource_id: str) -> Path | None:
        """Return the working folder of the program behind a resource if one was started, else None."""
        instance = self._instances.get((kind, resource_id.lower()))
        return instance.folder if instance else None

    async def wait_for_change(self, change: int, timeout_seconds: float) -> dict[str, Any]:
        """Wait until something changes after change number `change`, or for the time-out; then return all statuses."""
        if change == self._changes:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        return {"change": self._changes, "runtimes": self.list_status()}

    def list_status(self) -> list[dict[str, Any]]:
        """Return the status of each program as JSON, for `local status`."""
        return [_status(instance) for _, instance in sorted(self._instances.items())]

    def _start(self, key: tuple[str, str], runtime: Runtime, spec: ProgramSpec) -> None:
        instance = RuntimeInstance(runtime, spec, self._folder_path(runtime, spec), time.monotonic())
        previous = self._threads.get(key)
        thread = threading.Thread(
            target=self._run_thread, args=(instance, previous), name=f"runtime-{spec.name}", daemon=True
        )
        self._instances[key], self._threads[key] = instance, thread
        thread.start()

    def _folder_path(self, runtime: Runtime, spec: ProgramSpec) -> Path:
        id_hash = hashlib.sha256(spec.resource_id.lower().encode()).hexdigest()[:8]
        return self._state / f"{runtime.kind}-{spec.name.lower()}-{id_hash}"

    def _run_thread(self, instance: RuntimeInstance, previous: threading.Thread | None) -> None:
        """Wait for the previous program to end, run this one to its end, and set its final state."""
        if previous is not None:
            previous.join()
        try:
            self._run(instance)
        except _Ended:
            self._set_state(instance, ENDED, "")
        except RuntimeFailure as failure:
            self._fail(instance, failure)
        except OSError as error:
            what = f"{error.filename or instance.folder}: {error.strerror}"
            self._fail(instance, RuntimeFailure(what, "Fix that, then run `provisioner local runtimes up` again"))
        except Exception as error:  # noqa: BLE001  # a defect in a runtime's module must not go unseen
            _log_defect(instance, error)
            what = f"A defect of the local Azure: {type(error).__name__}"
            self._fail(instance, RuntimeFailure(what, "Report it; the server's log has the traceback"))

    def _fail(self, instance: RuntimeInstance, failure: RuntimeFailure) -> None:
        instance.failure = failure
        self._set_state(instance, FAILED, failure.what)

    def _run(self, instance: RuntimeInstance) -> None:
        """Prepare and start the program, wait until it is ready, then until it ends. Always raises.

        It raises _Ended if it was asked to end, else RuntimeFailure or what `prepare` raises.
        """
        instance.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        instance.log.unlink(missing_ok=True)
        program = instance.runtime.prepare(instance.spec, self._workspace(instance))
        instance.program, start = program, time.monotonic()
        self._set_state(instance, STARTING, "starting")
        process = self._spawn(instance, program.command, program.environment)
        while not program.is_ready():
            if process.ended.wait(_POLL_SECONDS):
                raise self._end_error(instance, process)
            if time.monotonic() - start > program.startup_seconds:
                process.request_end()
                process.ended.wait()
                what = f"{instance.spec.name} was not ready after {program.startup_seconds:.0f} s"
                raise RuntimeFailure(what, f"Its whole log is {instance.log}", tail(instance.log))
        instance.ready_seconds = time.monotonic() - start
        self._set_state(instance, READY, "")
        if program.watch is not None:
            program.watch(process.ended)
        process.ended.wait()
        raise self._end_error(instance, process)

    def _end_error(self, instance: RuntimeInstance, process: ChildProcess) -> Exception:
        """Return what to raise for a program that has ended: _Ended if it was asked to, else RuntimeFailure."""
        if instance.stopping.is_set():
            return _Ended()
        what = f"{instance.spec.name} ended by itself with exit code {process.exit_code}"
        remedy = f"Its whole log is {instance.log}; `provisioner local runtimes up` starts it again"
        return RuntimeFailure(what, remedy, tail(instance.log))

    def _workspace(self, instance: RuntimeInstance) -> Workspace:
        def report_progress(text: str) -> None:
            self._set_state(instance, PREPARING, text)

        def run(command: Sequence[str], environment: Mapping[str, str | Secret]) -> None:
            process = self._spawn(instance, command, environment)
            process.ended.wait()
            if instance.stopping.is_set():
                raise _Ended
            if process.exit_code:
                what = f"{command[0]} failed with exit code {process.exit_code}"
                raise RuntimeFailure(what, f"Its whole output is in {instance.log}", tail(instance.log))

        return Workspace(
            folder=instance.folder,
            pages_url=self.pages_url,
            installations=self._installations,
            report_progress=report_progress,
            run=run,
        )

    def _spawn(
        self, instance: RuntimeInstance, command: Sequence[str], environment: Mapping[str, str | Secret]
    ) -> ChildProcess:
        process = ChildProcess(command, folder=instance.folder, log=instance.log, environment=environment)
        instance.process = process
        if instance.stopping.is_set():  # asked to end before there was a process
            process.request_end()
        return process

    def _set_state(self, instance: RuntimeInstance, state: str, progress: str) -> None:
        instance.state, instance.progress = state, progress
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._notify)

    def _notify(self) -> None:
        """Count a change and wake whoever waits for one."""
        self._changes += 1
        self._changed.set()
        self._changed = asyncio.Event()


def _needs_start(instance: RuntimeInstance | None, spec: ProgramSpec, *, start: bool) -> bool:
    """Return whether to (re)start. start: also programs that do not run, failed or ended, not only changed ones."""
    if instance is None:
        return start
    return instance.spec != spec or (start and instance.state in {FAILED, ENDED})


def _log_defect(instance: RuntimeInstance, error: Exception) -> None:
    """Log the traceback of an unexpected exception, without its text, which may contain anything."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("runtime %s: %s\n%s", instance.spec.name, type(error).__name__, frames)


def _status(instance: RuntimeInstance) -> dict[str, Any]:
    pids = instance.process.pids if instance.process else []
    program, failure = instance.program, instance.failure
    return {
        "kind": instance.runtime.kind,
        "name": instance.spec.name,
        "version": instance.spec.version,
        "resource_id": instance.spec.resource_id,
        "state": instance.state,
        "told": instance.progress,
        "since_seconds": round(time.monotonic() - instance.began, 1),
        "ready_seconds": None if instance.ready_seconds is None else round(instance.ready_seconds, 1),
        "url": program.url if program else None,
        "shown": dict(program.addresses) if program else {},
        "listening": listening_addresses(pids),
        "memory_bytes": memory_bytes(pids),
        "pids": pids,
        "log": str(instance.log),
        "failure": None if failure is None else str(failure),
    }
