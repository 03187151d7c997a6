"""What is to be done, and what became of it: changes, steps, plans, outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from provisioner.model.outputs import Address

if TYPE_CHECKING:
    from datetime import datetime

    from provisioner.errors import CloudError
    from provisioner.model.declared import ReadBy
    from provisioner.model.observed import Observed


class Forces(StrEnum):
    """What a change takes."""

    UPDATE = "update"
    REPLACE = "replace"
    ROTATE = "rotate"
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field that differs, as people may see it (never a secret's text).

    reason: why it matters, in a few words; with `Forces.REFUSE` it says what would be right. contested: other
    environments write the same field, and no condition guards the write: it is made again where the second reading
    lacks it.
    """

    field: str
    before: str | None = None
    after: str | None = None
    reason: str = ""
    forces: Forces = Forces.UPDATE
    contested: bool = False


class Action(StrEnum):
    """What a step does."""

    KEEP = "keep"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    ROTATE = "rotate"
    DELETE = "delete"
    DEFER = "defer"


@dataclass(frozen=True, kw_only=True)
class OrphanAction:
    """What is to become of an orphan: a managed resource that is not declared.

    until: a defer that waits for a date. soon: so soon that the run itself waits for it. succeeded: what replaces it is
    to be in use before it goes, where that can be seen.
    """

    action: Action
    reason: str
    until: datetime | None = None
    soon: bool = False
    succeeded: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One decision.

    after: steps that must be done first. waits_on: what a defer waits for: addresses of grants, or a date.
    dated: it waits for a date only, so it is no pending change. soon: the run waits for that date. routine: a removal
    that its own kind has announced, so nobody is asked. succeeded: what replaces it is to be in use first. remains:
    teardown leaves it, and what a person does.
    """

    address: Address
    action: Action
    changes: tuple[Change, ...] = ()
    reason: str = ""
    after: tuple[Address, ...] = ()
    waits_on: tuple[str, ...] = ()
    dated: bool = False
    routine: bool = False
    soon: bool = False
    succeeded: bool = False
    access: bool = False
    remains: str = ""
    desired: Any = field(default=None, repr=False)
    observed: Observed | None = field(default=None, repr=False)
    read_by: ReadBy | None = field(default=None, repr=False)

    @property
    def pending(self) -> bool:
        """Whether something is to be done that is not there yet."""
        return self.action is not Action.KEEP and not self.dated


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps in an order in which they can be done.

    outputs: what the resources that stay publish. sources: by credential, a holder its value can be copied from.
    """

    environment: str
    steps: tuple[Step, ...]
    digest: str
    outputs: Mapping[Address, Mapping[str, Any]] = field(default_factory=dict[Address, Mapping[str, Any]], repr=False)
    sources: Mapping[Address, tuple[Address, str]] = field(
        default_factory=dict[Address, tuple[Address, str]], repr=False
    )

    def summary(self) -> dict[str, int]:
        """How many steps of each action, those that let the caller in under `access`."""
        counts = {action.value: 0 for action in Action}
        counts["access"] = 0
        for step in self.steps:
            counts["access" if step.access and step.pending else step.action.value] += 1
        return counts

    @property
    def pending(self) -> bool:
        """Whether anything of the environment itself is to be done."""
        return any(step.pending and not step.access for step in self.steps)


class Result(StrEnum):
    """How a step ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    BLOCKED = "blocked"
    DEFERRED = "deferred"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a step. note: what could not be proven, say."""

    step: Step
    result: Result
    error: Exception | None = None
    seconds: float = 0.0
    note: str = ""


class Proof(StrEnum):
    """Whether what was written works for those who use it."""

    USABLE = "usable"
    NOT_YET = "not yet"
    UNKNOWABLE = "assigned, not proven"


@dataclass(frozen=True, kw_only=True)
class Unproven:
    """A proof that is missing. why: it cannot be had. error: why it has not come yet."""

    why: str = ""
    error: CloudError | None = None
