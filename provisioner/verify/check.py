"""What a check found: it passed, it failed and what to do, or its answer is unknown and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The result of a check, as it is printed."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "not known"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check and its result.

    detail: what was seen; of a failed check it ends with what to do. precondition: it failed for a missing right or
    resource, which is exit code 4.
    """

    name: str
    state: State
    detail: str = ""
    precondition: bool = False


def passed(name: str, detail: str = "") -> Check:
    """A check that passed."""
    return Check(name=name, state=State.OK, detail=detail)


def failed(name: str, detail: str, *, precondition: bool = False) -> Check:
    """A check that failed."""
    return Check(name=name, state=State.FAILED, detail=detail, precondition=precondition)


def unknown(name: str, reason: str) -> Check:
    """A check that could not be made, which is neither passed nor failed."""
    return Check(name=name, state=State.UNKNOWN, detail=f"because {reason}")


def unanswered(name: str, error: Exception) -> Check:
    """A check whose request was refused to the caller, or got no answer."""
    return unknown(name, f"it could not be asked: {error}")
