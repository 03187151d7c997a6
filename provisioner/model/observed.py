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

    owned: it has this environment's owner tag. version: ETag or version id, for the plan's digest. managed_keys: of
    what is adopted key by key, not as a whole (an Airflow runtime): whether keys in it are ours; else None.
    """

    owned: bool
    version: str = ""
    managed_keys: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """A managed resource that a search came upon. kept: why it stays until a teardown; empty: it does not."""

    name: str
    observed: Observed
    kept: str = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One node as it was read: observed (None: absent), or why it could not be read.

    retained: what Azure keeps of one that is absent; in a teardown, of one that is deleted.
    """

    node: Node
    observed: Observed | None = None
    retained: str = ""
    error: ProvisionerError | None = None


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """A managed resource that no node declares. rank: which search of the recipe found it. kept: as in Found."""

    address: Address
    container: Address | None
    observed: Observed
    rank: int = 0
    kept: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything one pass read. unmanaged: contents without our owner tag, by container (read for a teardown only)."""

    now: datetime
    readings: Mapping[Address, Reading]
    orphans: tuple[Orphan, ...] = ()
    unmanaged: Mapping[Address, tuple[str, ...]] = field(default_factory=dict[Address, tuple[str, ...]])
