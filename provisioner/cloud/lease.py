"""The lease that keeps two runs from writing at once: 60 s on a container of ours, renewed by a thread.

Over ARM, so that no right on the data is needed. Who holds it, since when and what for stands in the container's
metadata, for people. https://learn.microsoft.com/rest/api/storagerp/blob-containers/lease
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from provisioner.cloud.transport.clock import ticks
from provisioner.errors import CloudError, Conflict, Interrupted, LeaseLost, NotFound, NotYetVisible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud

LEASE_SECONDS = 60
RENEW_SECONDS = 20
RETRY_SECONDS = 2
SIGNED_SECONDS = 3.0
# Metadata names are C# identifiers:
# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
OWNER, SINCE, PURPOSE, PROCESS = "lease_owner", "lease_since", "lease_purpose", "lease_process"
ID = "lease_id"
TAKING = "taking the environment's lease"
KEYS = (OWNER, SINCE, PURPOSE, PROCESS, ID)


class Lease:
    """Held from `acquire` until `release`, which leaving its `with` does too."""

    def __init__(self, cloud: Cloud, account_id: str, container: str) -> None:
        self.account_id = account_id
        self.container = container
        self._cloud = cloud
        self._id = cloud.session.fresh_id()
        self._until = 0.0
        self._lost: CloudError | None = None
        self._released = threading.Event()
        self._turn = threading.RLock()

    @classmethod
    def acquire(cls, cloud: Cloud, account_id: str, container: str, *, owner: str, purpose: str) -> Lease:
        """Take it, or raise Conflict that names the holder.

        The lease of a run that ended without releasing it runs out after a minute; if that run was a process of this
        very machine, it is released at once.
        """
        lease = cls(cloud, account_id, container)
        try:
            lease._take()
        except Conflict:
            if not lease._dead_released():
                raise
            lease._take()
        cloud.session.lease = lease
        threading.Thread(target=lease._keep, name="lease", daemon=True).start()
        since = cloud.session.clock.now().isoformat()
        try:
            told = {OWNER: owner, SINCE: since, PURPOSE: purpose, PROCESS: _this_process(), ID: lease._id}
            lease._sign(told)
        except BaseException:
            lease.release()
            raise
        return lease

    @classmethod
    def require_free(cls, cloud: Cloud, account_id: str, container: str) -> None:
        """Raise Conflict that names the holder if another run has it now; takes nothing.

        One whose owner was a process of this machine that is no more can be taken.
        """
        lease = cls(cloud, account_id, container)
        if lease._is_held() and not lease._died(lease._metadata()):
            raise lease._held_by_another(Conflict(operation=TAKING, status=409, code="LeaseAlreadyPresent"))

    def require(self, seconds: float, *, during: str) -> None:
        """Raise LeaseLost unless the lease is ours for that long; a lease that ends sooner is renewed first."""
        with self._turn:
            if self._until - ticks() < seconds:
                self._renew()
            if self._lost is not None or self._until - ticks() < seconds:
                raise self._gone(during)

    def check(self, *, during: str) -> None:
        """Raise LeaseLost if it is known to be lost; asks nobody."""
        if self._lost is not None:
            raise self._gone(during)

    def release(self) -> None:
        """Let others in; what is another run's by now stays as it is."""
        with self._turn:
            if self._released.is_set():
                return
            self._released.set()
            if self._renew():
                with suppress(CloudError, Interrupted):  # it runs out by itself
                    self._sign({})
                    self._call("Release")
            self._cloud.session.lease = None

    def holds(self, account_id: str, container: str) -> bool:
        """Whether it is the lease of that container."""
        return (self.account_id.lower(), self.container) == (account_id.lower(), container)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _keep(self) -> None:
        """The thread: renew every 20 s, every 2 s while that fails, until it is released or lost."""
        delay = RENEW_SECONDS
        while self._lost is None and not self._released.wait(delay):
            with self._turn:
                delay = RENEW_SECONDS if self._released.is_set() or self._renew() else RETRY_SECONDS

    def _renew(self) -> bool:
        """Whether it is ours for another minute. Lost: somebody else has it, it is gone, or it ran out meanwhile."""
        if self._lost is not None:
            return False
        try:
            self._call("Renew")
        except CloudError as error:
            if isinstance(error, (Conflict, NotFound)) or ticks() > self._until:
                self._lost = error
            return False
        except Interrupted:  # while a retry waited; it runs out by itself
            return False
        return True

    def _call(self, action: str) -> None:
        """Counts from before the request: the lease is not shorter than we think."""
        sent = ticks()
        accounts = self._cloud.storage_accounts
        if action == "Acquire":
            accounts.lease(self.account_id, self.container, "Acquire", lease_id=self._id, seconds=LEASE_SECONDS)
        elif action == "Renew":
            accounts.lease(self.account_id, self.container, "Renew", lease_id=self._id)
        else:
            accounts.lease(self.account_id, self.container, "Release", lease_id=self._id)
        self._until = sent + LEASE_SECONDS

    def _sign(self, lines: Mapping[str, str]) -> None:
        """Write who holds it into the container's metadata, beside what others keep there."""
        found = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        before: Mapping[str, str] = found.metadata if found else {}
        kept = {name: value for name, value in before.items() if name not in KEYS}
        self._cloud.storage_accounts.set_metadata(self.account_id, self.container, {**kept, **lines})

    def _is_held(self) -> bool:
        found = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        return found is not None and found.leased

    def _metadata(self) -> Mapping[str, str]:
        found = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        return found.metadata if found else {}

    def _take(self) -> None:
        try:
            self._call("Acquire")
        except NotFound as gone:
            raise self._taken_down(gone) from gone
        except Conflict as held:
            raise self._held_by_another(held) from held

    def _dead_released(self) -> bool:
        """Release the lease of a process of this machine that is no more; whether the words told of such a one.

        By its id, so that a lease which another run has taken since stays as it is.
        """
        told = self._metadata()
        if not self._died(told):
            return False
        with suppress(Conflict):
            dead = told.get(ID, self._id)
            self._cloud.storage_accounts.lease(self.account_id, self.container, "Release", lease_id=dead)
        return True

    def _died(self, told: Mapping[str, str]) -> bool:
        """Whether the words tell of a process of this machine that is no more."""
        machine, _, process = told.get(PROCESS, "").rpartition("/")
        return bool(machine) and machine == _this_machine() and process != _process(process.partition(".")[0])

    def _words(self) -> Mapping[str, str]:
        """Who holds it; one that took it just now has not told yet."""
        found = [self._metadata()]

        def told() -> bool:
            found.append(self._metadata())
            return OWNER in found[-1]

        if OWNER not in found[0]:
            with suppress(NotYetVisible):
                self._cloud.session.waits.until(told, deadline_seconds=SIGNED_SECONDS, what="the lease's owner")
        return found[-1]

    def _held_by_another(self, held: Conflict) -> Conflict:
        told = self._words()
        who = f"{told.get(OWNER, 'somebody')} holds it since {told.get(SINCE, 'recently')}"
        return Conflict(
            operation=TAKING,
            status=held.status,
            code=held.code,
            message=f"{who}, for {told.get(PURPOSE, 'an unnamed purpose')}",
            request_id=held.request_id,
            remedy="Wait until that run has ended; the lease of a run that died ends within a minute.",
        )

    def _taken_down(self, gone: NotFound) -> Conflict:
        """It was there when this run looked; a teardown removes it last."""
        return Conflict(
            operation=TAKING,
            status=gone.status,
            code=gone.code,
            message="another run has just removed the environment",
            request_id=gone.request_id,
            remedy="Run the command again; it sees what is there now.",
        )

    def _gone(self, during: str) -> LeaseLost:
        why = f"{self._lost.code} {self._lost.message}".strip() if self._lost else "it could not be renewed in time"
        return LeaseLost(operation=during, message=why.rstrip("."))


def _this_process() -> str:
    return f"{_this_machine()}/{_process(str(os.getpid()))}"


def _this_machine() -> str:
    """Differs between machines, boots and containers, wherever the same process number may stand for another one."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""
    return f"{socket.gethostname()}/{boot}/{space}"


def _process(pid: str) -> str:
    """`PID.START`, where a number that is used again has another start; empty if no such process lives."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The 22nd field, counted from behind the name in parentheses: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    state, start = stat.rpartition(")")[2].split()[0], stat.rpartition(")")[2].split()[19]
    return "" if state == "Z" else f"{pid}.{start}"
