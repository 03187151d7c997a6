"""The one tenant of the local Azure: store, clock and whatever else outlives a call; every handler gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from localazure.app.faults import Faults
from localazure.app.signing import Signer

if TYPE_CHECKING:
    from pathlib import Path

    from localazure.app.clock import Clock
    from localazure.app.program import Program
    from localazure.app.store import Store


class Runtimes(Protocol):
    """The real programs behind services, as far as a handler needs them; implemented by the supervisor."""

    def find_ready(self, kind: str, resource_id: str) -> Program | None:
        """Return the program behind a resource if it is ready, else None."""
        ...

    def find_folder(self, kind: str, resource_id: str) -> Path | None:
        """Return the working folder of the program behind a resource if one was started, else None."""
        ...

    def reconcile(self, world: World) -> None:
        """Restart programs whose spec has changed, and end those that no resource needs."""
        ...


class NoRuntimes:
    """No real programs: every resource is emulated."""

    def find_ready(self, kind: str, resource_id: str) -> Program | None:
        """Return None."""

    def find_folder(self, kind: str, resource_id: str) -> Path | None:
        """Return None."""

    def reconcile(self, world: World) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything of the tenant that outlives a call. audiences: those for which tokens are issued."""

    store: Store
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    signer: Signer = field(default_factory=Signer)
    runtimes: Runtimes = field(default_factory=NoRuntimes)
    audiences: frozenset[str] = frozenset()
