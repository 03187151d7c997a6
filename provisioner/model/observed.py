"""What one pass over the cloud read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.model.outputs import Address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from provisioner.errors import ProvisionerError
    from provisioner.model.declared import Node


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What every kind's observed record begins with.

    ours: it bears this environment's mark. version: ETag or version id, for the plan's digest.
    """

    ours: bool
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A marked resource that a search came upon."""

    name: str
    observed: Observed


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One node as it was read: observed (None: absent, with what is left of it), or why it could not be read."""

    node: Node
    observed: Observed | None = None
    traces: str = ""
    error: ProvisionerError | None = None


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A found resource that no node declares. rank: the place of its search in the recipe."""

    address: Address
    container: Address | None
    observed: Observed
    rank: int = 0


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything one pass read. `strangers`: contents without our mark, by container (read for teardown only)."""

    now: datetime
    readings: Mapping[Address, Reading]
    leftovers: tuple[Leftover, ...] = ()
    strangers: Mapping[Address, tuple[str, ...]] = field(default_factory=dict[Address, tuple[str, ...]])
