"""What an environment should be: addresses, nodes that refer to each other, the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from provisioner.model.outputs import Address, Ref
from provisioner.secret import Secret

T = TypeVar("T")
IDENTITY = {"identity": True}


@dataclass(frozen=True, kw_only=True)
class ReadBy:
    """Who reads a resource in use: signs in as client_id with the secret of `credential` that `holder` hands out."""

    holder: Address
    credential: Address
    client_id: str | Ref[str]
    secret: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One declared resource.

    desired: the kind's own record, in which values may be a Ref. container: what it lives in; needs: what else must
    stand before it is written, besides its Refs. bootstrap: stands before the lease can be taken. access: lets the
    caller of this run in; no part of the environment's drift. read_by: as whom it is proven; orders nothing. by_hand:
    how a person removes it, if no API does.
    """

    address: Address
    desired: Any
    container: Address | None = None
    needs: tuple[Address, ...] = ()
    bootstrap: bool = False
    access: bool = False
    read_by: ReadBy | None = None
    by_hand: str = ""

    def all_needs(self) -> tuple[Address, ...]:
        """Container, declared needs and the addresses of all Refs, each once."""
        inside = (self.container,) if self.container else ()
        return tuple(dict.fromkeys((*inside, *self.needs, *(ref.address for ref in refs(self.desired)))))


@dataclass(frozen=True, kw_only=True)
class Search:
    """Where resources of a kind with our owner tag may stand that the spec no longer names."""

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


def identity_refs(desired: Any) -> Iterator[Ref[Any]]:
    """The Refs in the fields with the metadata `IDENTITY`: until they are known, nobody can read the resource."""
    for item in fields(desired):
        if item.metadata.get("identity"):
            yield from refs(getattr(desired, item.name))


def refs(value: object) -> Iterator[Ref[Any]]:
    """Every Ref inside a desired record."""
    if isinstance(value, Ref):
        yield cast("Ref[Any]", value)
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
        ref = cast("Ref[Any]", value)
        return outputs.get(ref.address, {}).get(ref.output, ref)
    if isinstance(value, Secret) or not any(True for _ in refs(value)):
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {key: _resolved(inner, outputs) for key, inner in items}
    if isinstance(value, (tuple, list)):
        return tuple(_resolved(inner, outputs) for inner in cast("Iterable[Any]", value))
    return replace(value, **{f.name: _resolved(getattr(value, f.name), outputs) for f in fields(value)})
