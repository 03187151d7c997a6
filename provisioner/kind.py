"""The contract of a resource kind: a frozen record of plain functions over its desired and observed types.

A kind knows one Azure resource and nothing else: no other kind, no spec, no other stage. It gets the cloud as an
argument. Each file in `kinds/` has one module-level `KIND`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from provisioner.errors import Firewalled, NotAuthorized, UnknownReference
from provisioner.model import (
    Address,
    Change,
    Fate,
    Found,
    Holding,
    Observed,
    Proof,
    Published,
    ReadBy,
    Ref,
    Unproven,
    Usage,
    View,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from provisioner.cloud.cloud import Cloud
    from provisioner.secret import Secret

D = TypeVar("D")
O = TypeVar("O", bound=Observed)  # noqa: E741  # D and O are desired and observed throughout
T = TypeVar("T")

MARK = "provisioner-environment"


class Verdict(StrEnum):
    """What a check before the first write came to."""

    HOLDS = "holds"
    NOTE = "note"
    UNKNOWN = "not known"
    STOPS = "stops"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One check before the first write. what: what was found; remedy: the command that mends it; about: an address."""

    verdict: Verdict
    what: str
    remedy: str = ""
    about: str = ""


@dataclass(frozen=True)
class Right:
    """What writing a resource takes: an ARM action on a scope, or a permission of Graph's, for the whole tenant."""

    action: str
    scope: str = ""


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[D, O]):
    """What the engine may ask of a kind.

    check: raises Refused for what could never be made; asked first of all, when Refs are unknown, but for teardown.
    container: what bears no mark of ours is adopted: checked, never changed, never deleted.
    keyed: an adopted one is not ours, but keys in it are: they are changed, and `delete` takes them out again; says
    whether there are any.
    right: what writing it takes.
    ready: what else decides whether it can be written and used; asked only where something is to be written, of what
    stands and of what does not (then observed is None). Raises CloudError for what could not be asked.
    traces: what there is still of one that is not there (a deleted one keeps its name), in a few words for the plan.
    lingers: what there will still be of one that is deleted now, likewise.
    leaves: for a kind that no API deletes: what a person does about it. A looked-up kind has no `create`.
    merges: other environments write into the same resource, and no condition guards a write: it is made again where the
    second reading lacks ours.

    Pure: diff, publish (view is None while observing), holds (by credential), fate (of what is not declared), lingers.
    `prove` gets what was made, and who reads it in use, or None.
    Reads: read, check, owned (marked resources in a scope), strangers (contents without our mark), prove, reveal,
    gone (whether a deleted credential's old text works no more), notes (what else there a person should know of),
    placed (whether what it stands in is there: asked in a teardown, while another environment's may remove that).
    Writes: create, update, rotate, delete (fine if gone), use (has those who read it show whether they use the key that
    it hands out, and says whether they did). Each may be repeated from any point of it.
    """

    name: str
    container: bool = False
    right: Callable[[D], Right] | None = None
    merges: bool = False
    keyed: Callable[[O], bool] | None = None
    leaves: Callable[[D], str] | None = None

    diff: Callable[[D, O, View], Sequence[Change]]
    publish: Callable[[O, View | None], Published]
    holds: Callable[[O], Mapping[Address, Sequence[Holding]]] | None = None
    fate: Callable[[O, Address, View], Fate] | None = None
    lingers: Callable[[O, datetime], str] | None = None

    read: Callable[[Cloud, D], O | None]
    check: Callable[[Cloud, D], None] | None = None
    ready: Callable[[Cloud, D, O | None], Iterable[Checked]] | None = None
    traces: Callable[[Cloud, D], str] | None = None
    notes: Callable[[Cloud, D], Sequence[str]] | None = None
    owned: Callable[[Cloud, Any], Sequence[Found]] | None = None
    strangers: Callable[[Cloud, O], Sequence[str]] | None = None
    prove: Callable[[Cloud, D, O, Published, ReadBy | None], Proof | Unproven] | None = None
    gone: Callable[[Cloud, O, Secret], bool] | None = None
    placed: Callable[[Cloud, D], bool] | None = None
    reveal: Callable[[Cloud, O, str], Secret] | None = None

    create: Callable[[Cloud, D], Published | None] | None = None
    update: Callable[[Cloud, D, O], Published | None] | None = None
    rotate: Callable[[Cloud, D, O, View], Published | None] | None = None
    delete: Callable[[Cloud, O], None] | None = None
    use: Callable[[Cloud, O], Usage] | None = None


def let_in(attempt: Callable[[], None], line: str) -> Checked:
    """What came of trying to get in where network rules stand. line: the az command that admits an address.

    Only trying tells: a private endpoint lets in where the rules do not. A missing role is not the firewall's.
    """
    try:
        attempt()
    except Firewalled as error:
        remedy = f"`{line}` lets this machine in; no role does"
        return Checked(verdict=Verdict.STOPS, what=f"its firewall: {error.message.rstrip('.')}", remedy=remedy)
    except NotAuthorized:
        pass
    return Checked(verdict=Verdict.HOLDS, what="its firewall lets this machine in")


def known(value: T | Ref[T]) -> T:
    """The value of a field that the engine has resolved by now."""
    if isinstance(value, Ref):
        raise UnknownReference(address="", target=str(cast("Ref[T]", value).address))
    return value


def publish_nothing(_observed: Observed, _view: View | None) -> Published:
    """`publish` of a kind that others need nothing from."""
    return Published()


def shown(value: object) -> str:
    """A value as a plan may show it; secrets and unknown values show as such."""
    plain = (str, Ref, Address, datetime, timedelta)
    return str(cast("object", value)) if isinstance(value, plain) else repr(value)


def compare(name: str, before: object, after: object, **more: Any) -> tuple[Change, ...]:
    """One Change if the two differ, else none. Not for secrets."""
    if not isinstance(after, Ref) and before == after:
        return ()
    return (Change(field=name, before=shown(before), after=shown(cast("object", after)), **more),)


def compare_tags(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """A Change for each declared tag that differs; tags of others are no concern."""
    changed = [(name, before.get(name), value) for name, value in after.items() if before.get(name) != value]
    return tuple(Change(field=f"tags.{name}", before=old, after=new) for name, old, new in changed)
