"""The contract of a resource kind: a frozen record of plain functions over its desired and observed types.

A kind knows one Azure resource and nothing else: no other kind, no spec, no other stage. It gets the cloud as an
argument. Each file in `kinds/` has one module-level `KIND`; the kind is called as its file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from provisioner.errors import Firewalled, NotAuthorized, UnknownReference
from provisioner.model import (
    Address,
    Change,
    Found,
    KeyReference,
    Observed,
    OrphanAction,
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

OWNER_TAG = "provisioner-environment"


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
class Preflight(Generic[D, O]):
    """Checks before the first write.

    right: what writing it takes.
    check: raises Refused for what could never be made; asked first of all, when Refs are unknown, but for teardown.
    ready: what else decides whether it can be written and used; asked only where something is to be written, of what
    stands and of what does not (then observed is None). Raises CloudError for what could not be asked.
    """

    right: Callable[[D], Right] | None = None
    check: Callable[[Cloud, D], None] | None = None
    ready: Callable[[Cloud, D, O | None], Iterable[Checked]] | None = None


@dataclass(frozen=True, kw_only=True)
class Proofs(Generic[D, O]):
    """Proof that a write can be used; asked again until it comes or the deadline has passed.

    written: whether what was written works for those who use it. Gets what `create` or `rotate` returned, and who reads
    it in use, if somebody does.
    deleted: whether a deleted credential's old text has stopped working.
    """

    written: Callable[[Cloud, D, O, Published, ReadBy | None], Proof | Unproven] | None = None
    deleted: Callable[[Cloud, O, Secret], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Container(Generic[D, O]):
    """For what others live in. One without our owner tag is adopted: checked, never changed, never deleted.

    unmanaged: names of what is in it without our owner tag; a teardown keeps a container that has any.
    retained: what Azure keeps of it, in a few words for the plan: of one that is not there (observed is None) what a
    deletion left, of one that is there what deleting it will leave.
    """

    unmanaged: Callable[[Cloud, O], Sequence[str]] | None = None
    retained: Callable[[Cloud, D, O | None], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Holder(Generic[O]):
    """For what holds credentials: a vault secret, the settings of an Airflow runtime.

    holds: by credential, the keys in it. Pure.
    reveal: the text of a key in it. Raises NotFound for one that it does not have.
    use: has those who read it show whether they use the key that it hands out, and says whether they did.
    """

    holds: Callable[[O], Mapping[Address, Sequence[KeyReference]]]
    reveal: Callable[[Cloud, O, str], Secret]
    use: Callable[[Cloud, O], Usage] | None = None


@dataclass(frozen=True, kw_only=True)
class Credential(Generic[D, O]):
    """For a credential, whose older keys are resources of their own, `NAME/KEYID`.

    rotate: makes another key and keeps those before it.
    orphan_action: what becomes of a key that `owned` found. Pure.
    """

    rotate: Callable[[Cloud, D, O, View], Published]
    orphan_action: Callable[[O, View], OrphanAction]


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[D, O]):
    """What the engine may ask of a kind; docs/adding-a-kind.md tells of each field.

    Pure: diff, publish (view is None while observing). Reads: read (None: it is not there; raises NotFound where what
    it stands in is not there either), owned (what bears our owner tag in a scope; or, as a sentence, why what the spec
    no longer names need not be found or cannot be). Writes: create (a looked-up kind has none), update, delete (fine if
    it is gone; without it no API deletes the resource, and the node says what a person does). Each write may be
    repeated from any point of it.
    """

    diff: Callable[[D, O, View], Sequence[Change]]
    publish: Callable[[O, View | None], Published]
    read: Callable[[Cloud, D], O | None]
    owned: Callable[[Cloud, Any], Sequence[Found]] | str = ""
    create: Callable[[Cloud, D], Published | None] | None = None
    update: Callable[[Cloud, D, O], Published | None] | None = None
    delete: Callable[[Cloud, O], None] | None = None

    preflight: Preflight[D, O] = field(default_factory=Preflight[Any, Any])
    proofs: Proofs[D, O] = field(default_factory=Proofs[Any, Any])
    container: Container[D, O] | None = None
    holder: Holder[O] | None = None
    credential: Credential[D, O] | None = None


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
