"""What is to be done, and how it ended: changes, steps, plans, outcomes."""

from __future__ import annotations

import dataclasses
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
    """What a change requires."""

    UPDATE = "update"
    REPLACE = "replace"
    ROTATE = "rotate"
    REFUSE = "refuse"


class Origin(StrEnum):
    """Since the last provision: where that changed, which a step is to put right."""

    AZURE = "azure"
    FILE = "file"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field that differs, as people may see it (never a secret's text).

    reason: why it matters, in a few words; with `Forces.REFUSE` it says what would be right. contested: other
    environments write the same field, and no condition guards the write: it is made again where the second reading
    lacks it. old, new: the values themselves, for machines; None where there is only the text. origin: where it
    changed, if the resource shows it. diff: of a text, as a unified diff.
    """

    field: str
    before: str | None = None
    after: str | None = None
    reason: str = ""
    forces: Forces = Forces.UPDATE
    contested: bool = False
    old: Any = dataclasses.field(default=None, repr=False, compare=False)
    new: Any = dataclasses.field(default=None, repr=False, compare=False)
    origin: Origin | None = dataclasses.field(default=None, compare=False)
    diff: str = dataclasses.field(default="", repr=False, compare=False)


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
    """What to do with an orphan: a managed resource that is not declared.

    until: a defer that waits for a date. wait_in_run: so soon that the run itself waits for it. successor_in_use: it is
    removed only once its successor is in use, if that can be seen. unconfirmed: it ends on that date by itself, and
    nobody has seen or said that its readers have its successor. unread: what a defer without a date has to read.
    """

    action: Action
    reason: str
    until: datetime | None = None
    wait_in_run: bool = False
    successor_in_use: bool = False
    unconfirmed: bool = False
    unread: tuple[Address, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One decision.

    after: steps that must be done first. waits_on: what a defer waits for: addresses of grants, or a date. dated: it
    waits for a date only, so it is no pending change. wait_in_run: the run waits for that date. routine: a removal that
    its kind has announced, so nobody is asked to confirm. successor_in_use: its successor must be in use first.
    unconfirmed: it ends on the date by itself, perhaps with readers.
    access: it grants the caller access. released: for a run only. remains: why it is left, and what a person does.
    origin: where the change came from, if that is known.
    """

    address: Address
    action: Action
    changes: tuple[Change, ...] = ()
    reason: str = ""
    after: tuple[Address, ...] = ()
    waits_on: tuple[str, ...] = ()
    dated: bool = False
    routine: bool = False
    wait_in_run: bool = False
    successor_in_use: bool = False
    unconfirmed: bool = False
    access: bool = False
    released: bool = False
    remains: str = ""
    origin: Origin | None = None
    desired: Any = field(default=None, repr=False)
    observed: Observed | None = field(default=None, repr=False)
    read_by: ReadBy | None = field(default=None, repr=False)

    @property
    def pending(self) -> bool:
        """Whether something is to be done now."""
        return self.action is not Action.KEEP and not self.dated


@dataclass(frozen=True, kw_only=True)
class Platform:
    """How the platform of an Airflow that somebody runs differs from the spec: only a person can put that right.

    drift: in what it differs; unknown: why that cannot be seen. Both are empty where there is none, or no difference.
    """

    drift: str = ""
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps in an order in which they can be done.

    outputs: what the resources that stay publish. sources: by credential, a holder its value can be copied from.
    names: of what has only an id, for people. platform: what none of the steps can change.
    """

    environment: str
    steps: tuple[Step, ...]
    digest: str
    outputs: Mapping[Address, Mapping[str, Any]] = field(default_factory=dict[Address, Mapping[str, Any]], repr=False)
    sources: Mapping[Address, tuple[Address, str]] = field(
        default_factory=dict[Address, tuple[Address, str]], repr=False
    )
    names: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    platform: Platform = Platform()

    def summary(self) -> dict[str, int]:
        """How many steps there are of each action; those that grant the caller access are counted as `access`."""
        counts = {action.value: 0 for action in Action}
        counts["access"] = 0
        for step in self.steps:
            counts["access" if step.access and step.pending else step.action.value] += 1
        return counts

    @property
    def pending(self) -> bool:
        """Whether anything of the environment itself is to be done, as far as it could be read."""
        own = (step.pending and not step.access and step.action is not Action.DEFER for step in self.steps)
        return bool(self.platform.drift) or any(own)

    @property
    def unread(self) -> tuple[Step, ...]:
        """The steps that cannot be decided, because the caller may not read something."""
        return tuple(step for step in self.steps if step.action is Action.DEFER and not step.dated)


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
    """How a step ended. note: for example what could not be proven."""

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
