"""The lease that keeps two runs from writing at once: 60 s on the lock container, renewed by a thread.

Taken over ARM, so that no data-plane right is needed. The container's metadata says who took it last, since when and
what for; that counts while the container is leased. https://learn.microsoft.com/rest/api/storagerp/blob-containers/lease
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cloud.transport.clock import ticks
from provisioner.errors import CloudError, Conflict, Interrupted, LeaseLost, NotFound, NotYetVisible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioner.cloud.cloud import Cloud

LEASE_SECONDS = 60
RENEW_SECONDS = 20
RETRY_SECONDS = 2
# Metadata names are C# identifiers:
# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
OWNER, SINCE, PURPOSE, PROCESS = "lease_owner", "lease_since", "lease_purpose", "lease_process"
ID, ENVIRONMENT = "lease_id", "lease_environment"
DECLARED = "last_declared"  # what `engine.provenance` notes
TAKING = "taking the environment's lease"


class Lease:
    """Taken by `acquire`, given back by `release`."""

    def __init__(self, cloud: Cloud, account_id: str, container: str) -> None:
        self.account_id = account_id
        self.container = container
        self._cloud = cloud
        self._id = cloud.session.new_id()
        self._until = 0.0
        self._holder: Mapping[str, str] = {}
        self._unnamed = True  # the metadata does not name the holder yet
        self._lost: CloudError | None = None
        self._released = threading.Event()
        self._turn = threading.RLock()

    @classmethod
    def acquire(
        cls, cloud: Cloud, account_id: str, container: str, *, holder: Mapping[str, str], wait_seconds: float
    ) -> Lease:
        """Take the lease; a thread then writes into the container's metadata who holds it, and renews it.

        It becomes the session's lease: from then on writes are sent only while it lasts.

        holder: OWNER, PURPOSE and ENVIRONMENT (its name), for people.
        The lease of a process on this machine that has ended is released at once. Another is waited for at most
        wait_seconds, since that of a run that ended elsewhere runs out after a minute. Raises Conflict that names the
        holder, at once where that is a process on this machine that runs.
        """
        lease = cls(cloud, account_id, container)
        lease._await_free_lease(lease._take, wait_seconds)
        since = cloud.session.clock.decision_time().isoformat()
        lease._holder = {**holder, SINCE: since, PROCESS: _this_process(), ID: lease._id}
        cloud.session.lease = lease
        threading.Thread(target=lease._renew_until_released, name="lease", daemon=True).start()
        return lease

    @classmethod
    def wait_until_free(cls, cloud: Cloud, account_id: str, container: str, *, wait_seconds: float) -> None:
        """Wait as `acquire` does, but do not take it. Raises Conflict that names the holder.

        A lease whose holder was a process of this machine that has died is released; one whose holder still runs here
        is not waited for.
        """
        lease = cls(cloud, account_id, container)
        lease._await_free_lease(lambda: not lease._is_leased(), wait_seconds)

    def require_seconds(self, seconds: float, *, during: str) -> None:
        """Raise LeaseLost unless the lease lasts that long. A lease that ends sooner is renewed first."""
        with self._turn:
            if self._until - ticks() < seconds:
                self._renew()
            if self._lost is not None or self._until - ticks() < seconds:
                raise self._lease_lost(during)

    def raise_if_lost(self, *, during: str) -> None:
        """Raise LeaseLost if the lease is known to be lost. Sends no request."""
        if self._lost is not None:
            raise self._lease_lost(during)

    def renew_or_raise(self, *, during: str) -> None:
        """Renew the lease at once, or raise LeaseLost: it is another run's, or gone with its container, say."""
        with self._turn:
            if not self._renew():
                raise self._lease_lost(during)

    def release(self) -> None:
        """Let other runs in. If another run has taken the lease meanwhile, its lease stays."""
        with self._turn:
            if self._released.is_set():
                return
            self._released.set()
            with suppress(CloudError, Interrupted):  # it is another run's by now, or runs out by itself
                self._call("Release")
            self._cloud.session.lease = None

    def try_note(self, name: str, text: str) -> None:
        """Write a note into the container's metadata; not where that fails, since nothing depends on it."""
        with self._turn, suppress(CloudError, Interrupted):
            self._holder = {**self._holder, name: text}
            self._write_holder()
            self._unnamed = False

    def is_of_container(self, account_id: str, container: str) -> bool:
        """Whether it is the lease of that container."""
        return (self.account_id.lower(), self.container) == (account_id.lower(), container)

    def _renew_until_released(self) -> None:
        """Runs in a thread: name the holder, then renew every 20 s, or 2 s after a failure, until released."""
        delay = 0.0
        while self._lost is None and not self._released.wait(delay):
            with self._turn:
                if not self._released.is_set():
                    delay = self._keep_once()

    def _keep_once(self) -> float:
        """Returns the seconds until the next time."""
        if self._unnamed:
            with suppress(CloudError, Interrupted):  # only messages depend on it
                self._write_holder()
                self._unnamed = False
            return RETRY_SECONDS if self._unnamed else RENEW_SECONDS - RETRY_SECONDS
        return RENEW_SECONDS if self._renew() else RETRY_SECONDS

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
            accounts.change_container_lease(
                self.account_id, self.container, "Acquire", lease_id=self._id, seconds=LEASE_SECONDS
            )
        elif action == "Renew":
            accounts.change_container_lease(self.account_id, self.container, "Renew", lease_id=self._id)
        else:
            accounts.change_container_lease(self.account_id, self.container, "Release", lease_id=self._id)
        self._until = sent + LEASE_SECONDS

    def _write_holder(self) -> None:
        """Write the holder into the container's metadata, over the one before. Other keys in it stay."""
        container = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        if container is None:  # on a replica: its owner tag would be overwritten
            raise NotYetVisible(operation=f"reading {self.container}")
        metadata = {**container.metadata, **self._holder}
        self._cloud.storage_accounts.set_container_metadata(self.account_id, self.container, metadata)

    def _is_leased(self) -> bool:
        container = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        return container is not None and container.leased

    def _metadata(self) -> Mapping[str, str]:
        container = self._cloud.storage_accounts.find_container(self.account_id, self.container)
        return container.metadata if container else {}

    def _take(self) -> bool:
        """Acquire it. Returns False if another run has it."""
        try:
            self._call("Acquire")
        except NotFound as gone:
            raise self._environment_removed(gone) from gone
        except Conflict:
            return False
        return True

    def _await_free_lease(self, is_free: Callable[[], bool], wait_seconds: float) -> None:
        """Until the lease is free for this run. Raises Conflict that names the holder."""
        if is_free():
            return
        holder = self._metadata()
        if self._release_if_ended(holder) and is_free():
            return

        def over() -> bool:
            if is_free():
                return True
            if _is_holder_running(holder := self._metadata()):
                raise self._taken_by_another(holder)
            return False

        try:
            what = (
                f"the environment's lease: {_lease_holder_text(holder)}; if that run has died, it ends within a minute"
            )
            self._cloud.session.waits.until(over, what=what, deadline_seconds=wait_seconds)
        except NotYetVisible as late:
            raise self._taken_by_another(self._metadata()) from late

    def _release_if_ended(self, holder: Mapping[str, str]) -> bool:
        """Release the lease of a process on this machine that has ended. Returns whether the holder was such a process.

        The release names the lease's id, so that a lease which another run has taken since stays.
        """
        if not _has_holder_ended(holder):
            return False
        with suppress(Conflict):
            dead = holder.get(ID, self._id)
            self._cloud.storage_accounts.change_container_lease(
                self.account_id, self.container, "Release", lease_id=dead
            )
        return True

    def _taken_by_another(self, holder: Mapping[str, str]) -> Conflict:
        return Conflict(
            operation=TAKING,
            status=409,
            code="LeaseAlreadyPresent",
            message=_lease_holder_text(holder),
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


def _lease_holder_text(lease_holder: Mapping[str, str]) -> str:
    """Who holds the lease, in words. A run that has just taken it writes that a moment later."""
    if OWNER not in lease_holder or _has_holder_ended(lease_holder):
        return "a run that has not written its name yet has it"
    since, purpose = lease_holder.get(SINCE, "recently"), lease_holder.get(PURPOSE, "something")
    return f"{lease_holder[OWNER]} has held it since {since}, for {purpose}"


def _is_holder_running(lease_holder: Mapping[str, str]) -> bool:
    """Whether the holder is a process on this machine that runs."""
    machine, _, process = lease_holder.get(PROCESS, "").rpartition("/")
    return bool(machine) and machine == _this_machine() and process == _process(process.partition(".")[0])


def _has_holder_ended(lease_holder: Mapping[str, str]) -> bool:
    """Whether the holder was a process on this machine that has ended."""
    return lease_holder.get(PROCESS, "").rpartition("/")[0] == _this_machine() != "" and not _is_holder_running(
        lease_holder
    )


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
