"""Toy kinds over a dict: a box (container), a note in a box, a key (credential) and a slot that holds the key.

They stand for no Azure service; they are here to walk the engine's stages.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from provisioner.errors import CloudError, NotFound
from provisioner.kind import Container, Credential, Holder, Kind, Proofs, compare, publish_nothing, require_resolved
from provisioner.model import (
    IDENTITY,
    Action,
    Address,
    Change,
    Forces,
    Found,
    KeyReference,
    Node,
    Observed,
    OrphanAction,
    Output,
    Proof,
    Published,
    ReadBy,
    Recipe,
    Ref,
    Search,
    Unproven,
    Usage,
    View,
)
from provisioner.secret import Secret
from tests.engine.toy_cloud import NOW, denied, toy_cloud_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provisioner.cloud.cloud import Cloud

KEY = Address("key", "k")


@dataclass(frozen=True, kw_only=True)
class Thing:
    """name is the address text; value and after may be Refs."""

    name: str
    value: str | Ref[str] = ""
    secret: Secret | Ref[Secret] | None = field(default=None, repr=False)
    key_id: str | Ref[str] = ""
    mark: str = "env"


@dataclass(frozen=True, kw_only=True)
class Note(Thing):
    """Without its value nobody can find it."""

    value: str | Ref[str] = field(default="", metadata=IDENTITY)


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    value: Output[str] = Output()
    name: Output[str] = Output()


@dataclass(frozen=True, kw_only=True)
class KeyOutputs(Published):
    key_id: Output[str] = Output()
    value: Output[Secret] = Output(secret=True)


@dataclass(frozen=True, kw_only=True)
class Seen(Observed):
    name: str
    value: str = ""
    key_id: str = ""
    readable: bool = True
    credential: str = "key/k"
    current: bool = True


def read(cloud: Cloud, desired: Thing) -> Seen | None:
    world = toy_cloud_of(cloud)
    if desired.name in world.slow:
        world.answered.wait(5)
    world.calls.append(f"read {desired.name}")
    if desired.name in world.errors:
        world.answered.set()
        raise world.errors[desired.name]
    found = world.things.get(desired.name) if desired.name not in world.unseen else None
    if found is None and desired.name in world.displaced:
        raise NotFound(operation="read", status=404)
    return seen(desired.name, found) if found is not None else None


def seen(name: str, found: Mapping[str, Any]) -> Seen:
    return Seen(
        owned=found.get("ours", True),
        owner=found.get("owner", ""),
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
    world = toy_cloud_of(cloud)
    world.write("create", desired.name)
    world.things[desired.name] = {"value": require_resolved(desired.value), "key_id": require_resolved(desired.key_id)}
    if desired.name in world.overwritten:
        world.things[desired.name]["value"] = world.overwritten.pop(desired.name)


def update(cloud: Cloud, desired: Thing, _observed: Seen) -> None:
    toy_cloud_of(cloud).write("update", desired.name)
    secret = desired.secret.reveal() if isinstance(desired.secret, Secret) else None
    toy_cloud_of(cloud).things[desired.name].update(
        value=require_resolved(desired.value), key_id=require_resolved(desired.key_id), secret=secret
    )


def delete(cloud: Cloud, observed: Seen) -> None:
    toy_cloud_of(cloud).write("delete", observed.name)
    toy_cloud_of(cloud).things.pop(observed.name, None)


def owned(kind: str) -> Callable[[Cloud, str], Sequence[Found]]:
    def find(cloud: Cloud, scope: str) -> Sequence[Found]:
        world = toy_cloud_of(cloud)
        world.calls.append(f"search {scope}")
        if scope in world.errors:
            world.answered.set()
            raise world.errors[scope]
        names = [name for name in world.things if name.startswith(f"{kind}/")]
        return [Found(name=name.removeprefix(f"{kind}/"), observed=seen(name, world.things[name])) for name in names]

    return find


def publish(observed: Seen, _view: View | None) -> Outputs:
    return Outputs(value=observed.value, name=observed.name)


def unmanaged(cloud: Cloud, observed: Seen) -> Sequence[str]:
    toy_cloud_of(cloud).answered.set()
    found = toy_cloud_of(cloud).things[observed.name].get("unmanaged", ())
    if isinstance(found, CloudError):
        raise found
    return tuple(found)


def prove(cloud: Cloud, desired: Thing, _observed: Seen, _made: Published, reader: ReadBy | None) -> Proof | Unproven:
    world = toy_cloud_of(cloud)
    if desired.name in world.unproven:
        if desired.name in world.displaced:
            del world.things[desired.name]
        return Proof.NOT_YET
    if reader is None:
        return Proof.UNKNOWABLE
    if reader.secret is None:
        return Unproven(why=f"{reader.holder} shows nothing to {reader.client_id}")
    if world.denials.pop(f"read {desired.name}", 0):
        return Unproven(error=denied())
    if f"prove {desired.name}" in world.denials:
        return Unproven(error=denied())
    world.calls.append(f"{reader.client_id} reads {desired.name} with {reader.secret.reveal()}")
    return Proof.USABLE


BOX: Kind[Thing, Seen] = Kind(
    container=Container(unmanaged=unmanaged),
    diff=diff,
    publish=publish,
    read=read,
    create=create,
    update=update,
    delete=delete,
)
NOTE: Kind[Thing, Seen] = Kind(
    diff=diff,
    publish=publish,
    read=read,
    owned=owned("note"),
    proofs=Proofs(written=prove),
    create=create,
    update=update,
    delete=delete,
)


def _contested(desired: Thing, observed: Seen, view: View) -> Sequence[Change]:
    return [replace(change, contested=True) for change in diff(desired, observed, view)]


DOOR: Kind[Thing, Seen] = Kind(
    diff=diff,
    publish=publish_nothing,
    read=read,
    create=create,
    update=update,
    delete=delete,
)
SHELF: Kind[Thing, Seen] = replace(DOOR, diff=_contested)
GIVEN: Kind[Thing, Seen] = Kind(diff=diff, publish=publish, read=read)
STUCK: Kind[Thing, Seen] = Kind(
    diff=diff,
    publish=publish_nothing,
    read=read,
    create=create,
)


def _key_diff(_desired: Thing, observed: Seen, view: View) -> Sequence[Change]:
    key = at(observed.name)
    held = [one for one in view.key_references.get(key, ()) if one.key.key_id == observed.key_id]
    lacking = [place for place in view.declared_holders.get(key, ()) if place not in {one.holder for one in held}]
    if lacking and not any(one.key.readable for one in held):
        return (Change(field="key_id", reason="nobody can copy it", forces=Forces.ROTATE),)
    return ()


def _new_key(cloud: Cloud, desired: Thing, _observed: Seen | None = None, _view: View | None = None) -> KeyOutputs:
    world = toy_cloud_of(cloud)
    world.write("rotate", desired.name)
    number = 1 + sum(call.startswith("rotate") for call in world.calls)
    world.things[desired.name] = {"key_id": f"id{number}"}
    return KeyOutputs(value=Secret(f"text of id{number}"), key_id=f"id{number}")


def _orphan_action(observed: Seen, _view: View) -> OrphanAction:
    if observed.name.endswith("current"):
        return OrphanAction(action=Action.KEEP, reason="current")
    if observed.name.endswith(("retired", "succeeded")):
        return OrphanAction(
            action=Action.DELETE, reason="retired", successor_in_use=observed.name.endswith("succeeded")
        )
    if observed.name.endswith("revoked"):
        return OrphanAction(action=Action.DEFER, reason="revoked", until=NOW + timedelta(hours=1), wait_in_run=True)
    return OrphanAction(action=Action.DEFER, reason="retiring", until=NOW)


KEY_KIND: Kind[Thing, Seen] = Kind(
    diff=_key_diff,
    publish=lambda observed, view: KeyOutputs(key_id=observed.key_id) if view else KeyOutputs(),
    credential=Credential(rotate=_new_key, orphan_action=_orphan_action),
    owned=owned("key"),
    read=read,
    proofs=Proofs(
        deleted=lambda cloud, observed, text: f"{observed.name}: {text.reveal()}" not in toy_cloud_of(cloud).unproven
    ),
    create=_new_key,
    delete=delete,
)


def fill(cloud: Cloud, desired: Thing) -> None:
    toy_cloud_of(cloud).write("fill", desired.name)
    secret = desired.secret
    toy_cloud_of(cloud).things[desired.name] = {
        "key_id": require_resolved(desired.key_id),
        "secret": secret.reveal() if isinstance(secret, Secret) else None,
    }


def probe_usage(cloud: Cloud, observed: Seen) -> Usage:
    """What its readers show now; the last of it again and again."""
    shown = toy_cloud_of(cloud).usages[observed.name]
    return shown.pop(0) if len(shown) > 1 else shown[0]


SLOT: Kind[Thing, Seen] = Kind(
    diff=diff,
    publish=publish_nothing,
    holder=Holder(
        holds=lambda observed: {
            at(observed.credential): [
                KeyReference(key_id=observed.key_id, readable=observed.readable, current=observed.current)
            ]
        },
        reveal=lambda _cloud, _observed, key_id: Secret(f"text of {key_id}"),
        probe_usage=probe_usage,
    ),
    read=read,
    create=fill,
    update=lambda cloud, desired, _observed: fill(cloud, desired),
    delete=delete,
)


KINDS: dict[str, Kind[Any, Any]] = {
    "box": BOX,
    "note": NOTE,
    "door": DOOR,
    "shelf": SHELF,
    "given": GIVEN,
    "stuck": STUCK,
    "key": KEY_KIND,
    "slot": SLOT,
}


def node(
    address: str, *, container: str | None = None, needs: Sequence[str] = (), access: bool = False, **more: Any
) -> Node:
    """A node of the kind that its address begins with."""
    thing = Note if address.startswith("note/") else Thing
    return Node(
        address=at(address),
        desired=thing(name=address, **more),
        container=at(container) if container else None,
        needs=tuple(map(at, needs)),
        access=access,
    )


def key_of(address: str = "key/k") -> dict[str, Any]:
    """What a slot has of a key."""
    return {"secret": KeyOutputs.value.of(at(address)), "key_id": KeyOutputs.key_id.of(at(address))}


def at(text: str) -> Address:
    return Address(*text.split("/", 1))


def recipe(*nodes: Node, searches: Sequence[Search] = ()) -> Recipe:
    return Recipe(environment="toy", environment_id="env", nodes=nodes, searches=tuple(searches))
