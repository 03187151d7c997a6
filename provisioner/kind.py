"""The contract of a resource kind: a frozen record of plain functions over its desired and observed types.

A kind knows one Azure resource and nothing else: no other kind, no spec, no other stage. It gets the cloud as an
argument. Each file in `kinds/` has one module-level `KIND`; the kind is called as its file.

In one file: the contract, and the checks and comparisons that several kinds make in the same words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from difflib import unified_diff
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from provisioner.errors import Firewalled, NotAuthorized, UnknownReference
from provisioner.model import (
    Address,
    Change,
    Found,
    KeyReference,
    Network,
    Observed,
    OrphanAction,
    Proof,
    Published,
    ReadBy,
    Ref,
    Unproven,
    Usage,
    View,
    closed_to,
    is_network_restricted,
)
from provisioner.model.durations import duration_text
from provisioner.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioner.cloud.cloud import Cloud

D = TypeVar("D")
O = TypeVar("O", bound=Observed)  # noqa: E741  # D and O are desired and observed throughout
T = TypeVar("T")

OWNER_TAG = "provisioner-environment"
PASSWORD = re.compile(r"""(?i)((?:passw|secret|token|api_?key|account_?key)\w*["']?\s*[=:]\s*)(["'])[^"']+\2""")
PERHAPS_OWNED = "If this environment created or deleted it a moment ago, run the command again in a minute."


class Verdict(StrEnum):
    """The result of a check before the first write."""

    HOLDS = "holds"
    NOTE = "note"
    UNKNOWN = "not known"
    STOPS = "stops"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One check before the first write. what: the finding; remedy: the command that fixes it; about: an address.

    scope: where the caller lacks the right to write it; empty for everything else.
    """

    verdict: Verdict
    what: str
    remedy: str = ""
    about: str = ""
    scope: str = ""


@dataclass(frozen=True)
class Right:
    """The right to write a resource: an ARM action on a scope, or a permission of Graph for the whole tenant.

    Of a permission of Graph, the scope is the path of the application that is changed; empty for one still to be made.
    content: of a resource whose creation Azure Policy evaluates beforehand, the body of its PUT.
    """

    action: str
    scope: str = ""
    content: Callable[[Cloud], Mapping[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class Preflight(Generic[D, O]):
    """Checks before the first write.

    right: what writing it takes.
    check: raises Refused for what could never be created. It runs before everything else, when no Ref is known, but not
    in a teardown.
    ready: everything else that decides whether the resource can be written and used. It runs for every declared
    resource if something is to be written (observed is None for an absent one). Raises CloudError for what cannot be
    checked.
    """

    right: Callable[[D], Right] | None = None
    check: Callable[[Cloud, D], None] | None = None
    ready: Callable[[Cloud, D, O | None], Iterable[Checked]] | None = None


@dataclass(frozen=True, kw_only=True)
class Proofs(Generic[D, O]):
    """Proof that a write can be used; tried again until it succeeds or the deadline has passed.

    written: whether what was written works for those who use it. Gets what `create` or `rotate` returned, and who reads
    it in use, if somebody does.
    deleted: whether a deleted credential's old text has stopped working.
    """

    written: Callable[[Cloud, D, O, Published, ReadBy | None], Proof | Unproven] | None = None
    deleted: Callable[[Cloud, O, Secret], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Container(Generic[D, O]):
    """For a resource that contains others. One without the owner tag is adopted: checked, never changed or deleted.

    unmanaged: names of its contents without the owner tag; a teardown keeps a container that has any.
    retained: a few words for the plan on what Azure retains: of an absent container (observed is None) after its
    deletion, of an existing one if it is deleted now.
    """

    unmanaged: Callable[[Cloud, O], Sequence[str]] | None = None
    retained: Callable[[Cloud, D, O | None], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Holder(Generic[O]):
    """For what holds credentials: a vault secret, the settings of an Airflow runtime.

    holds: by credential, the keys in it. Pure.
    reveal: the text of a key in it. Raises NotFound for one that it does not have.
    probe_usage: makes its readers show whether they use the key that it hands out, and returns the result.
    """

    holds: Callable[[O], Mapping[Address, Sequence[KeyReference]]]
    reveal: Callable[[Cloud, O, str], Secret]
    probe_usage: Callable[[Cloud, O], Usage] | None = None


@dataclass(frozen=True, kw_only=True)
class Credential(Generic[D, O]):
    """For a credential, whose older keys are resources of their own, `NAME/KEYID`.

    rotate: creates another key; earlier ones stay.
    orphan_action: what to do with a key that `owned` found. Pure.
    """

    rotate: Callable[[Cloud, D, O, View], Published]
    orphan_action: Callable[[O, View], OrphanAction]


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[D, O]):
    """What the engine may ask of a kind; docs/adding-a-kind.md explains each field.

    Pure: diff, publish (view is None while observing). Reads: read (None: it does not exist; raises NotFound if its
    container does not exist either), owned (resources with the owner tag in a scope; or a sentence that says why
    orphans need not or cannot be found). Writes: create (a looked-up kind has none), update, delete (fine if it is
    gone). Each write can be repeated after it was cut off at any point.
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


def firewall_check(attempt: Callable[[], None], line: str) -> Checked:
    """Try a request to a resource with network rules. line: the az command that allows an address.

    Only a request shows whether this machine is allowed: a private endpoint bypasses the rules. A missing role is no
    finding of this check.
    """
    try:
        attempt()
    except Firewalled as error:
        remedy = f"`{line}` allows this machine; no role does"
        return Checked(verdict=Verdict.STOPS, what=f"its firewall: {error.message.rstrip('.')}", remedy=remedy)
    except NotAuthorized:
        pass
    return Checked(verdict=Verdict.HOLDS, what="its firewall allows this machine")


def network_checks_of_absent(name: str, network: Network, *, trusted: bool) -> Iterator[Checked]:
    """Say what the declared network of a resource that is still to be created means for this machine and its readers.

    No private endpoint leads to it yet; one without public access will need some. trusted: `bypass` admits its readers.
    """
    declared = network.properties()
    closed = closed_to(declared, trusted=False)
    if closed and network.public_access != "Disabled":
        remedy = "Add this machine's address to its `network_rules.ips` in the spec"
        yield Checked(verdict=Verdict.STOPS, what=f"{closed}, so not this machine either", remedy=remedy)
    elif closed:
        what = f"whether this machine will reach {name}: {closed}; through a private endpoint it does"
        yield Checked(verdict=Verdict.UNKNOWN, what=what)
    elif is_network_restricted(declared):
        what = f"whether this machine will reach {name}: the rules in the spec have to admit its address"
        yield Checked(verdict=Verdict.UNKNOWN, what=what)
    if is_network_restricted(declared):
        yield from readers_check(name, network, closed_to(declared, trusted=trusted))


def readers_check(name: str, network: Network, closed: str) -> Iterator[Checked]:
    """Note on a resource with network rules who has to be among those whom they admit. closed: why that is nobody."""
    if network.readers and closed:
        what = f"whether {network.readers} reach {name}: {closed}; through a private endpoint they do"
        yield Checked(verdict=Verdict.UNKNOWN, what=what)
    elif network.readers:
        yield Checked(verdict=Verdict.NOTE, what=f"the rules of {name} have to admit {network.readers}")


def federation_prefix(environment: str) -> str:
    """What the names of an environment's federated credentials begin with: they have no tags."""
    return f"provisioner-{environment}-"


def federation_checks(
    others: Iterable[tuple[str, str, str]], *, limit: str = "", reached: bool = False
) -> Iterator[Checked]:
    """Check the federated credentials beside a new one. limit: what says that there may be no more of them.

    others: name, subject and issuer of those that somebody else made: whose tokens they are signs in as it, too.
    """
    for name, subject, issuer in others:
        what = f"{name} lets {subject} of {issuer} sign in as it, too"
        yield Checked(verdict=Verdict.NOTE, what=what, remedy="Remove it unless somebody needs it")
    if reached:
        remedy = "Remove one, or let all parts of Airflow use one service account"
        yield Checked(verdict=Verdict.STOPS, what=limit, remedy=remedy)


def adopted_network_notes(desired: Network, observed: Mapping[str, Any]) -> Iterator[Checked]:
    """Notes on an adopted resource that other networks reach than the spec declares: it is left as it is.

    observed: the properties of the resource, as Azure shows them.
    """
    for change in desired.changes(observed):
        what = f"its {change.field} is {change.before}, not {change.after}; it is adopted, so it is left as it is"
        yield Checked(verdict=Verdict.NOTE, what=what)


def require_resolved(value: T | Ref[T]) -> T:
    """The value of a field. Raises UnknownReference for a Ref that the engine has not resolved."""
    if isinstance(value, Ref):
        raise UnknownReference(address="", target=str(cast("Ref[T]", value).address))
    return value


def publish_nothing(_observed: Observed, _view: View | None) -> Published:
    """`publish` of a kind that others need nothing from."""
    return Published()


def formatted(value: object) -> str:
    """A value as a plan shows it: durations as a spec writes them, lists and maps as JSON, secrets hidden."""
    if isinstance(value, timedelta):
        return duration_text(value)
    shown_as_text = (str, Ref, Secret, Address, datetime)
    return str(cast("object", value)) if isinstance(value, shown_as_text) else json.dumps(value, default=str)


def changes_of_creation(desired: Any) -> tuple[Change, ...]:
    """The fields that a creation will set; each entry of a map by itself.

    Fields with `repr=False` and empty ones are left out.
    """
    pairs = ((item.name, getattr(desired, item.name)) for item in fields(desired) if item.repr)
    written = ((name, value) for name, value in _entries(pairs) if isinstance(value, Secret) or value not in (None, ()))
    return tuple(Change(field=name, after=formatted(value), new=value) for name, value in written)


def _entries(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for name, value in pairs:
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", inner) for key, inner in cast("Mapping[str, Any]", value).items())
        else:
            yield name, value


def compare(name: str, before: object, after: object, **more: Any) -> tuple[Change, ...]:
    """One Change if the two differ, else none. Not for secrets."""
    if not isinstance(after, Ref) and before == after:
        return ()
    texts = {"before": None if before is None else formatted(before), "after": formatted(cast("object", after))}
    return (Change(field=name, **texts, old=before, new=after, **more),)


def text_diff(path: str, before: str, after: str) -> str:
    """A unified diff of two texts. What looks like the value of a password is hidden."""
    lines = unified_diff(before.splitlines(), after.splitlines(), f"{path} (Azure)", f"{path} (file)", lineterm="")
    return "\n".join(PASSWORD.sub(rf"\g<1>\g<2>{HIDDEN}\g<2>", line) for line in lines)


def json_object_in(text: Secret | None) -> Mapping[str, Any]:
    """The arguments of a setting that is a JSON object; none if it is not readable."""
    try:
        found: object = json.loads(text.reveal()) if text else {}
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def json_object_diff(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """A unified diff of a setting that is a JSON object, one argument a line; empty if there is nothing before."""

    def text(arguments: Mapping[str, object]) -> str:
        # Of one that is not declared only the name is shown: somebody may have written a secret there.
        shown = {key: value if key in after else HIDDEN for key, value in sorted(arguments.items())}
        return "\n".join(f"{key}: {json.dumps(value, default=str)}" for key, value in shown.items())

    return text_diff(name, text(before), text(after)) if before else ""


def compare_tags(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """A Change for each declared tag that differs; other tags are ignored."""
    changed = [(name, before.get(name), value) for name, value in after.items() if before.get(name) != value]
    return tuple(Change(field=f"tags.{name}", before=old, after=new) for name, old, new in changed)
