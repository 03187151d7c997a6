"""What the runs for several environments share on each cloud; made when the first of them needs it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.cloud.transport.shared import Shared
    from provisioner.cloud.transport.sign_in import LocalSettings

HOSTS = 4  # of an environment: its vault, its account's two, its Airflow
OF_ALL = 12  # that all have in common, and connections to one host that an environment uses at a time


@dataclass(frozen=True)
class CloudInUse:
    """One cloud. local: how to reach the embedded local Azure."""

    local: LocalSettings | None
    shared: Shared


class Clouds:
    """The clouds of one command. parallel: environments at a time. reading: none of its runs writes.

    interrupted: ends the waits of all runs.
    """

    def __init__(self, *, parallel: int, reading: bool, debug: bool) -> None:
        self.interrupted = threading.Event()
        self._size, self._reading, self._debug = OF_ALL + HOSTS * parallel, reading, debug
        self._clouds: dict[str, CloudInUse] = {}
        self._lock = threading.Lock()

    def of(self, cloud: str) -> CloudInUse:
        """A cloud by its name in the spec. Raises LocalError if the local Azure does not start."""
        with self._lock:
            if cloud not in self._clouds:
                self._clouds[cloud] = self._opened(cloud)
            return self._clouds[cloud]

    def close(self) -> None:
        """End every connection, after the last run."""
        for cloud in self._clouds.values():
            cloud.shared.close()

    def _opened(self, cloud: str) -> CloudInUse:
        from provisioner.cloud.profile import PROFILES
        from provisioner.cloud.transport.clock import ticks
        from provisioner.cloud.transport.session import route_to
        from provisioner.cloud.transport.shared import Shared
        from provisioner.cloud.transport.shared_reads import SharedReads

        local = start_if_local(cloud)
        reads = SharedReads(PROFILES[cloud].arm, PROFILES[cloud].graph, ticks=ticks) if self._reading else None
        shared = Shared(route_to(local), interrupted=self.interrupted, size=self._size, reads=reads, debug=self._debug)
        return CloudInUse(local=local, shared=shared)


def start_if_local(cloud_name: str) -> LocalSettings | None:
    """How to reach the local Azure, which is started if needed; None for any other cloud."""
    if cloud_name != "local":
        return None
    from provisioner.cli.local import start_local_azure

    return start_local_azure()
