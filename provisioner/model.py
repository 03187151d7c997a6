"""The nouns every stage speaks: addresses, nodes, readings, changes, steps, plans, outcomes. Data only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from provisioner.secret import Secret

if TYPE_CHECKING:
    from datetime import datetime

    from provisioner.errors import CloudError, ProvisionerError

KNOWN_AFTER_APPLY = "(known after apply)"

T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Address:
    """Where a resource stands in an environment: `kind/name`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Ref:
    """A value that another resource publishes, perhaps only once it is made."""

    address: Address
    output: str

    def __str__(self) -> str:
        return KNOWN_AFTER_APPLY


@dataclass(frozen=True, kw_only=True)
class ReadBy:
    """Who reads a resource in use: signs in as client_id with the secret of `credential` that `place` hands out."""

    place: Address
    credential: Address
    client_id: str | Ref
    secret: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One declared resource.

    desired: the kind's own record, in which values may be a Ref. container: what it lives in; needs: what else must
    stand before it is written, besides its Refs. bootstrap: stands before the lease can be taken. access: lets the
    caller of this run in; no part of the environment's drift. read_by: as whom it is proven; orders nothing.
    """

    address: Address
    desired: Any
    container: Address | None = None
    needs: tuple[Address, ...] = ()
    bootstrap: bool = False
    access: bool = False
    read_by: ReadBy | None = None

    def all_needs(self) -> tuple[Address, ...]:
        """Container, declared needs and the addresses of all Refs, each once."""
        inside = (self.container,) if self.container else ()
        return tuple(dict.fromkeys((*inside, *self.needs, *(ref.address for ref in refs(self.desired)))))


@dataclass(frozen=True, kw_only=True)
class Search:
    """Where resources of a kind with our mark may stand that the spec no longer names."""

    kind: str
    scope: Any
    container: Address | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that an environment should be, and where to look for what it was.

    searches: in the order in which such things are made; they go in the reverse one. notes: what `status` tells.
    """

    environment: str
    environment_id: str
    nodes: tuple[Node, ...]
    searches: tuple[Search, ...] = ()
    notes: tuple[str, ...] = ()


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


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Whether those who read a place use the key that it hands out now.

    since: one of them was seen using it then. untold: why that is not known. asked: where the answer is awaited.
    """

    since: datetime | None = None
    untold: str = ""
    asked: str = ""


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A place that holds a credential: which key, since when, whether its value can be read back there.

    current: it hands out this key now; else it still keeps it. settled: when all who read it have it for certain.
    usage: of a place whose readers do not have at once what is stored.
    """

    key_id: str
    since: datetime | None = None
    settled: datetime | None = None
    readable: bool = False
    current: bool = True
    usage: Usage | None = None


@dataclass(frozen=True, kw_only=True)
class Held:
    """A Holding and the place that reported it."""

    place: Address
    holding: Holding


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

    holdings: by credential, every place that holds a key of it. consumers: by credential, every declared place.
    unread: what could not be read in this pass; a place among them may hold anything.
    """

    now: datetime
    environment_id: str
    asked: Asked = CONVERGE
    holdings: Mapping[Address, tuple[Held, ...]] = field(default_factory=dict[Address, tuple[Held, ...]])
    consumers: Mapping[Address, tuple[Address, ...]] = field(default_factory=dict[Address, tuple[Address, ...]])
    unread: tuple[Address, ...] = ()

    @property
    def intent(self) -> Intent:
        """What the run is for."""
        return self.asked.intent


class Forces(StrEnum):
    """What a change takes."""

    UPDATE = "update"
    REPLACE = "replace"
    ROTATE = "rotate"
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field that differs, as people may see it (never a secret's text).

    reason: why it matters, in a few words; with `Forces.REFUSE` it says what would be right.
    """

    field: str
    before: str | None = None
    after: str | None = None
    reason: str = ""
    forces: Forces = Forces.UPDATE


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
class Fate:
    """What is to become of a marked resource that is not declared.

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

    outputs: what the resources that stay publish. sources: by credential, a place its value can be copied from.
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


def refs(value: object) -> Iterator[Ref]:
    """Every Ref inside a desired record."""
    if isinstance(value, Ref):
        yield value
    elif is_dataclass(value):
        for item in fields(value):
            yield from refs(getattr(value, item.name))
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[Any, Any]", value).values():
            yield from refs(inner)
    elif isinstance(value, (tuple, list)):
        for inner in cast("Iterable[Any]", value):
            yield from refs(inner)


def resolve(value: T, outputs: Mapping[Address, Mapping[str, Any]]) -> T:
    """The record with every Ref replaced whose output is known."""
    return _resolved(value, outputs)


def _resolved(value: Any, outputs: Mapping[Address, Mapping[str, Any]]) -> Any:
    if isinstance(value, Ref):
        return outputs.get(value.address, {}).get(value.output, value)
    if isinstance(value, Secret) or not any(True for _ in refs(value)):
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {key: _resolved(inner, outputs) for key, inner in items}
    if isinstance(value, (tuple, list)):
        return tuple(_resolved(inner, outputs) for inner in cast("Iterable[Any]", value))
    return replace(value, **{f.name: _resolved(getattr(value, f.name), outputs) for f in fields(value)})
