"""What a proof came to: it holds, it fails and what to do, or it cannot be known and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it stands."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "not known"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One link of the chain. told: what was seen; a failure's ends with what to do. right: a missing right or piece."""

    what: str
    state: State
    told: str = ""
    right: bool = False


def ok(what: str, told: str = "") -> Finding:
    """It holds."""
    return Finding(what=what, state=State.OK, told=told)


def failed(what: str, told: str, *, right: bool = False) -> Finding:
    """It does not."""
    return Finding(what=what, state=State.FAILED, told=told, right=right)


def unknown(what: str, because: str) -> Finding:
    """It could not be tried; that is neither."""
    return Finding(what=what, state=State.UNKNOWN, told=f"because {because}")


def not_asked(what: str, error: Exception) -> Finding:
    """The caller itself was turned away or got no answer."""
    return unknown(what, f"it could not be asked: {error}")
