"""The lease that keeps two runs from writing at once: 60 s on the lock container, renewed by a thread.

Taken over ARM, so that no data-plane right is needed. The container's metadata says for people who holds it, since when
and what for. https://learn.microsoft.com/rest/api/storagerp/blob-containers/lease
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
OWNER_SECONDS = 3.0
# Metadata names are C# identifiers:
# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
OWNER, SINCE, PURPOSE, PROCESS = "lease_owner", "lease_since", "lease_purpose", "lease_process"
ID = "lease_id"
TAKING = "taking the environment's lease"
KEYS = (OWNER, SINCE, PURPOSE, PROCESS, ID)


class Lease:
    """Taken by `acquire`, given back by `release` or at the end of its `with`."""

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
        """Take the lease. Raises Conflict that names the holder.

        The lease of a run that ended without releasing it runs out after a minute. If that run was a process on this
        machine, it is released at once.
        """
        lease = cls(cloud, account_id, container)
        try:
            lease._take()
        except Conflict:
            if not lease._release_if_ended():
                raise
            lease._take()
        cloud.session.lease = lease
        threading.Thread(target=lease._keep_renewing, name="lease", daemon=True).start()
        since = cloud.session.clock.now().isoformat()
        try:
            holder = {OWNER: owner, SINCE: since, PURPOSE: purpose, PROCESS: _this_process(), ID: lease._id}
            lease._write_holder(holder)
        except BaseException:
            lease.release()
            raise
        return lease

    @classmethod
    def require_free(cls, cloud: Cloud, account_id: str, container: str) -> None:
        """Raise Conflict that names the holder if another run has the lease now. Does not take it.

        A lease whose holder was a process on this machine that has ended counts as free.
        """
        lease = cls(cloud, account_id, container)
        if lease._is_leased() and not lease._has_ended(lease._metadata()):
            raise lease._taken_by_another(Conflict(operation=TAKING, status=409, code="LeaseAlreadyPresent"))

    def require(self, seconds: float, *, during: str) -> None:
        """Raise LeaseLost unless the lease lasts that long. A lease that ends sooner is renewed first."""
        with self._turn:
            if self._until - ticks() < seconds:
                self._renew()
            if self._lost is not None or self._until - ticks() < seconds:
                raise self._lease_lost(during)

    def check(self, *, during: str) -> None:
        """Raise LeaseLost if the lease is known to be lost. Sends no request."""
        if self._lost is not None:
            raise self._lease_lost(during)

    def release(self) -> None:
        """Let other runs in. If another run has taken the lease meanwhile, its lease stays."""
        with self._turn:
            if self._released.is_set():
                return
            self._released.set()
            if self._renew():
                with suppress(CloudError, Interrupted):  # it runs out by itself
                    self._write_holder({})
                    self._call("Release")
            self._cloud.session.lease = None

    def holds(self, account_id: str, container: str) -> bool:
        """Whether it is the lease of that container."""
        return (self.account_id.lower(), self.container) == (account_id.lower(), container)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _keep_renewing(self) -> None:
        """Runs in a thread: renew every 20 s, every 2 s while that fails, until the lease is released or lost."""
        delay = RENEW_SECONDS
        while self._lost is None and not self._released.wait(delay):
            with self._turn:
                delay = RENEW_SECONDS if self._released.is_set() or self._renew() else RETRY_SECONDS

    def _renew(self) -> bool:
        """Renew for another minute and say whether it worked. The lease is lost if another has it or it ran out."""
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
        """Send one action. The minute counts from before the request, so that the lease is never shorter than that."""
        sent = ticks()
        accounts = self._cloud.storage_accounts
        if action == "Acquire":
            accounts.lease(self.account_id, self.container, "Acquire", lease_id=self._id, seconds=LEASE_SECONDS)
        elif action == "Renew":
            accounts.lease(self.account_id, self.container, "Renew", lease_id=self._id)
        else:
            accounts.lease(self.account_id, self.container, "Release", lease_id=self._id)
        self._until = sent + LEASE_SECONDS

    def _write_holder(self, holder: Mapping[str, str]) -> None:
        """Write the holder into the container's metadata. Other keys in it stay."""
        container = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        before: Mapping[str, str] = container.metadata if container else {}
        kept = {name: value for name, value in before.items() if name not in KEYS}
        self._cloud.storage_accounts.set_metadata(self.account_id, self.container, {**kept, **holder})

    def _is_leased(self) -> bool:
        container = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        return container is not None and container.leased

    def _metadata(self) -> Mapping[str, str]:
        container = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        return container.metadata if container else {}

    def _take(self) -> None:
        try:
            self._call("Acquire")
        except NotFound as gone:
            raise self._environment_removed(gone) from gone
        except Conflict as conflict:
            raise self._taken_by_another(conflict) from conflict

    def _release_if_ended(self) -> bool:
        """Release the lease of a process on this machine that has ended. Returns whether the holder was such a process.

        The release names the lease's id, so that a lease which another run has taken since stays.
        """
        holder = self._metadata()
        if not self._has_ended(holder):
            return False
        with suppress(Conflict):
            dead = holder.get(ID, self._id)
            self._cloud.storage_accounts.lease(self.account_id, self.container, "Release", lease_id=dead)
        return True

    def _has_ended(self, holder: Mapping[str, str]) -> bool:
        """Whether the holder was a process on this machine that has ended."""
        machine, _, process = holder.get(PROCESS, "").rpartition("/")
        return bool(machine) and machine == _this_machine() and process != _process(process.partition(".")[0])

    def _holder(self) -> Mapping[str, str]:
        """The metadata that names the holder. A run that has just taken the lease writes it a moment later."""
        waits, readings = self._cloud.session.waits, [self._metadata()]

        def names_its_owner() -> bool:
            readings.append(self._metadata())
            return OWNER in readings[-1]

        if OWNER not in readings[0]:
            with suppress(NotYetVisible):
                waits.until(names_its_owner, deadline_seconds=OWNER_SECONDS, what="the lease's owner")
        return readings[-1]

    def _taken_by_another(self, conflict: Conflict) -> Conflict:
        holder = self._holder()
        who = f"{holder.get(OWNER, 'somebody')} holds it since {holder.get(SINCE, 'recently')}"
        return Conflict(
            operation=TAKING,
            status=conflict.status,
            code=conflict.code,
            message=f"{who}, for {holder.get(PURPOSE, 'an unnamed purpose')}",
            request_id=conflict.request_id,
            remedy="Wait until that run has ended; the lease of a run that died ends within a minute.",
        )

    def _environment_removed(self, gone: NotFound) -> Conflict:
        """The container was there when this run looked. A teardown removes it last."""
        return Conflict(
            operation=TAKING,
            status=gone.status,
            code=gone.code,
            message="another run has just removed the environment",
            request_id=gone.request_id,
            remedy="Run the command again; it sees what is there now.",
        )

    def _lease_lost(self, during: str) -> LeaseLost:
        why = f"{self._lost.code} {self._lost.message}".strip() if self._lost else "it could not be renewed in time"
        return LeaseLost(operation=during, message=why.rstrip("."))


def _this_process() -> str:
    return f"{_this_machine()}/{_process(str(os.getpid()))}"


def _this_machine() -> str:
    """Host name, boot and process namespace: one process number means one process only within all three."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""
    return f"{socket.gethostname()}/{boot}/{space}"


def _process(pid: str) -> str:
    """`PID.START`; the start time tells apart processes that reuse a number. Empty if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The 22nd field, counted from behind the name in parentheses: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    state, start = stat.rpartition(")")[2].split()[0], stat.rpartition(")")[2].split()[19]
    return "" if state == "Z" else f"{pid}.{start}"
