"""The one tenant of the local Azure: its store and clock, and what else outlives a call; handed to every handler."""

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
    """The real programs behind services, as a handler may ask for them; the supervisor's."""

    def ready(self, kind: str, resource_id: str) -> Program | None:
        """The program behind a resource, if it is ready."""
        ...

    def folder(self, kind: str, resource_id: str) -> Path | None:
        """The working folder of the program behind a resource, if one stands there."""
        ...

    def follow(self, world: World) -> None:
        """Restart what runs otherwise than the tenant wants by now."""
        ...


class NoRuntimes:
    """Nothing stands behind anything."""

    def ready(self, kind: str, resource_id: str) -> Program | None:
        """None."""

    def folder(self, kind: str, resource_id: str) -> Path | None:
        """None."""

    def follow(self, world: World) -> None:
        """Nothing to do."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Handlers reach everything that outlives a call through this. audiences: what tokens may be for."""

    store: Store
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    signer: Signer = field(default_factory=Signer)
    runtimes: Runtimes = field(default_factory=NoRuntimes)
    audiences: frozenset[str] = frozenset()
