"""Toy kinds over a dict: a box (container), a note in a box, a key (credential) and a slot that holds the key.

They stand for no Azure service; they are here to walk the engine's stages.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from provisioner.cloud.transport.waits import Waits
from provisioner.errors import CloudError, NotYetVisible
from provisioner.kind import Kind, compare, known, nothing
from provisioner.model import (
    Action,
    Address,
    Change,
    Fate,
    Forces,
    Found,
    Holding,
    Node,
    Observed,
    Proof,
    ReadBy,
    Recipe,
    Ref,
    Search,
    Unproven,
    Usage,
    View,
)
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provisioner.cloud.cloud import Cloud

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = Address("key", "k")


class ToyMemory:
    """Counts."""

    def __init__(self) -> None:
        self.passes = 0

    def new_pass(self) -> None:
        self.passes += 1


class ToyClock:
    """It stands."""

    def now(self) -> datetime:
        return NOW

    later = now


class ToyWaits(Waits):
    """Time passes only when somebody waits."""

    def until(self, check: Callable[[], bool], *, what: str, deadline_seconds: float | None = None) -> None:
        for _ in range(int(deadline_seconds or 1)):
            if check():
                return
        raise NotYetVisible(operation=what)


class ToySession:
    """Of a run that speaks to no cloud."""

    def __init__(self) -> None:
        self.memory = ToyMemory()
        self.clock = ToyClock()
        self.waits = ToyWaits()


@dataclass
class World:
    """What there is and what goes wrong, by address text.

    overwritten: what somebody else writes after us. usages: what readers of a slot show, one after the other. errors:
    raised when it is read or searched. unseen: no reading shows them.
    displaced: what these stand in is gone. slow: answered only after such an error was. calls: in order.
    """

    things: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    errors: dict[str, Exception] = field(default_factory=dict[str, Exception])
    write_errors: dict[str, BaseException] = field(default_factory=dict[str, BaseException])
    unseen: set[str] = field(default_factory=set[str])
    displaced: set[str] = field(default_factory=set[str])
    slow: set[str] = field(default_factory=set[str])
    answered: Event = field(default_factory=Event)
    denials: dict[str, int] = field(default_factory=dict[str, int])
    unproven: set[str] = field(default_factory=set[str])
    overwritten: dict[str, str] = field(default_factory=dict[str, str])
    usages: dict[str, list[Usage]] = field(default_factory=dict[str, list[Usage]])
    calls: list[str] = field(default_factory=list[str])
    session: ToySession = field(default_factory=ToySession)

    def as_cloud(self) -> Cloud:
        """The engine passes it on unseen."""
        return cast("Cloud", self)

    def write(self, verb: str, name: str) -> None:
        self.calls.append(f"{verb} {name}")
        if self.denials.get(name, 0) > 0:
            self.denials[name] -= 1
            raise denied()
        if name in self.write_errors:
            raise self.write_errors[name]


def world_of(cloud: Cloud) -> World:
    return cast("World", cloud)


@dataclass(frozen=True, kw_only=True)
class Thing:
    """name is the address text; value and after may be Refs."""

    name: str
    value: str | Ref = ""
    secret: Secret | Ref | None = None
    key_id: str | Ref = ""
    mark: str = "env"


@dataclass(frozen=True, kw_only=True)
class Seen(Observed):
    name: str
    value: str = ""
    key_id: str = ""
    readable: bool = True
    credential: str = "key/k"
    current: bool = True


def read(cloud: Cloud, desired: Thing) -> Seen | None:
    world = world_of(cloud)
    if desired.name in world.slow:
        world.answered.wait(5)
    world.calls.append(f"read {desired.name}")
    if desired.name in world.errors:
        world.answered.set()
        raise world.errors[desired.name]
    found = world.things.get(desired.name) if desired.name not in world.unseen else None
    return seen(desired.name, found) if found is not None else None


def seen(name: str, found: Mapping[str, Any]) -> Seen:
    return Seen(
        ours=found.get("ours", True),
        version=str(found.get("version", "1")),
        name=name,
        value=found.get("value", ""),
        key_id=found.get("key_id", ""),
        readable=found.get("readable", True),
        credential=found.get("credential", "key/k"),
        current=found.get("current", True),
    )


def diff(desired: Thing, observed: Seen, _view: View) -> Sequence[Change]:
    if desired.value in ("refused", "fixed") and observed.value != desired.value:
        forces = Forces.REFUSE if desired.value == "refused" else Forces.REPLACE
        return compare("value", observed.value, desired.value, forces=forces, reason="it cannot change")
    changes = compare("value", observed.value, desired.value, reason="the spec says so")
    return (*changes, *compare("key_id", observed.key_id, desired.key_id))


def create(cloud: Cloud, desired: Thing) -> None:
    world = world_of(cloud)
    world.write("create", desired.name)
    world.things[desired.name] = {"value": known(desired.value), "key_id": known(desired.key_id)}
    if desired.name in world.overwritten:
        world.things[desired.name]["value"] = world.overwritten.pop(desired.name)


def update(cloud: Cloud, desired: Thing, _observed: Seen) -> None:
    world_of(cloud).write("update", desired.name)
    secret = desired.secret.reveal() if isinstance(desired.secret, Secret) else None
    world_of(cloud).things[desired.name].update(value=known(desired.value), key_id=known(desired.key_id), secret=secret)


def delete(cloud: Cloud, observed: Seen) -> None:
    world_of(cloud).write("delete", observed.name)
    world_of(cloud).things.pop(observed.name, None)


def owned(kind: str) -> Callable[[Cloud, str], Sequence[Found]]:
    def find(cloud: Cloud, scope: str) -> Sequence[Found]:
        world = world_of(cloud)
        world.calls.append(f"search {scope}")
        if scope in world.errors:
            world.answered.set()
            raise world.errors[scope]
        names = [name for name in world.things if name.startswith(f"{kind}/")]
        return [Found(name=name.removeprefix(f"{kind}/"), observed=seen(name, world.things[name])) for name in names]

    return find


def publish(observed: Seen, _view: View | None) -> Mapping[str, Any]:
    return {"value": observed.value, "name": observed.name}


def strangers(cloud: Cloud, observed: Seen) -> Sequence[str]:
    found = world_of(cloud).things[observed.name].get("strangers", ())
    if isinstance(found, CloudError):
        raise found
    return tuple(found)


def placed(cloud: Cloud, desired: Thing) -> bool:
    return desired.name not in world_of(cloud).displaced


def prove(cloud: Cloud, desired: Thing, _observed: Seen, made: Mapping[str, Any]) -> Proof | Unproven:
    world = world_of(cloud)
    if desired.name in world.unproven:
        return Proof.NOT_YET
    reader: ReadBy | None = made["read_by"]
    if reader is None:
        return Proof.UNKNOWABLE
    if reader.secret is None:
        return Unproven(why=f"{reader.place} shows nothing to {reader.client_id}")
    if world.denials.pop(f"read {desired.name}", 0):
        return Unproven(error=denied())
    if f"prove {desired.name}" in world.denials:
        return Unproven(error=denied())
    world.calls.append(f"{reader.client_id} reads {desired.name} with {reader.secret.reveal()}")
    return Proof.USABLE


BOX: Kind[Thing, Seen] = Kind(
    name="box",
    container=True,
    diff=diff,
    publish=publish,
    read=read,
    strangers=strangers,
    create=create,
    update=update,
    delete=delete,
)
NOTE: Kind[Thing, Seen] = Kind(
    name="note",
    identity=("value",),
    diff=diff,
    publish=publish,
    read=read,
    owned=owned("note"),
    prove=prove,
    placed=placed,
    create=create,
    update=update,
    delete=delete,
)
DOOR: Kind[Thing, Seen] = Kind(
    name="door",
    diff=diff,
    publish=nothing,
    read=read,
    placed=placed,
    create=create,
    update=update,
    delete=delete,
)
SHELF: Kind[Thing, Seen] = replace(DOOR, name="shelf", merges=True)
GIVEN: Kind[Thing, Seen] = Kind(name="given", diff=diff, publish=publish, read=read)
STUCK: Kind[Thing, Seen] = Kind(
    name="stuck", diff=diff, publish=nothing, read=read, create=create, leaves=lambda desired: f"remove {desired.name}"
)


def _key_diff(_desired: Thing, observed: Seen, view: View) -> Sequence[Change]:
    key = at(observed.name)
    held = [one for one in view.holdings.get(key, ()) if one.holding.key_id == observed.key_id]
    lacking = [place for place in view.consumers.get(key, ()) if place not in {one.place for one in held}]
    if lacking and not any(one.holding.readable for one in held):
        return (Change(field="key_id", reason="nobody can copy it", forces=Forces.ROTATE),)
    return ()


def _new_key(
    cloud: Cloud, desired: Thing, _observed: Seen | None = None, _view: View | None = None
) -> Mapping[str, Any]:
    world = world_of(cloud)
    world.write("rotate", desired.name)
    number = 1 + sum(call.startswith("rotate") for call in world.calls)
    world.things[desired.name] = {"key_id": f"id{number}"}
    return {"value": Secret(f"text of id{number}"), "key_id": f"id{number}"}


KEY_KIND: Kind[Thing, Seen] = Kind(
    name="key",
    outputs=("key_id",),
    secrets=("value",),
    diff=_key_diff,
    publish=lambda observed, view: {"key_id": observed.key_id} if view else {},
    fate=lambda _observed, address, _view: (
        Fate(action=Action.KEEP, reason="current")
        if address.name.endswith("current")
        else Fate(action=Action.DELETE, reason="retired", succeeded=address.name.endswith("succeeded"))
        if address.name.endswith(("retired", "succeeded"))
        else Fate(action=Action.DEFER, reason="revoked", until=NOW + timedelta(hours=1), soon=True)
        if address.name.endswith("revoked")
        else Fate(action=Action.DEFER, reason="retiring", until=NOW)
    ),
    owned=owned("key"),
    read=read,
    gone=lambda cloud, observed, text: f"{observed.name}: {text.reveal()}" not in world_of(cloud).unproven,
    create=_new_key,
    rotate=_new_key,
    delete=delete,
)


def fill(cloud: Cloud, desired: Thing) -> None:
    world_of(cloud).write("fill", desired.name)
    secret = desired.secret
    world_of(cloud).things[desired.name] = {
        "key_id": known(desired.key_id),
        "secret": secret.reveal() if isinstance(secret, Secret) else None,
    }


def use(cloud: Cloud, observed: Seen) -> Usage:
    """What its readers show now; the last of it again and again."""
    shown = world_of(cloud).usages[observed.name]
    return shown.pop(0) if len(shown) > 1 else shown[0]


SLOT: Kind[Thing, Seen] = Kind(
    name="slot",
    diff=diff,
    publish=nothing,
    holds=lambda observed: {
        at(observed.credential): [Holding(key_id=observed.key_id, readable=observed.readable, current=observed.current)]
    },
    reveal=lambda _cloud, _observed, key_id: Secret(f"text of {key_id}"),
    read=read,
    create=fill,
    update=lambda cloud, desired, _observed: fill(cloud, desired),
    delete=delete,
    use=use,
)


KINDS: dict[str, Kind[Any, Any]] = {kind.name: kind for kind in (BOX, NOTE, DOOR, SHELF, GIVEN, STUCK, KEY_KIND, SLOT)}


def node(
    address: str, *, container: str | None = None, needs: Sequence[str] = (), access: bool = False, **more: Any
) -> Node:
    """A node of the kind that its address begins with."""
    return Node(
        address=at(address),
        desired=Thing(name=address, **more),
        container=at(container) if container else None,
        needs=tuple(map(at, needs)),
        access=access,
    )


def at(text: str) -> Address:
    return Address(*text.split("/", 1))


def recipe(*nodes: Node, searches: Sequence[Search] = ()) -> Recipe:
    return Recipe(environment="toy", environment_id="env", nodes=nodes, searches=tuple(searches))


def denied() -> CloudError:
    from provisioner.errors import NotAuthorized

    return NotAuthorized(operation="GET toy", status=403, code="Forbidden")
