"""What one pass read from Azure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.model.outputs import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from provisioner.errors import ProvisionerError
    from provisioner.model.declared import Node


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What every kind's observed record begins with.

    owned: it has this environment's owner tag. version: ETag or version id, for the plan's digest. managed_keys: for
    a resource of which single settings are managed (an Airflow runtime): whether any are; else None. note: what a plan
    says of it even if nothing is to be done. owner: the environment id in its owner tag, of kinds that another
    environment can take over.
    """

    owned: bool
    owner: str = ""
    version: str = ""
    managed_keys: bool | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Described:
    """What people call a resource that has only an id; lost: what went in Azure, so that nothing needs it any more."""

    label: str
    lost: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A managed resource that a search found.

    kept: why it stays until a teardown; empty: it does not. describe: called if no node declares it.
    """

    name: str
    observed: Observed
    kept: str = ""
    describe: Callable[[], Described] | None = field(default=None, repr=False, compare=False)


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
    """A managed resource that no node declares.

    rank: which search of the recipe found it; needs: as in Search. kept, describe: as in Found. described: what that
    said.
    """

    address: Address
    container: Address | None
    observed: Observed
    rank: int = 0
    needs: tuple[Address, ...] = ()
    kept: str = ""
    describe: Callable[[], Described] | None = field(default=None, repr=False, compare=False)
    described: Described | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything one pass read. unmanaged: contents without our owner tag, by container (read for a teardown only).

    unusable_keys: ids of keys that a holder hands out and that were tried and do not work.
    """

    now: datetime
    readings: Mapping[Address, Reading]
    orphans: tuple[Orphan, ...] = ()
    unmanaged: Mapping[Address, tuple[str, ...]] = field(default_factory=dict[Address, tuple[str, ...]])
    unusable_keys: frozenset[str] = frozenset()
