"""What a kind may know beyond its own node: which holder has which key, and what the run was asked to do."""

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

    since: when one of them was seen using it. unknown_reason: why that is unknown. awaited_from: what is to show it.
    """

    since: datetime | None = None
    unknown_reason: str = ""
    awaited_from: str = ""


@dataclass(frozen=True, kw_only=True)
class KeyReference:
    """A key that a holder has: since when, and whether its value can be read back there.

    current: it hands out this key now; else it only still has it. at_once: its readers get a stored key at once.
    settled: when all readers have it for certain. usage: of a holder whose readers do not get it at once. unseen:
    nobody can see whether they have it, and nobody has said so. unversioned: a text that somebody changed in the holder
    looks as before, so it has to be tried.
    """

    key_id: str
    since: datetime | None = None
    settled: datetime | None = None
    readable: bool = False
    current: bool = True
    usage: Usage | None = None
    at_once: bool = False
    unseen: bool = False
    unversioned: bool = False


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
class Request:
    """What a run was asked to do.

    names: the credentials that it is limited to; empty: all. begin: rotations may begin, not only go on. force: before
    they are due. outage: a revoked key goes before its readers have the new one. rolled_out: somebody says that all
    readers have the keys that are handed out. predecessor: the id of the environment that a migration replaces by this
    one; a file of it that is the same is used. takes_over: its owner tags become this one's.
    """

    intent: Intent = Intent.CONVERGE
    names: tuple[str, ...] = ()
    begin: bool = False
    force: bool = False
    outage: bool = False
    rolled_out: bool = False
    predecessor: str = ""
    takes_over: bool = False

    def is_foreign(self, owner: str, own: str) -> bool:
        """Whether what has this owner is another environment's, and not to be used by the one of the id `own`."""
        return owner not in {"", own, self.predecessor}

    def concerns(self, name: str) -> bool:
        """Whether a credential of this name is meant."""
        return not self.names or name in self.names


CONVERGE = Request()


@dataclass(frozen=True, kw_only=True)
class View:
    """What a kind may know beyond its own node when it decides.

    key_references: by credential, every holder of a key of it. declared_holders: by credential, the
    nodes that are to have its value.
    unread: what could not be read in this pass; a holder among them may have any key. unusable_keys: keys that were
    tried and do not work.
    """

    now: datetime
    environment_id: str
    request: Request = CONVERGE
    key_references: Mapping[Address, tuple[HolderKey, ...]] = field(
        default_factory=dict[Address, tuple[HolderKey, ...]]
    )
    declared_holders: Mapping[Address, tuple[Address, ...]] = field(default_factory=dict[Address, tuple[Address, ...]])
    unread: tuple[Address, ...] = ()
    unusable_keys: frozenset[str] = frozenset()

    @property
    def intent(self) -> Intent:
        """What the run is for."""
        return self.request.intent
