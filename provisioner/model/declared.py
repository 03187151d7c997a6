"""What an environment should be: addresses, nodes that refer to each other, the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, TypeVar, cast

from provisioner.model.outputs import Address, Ref
from provisioner.secret import Secret

T = TypeVar("T")
IDENTITY = {"identity": True}
LOCAL_FILE = {"local_file": True}  # the field names a file on this machine; what is written is its content


@dataclass(frozen=True, kw_only=True)
class ReadBy:
    """Who reads a resource in use: signs in as client_id with the secret of `credential` that `holder` hands out.

    replaced: this run gives the holder another secret.
    """

    holder: Address
    credential: Address
    client_id: str | Ref[str]
    secret: Secret | None = None
    replaced: bool = False


@dataclass(frozen=True, kw_only=True)
class Node:
    """One declared resource.

    desired: the kind's own record, in which values may be a Ref. container: what contains it; needs: what else must
    exist before it is written, besides its Refs. bootstrap: must exist before the lease can be taken. access: grants
    the caller of this run access; it does not count as drift. released: each run takes that access back at its end.
    read_by: as whom it is proven; orders nothing. goes_along: it need not be deleted where its container is.
    expected_to_exist: who may not read it lacks that right, and is not asked for the one to create it.
    """

    address: Address
    desired: Any
    container: Address | None = None
    needs: tuple[Address, ...] = ()
    bootstrap: bool = False
    access: bool = False
    released: bool = False
    read_by: ReadBy | None = None
    goes_along: bool = False
    expected_to_exist: bool = False

    @cached_property
    def refs(self) -> tuple[Ref[Any], ...]:
        """Every Ref inside the desired record."""
        return tuple(refs(self.desired))

    @cached_property
    def all_needs(self) -> tuple[Address, ...]:
        """Container, declared needs and the addresses of all Refs, each once."""
        inside = (self.container,) if self.container else ()
        return tuple(dict.fromkeys((*inside, *self.needs, *(ref.address for ref in self.refs))))


@dataclass(frozen=True, kw_only=True)
class Search:
    """Where to look for resources of a kind that have the owner tag and that the spec no longer names.

    needs: what else must be there while one of them is deleted.
    """

    kind: str
    scope: Any
    container: Address | None = None
    needs: tuple[Address, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that an environment declares, and where to look for what it declared before.

    searches: in the order in which such resources are created; they are deleted in reverse. notes: shown by `status`.
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
    record: Any = value
    if isinstance(value, Ref):
        return outputs.get(record.address, {}).get(record.output, record)
    if isinstance(value, Secret) or not any(True for _ in refs(value)):
        return value
    resolved: Any
    if isinstance(value, Mapping):
        resolved = {key: resolve(inner, outputs) for key, inner in record.items()}
    elif isinstance(value, (tuple, list)):
        resolved = tuple(resolve(inner, outputs) for inner in record)
    else:
        resolved = replace(record, **{f.name: resolve(getattr(record, f.name), outputs) for f in fields(record)})
    return resolved
