"""Who holds which credential, and what a run is asked for: what a kind may know beyond its own node."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from provisioner.model.outputs import Address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Whether those who read a holder use the key that it hands out now.

    since: one of them was seen using it then. untold: why that is not known. asked: where the answer is awaited.
    """

    since: datetime | None = None
    untold: str = ""
    asked: str = ""


@dataclass(frozen=True, kw_only=True)
class KeyReference:
    """A key that a holder has: since when, and whether its value can be read back there.

    current: it hands out this key now; else it still keeps it. settled: when all who read it have it for certain.
    usage: of a holder whose readers do not have at once what is stored.
    """

    key_id: str
    since: datetime | None = None
    settled: datetime | None = None
    readable: bool = False
    current: bool = True
    usage: Usage | None = None


@dataclass(frozen=True, kw_only=True)
class HolderKey:
    """A key, and the holder that has it."""

    holder: Address
    key: KeyReference


class Intent(StrEnum):
    """What a plan is for."""

    CONVERGE = "converge"
    ROTATE = "rotate"
    REVOKE = "revoke"
    ROLLBACK = "rollback"
    TEARDOWN = "teardown"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a run is asked for.

    names: the credentials that it is limited to; empty: all. begin: rotations may begin, not only go on. force: before
    they are due. outage: a revoked key goes before its readers have the new one.
    """

    intent: Intent = Intent.CONVERGE
    names: tuple[str, ...] = ()
    begin: bool = False
    force: bool = False
    outage: bool = False

    def concerns(self, name: str) -> bool:
        """Whether a credential of this name is meant."""
        return not self.names or name in self.names


CONVERGE = Asked()


@dataclass(frozen=True, kw_only=True)
class View:
    """What a kind may know beyond its own node when it decides.

    key_references: by credential, every holder of a key of it. consumers: by credential, every declared holder.
    unread: what could not be read in this pass; a holder among them may have any key.
    """

    now: datetime
    environment_id: str
    asked: Asked = CONVERGE
    key_references: Mapping[Address, tuple[HolderKey, ...]] = field(
        default_factory=dict[Address, tuple[HolderKey, ...]]
    )
    consumers: Mapping[Address, tuple[Address, ...]] = field(default_factory=dict[Address, tuple[Address, ...]])
    unread: tuple[Address, ...] = ()

    @property
    def intent(self) -> Intent:
        """What the run is for."""
        return self.asked.intent
