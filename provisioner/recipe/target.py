"""What the rest of the recipe may know of a target: its nodes and the few values that others need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.model import Address, Node, Ref, Search
    from provisioner.spec.rendering import Hosts


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the recipe cannot take from the spec: who we are and how this cloud spells its hosts."""

    environment_id: str
    tenant_id: str
    vault_url: str
    hosts: Hosts


@dataclass(frozen=True, kw_only=True)
class Flink:
    """Where Flink runs. scope: the resource whose API submits jobs. identity: who reads the jar (object id)."""

    nodes: tuple[Node, ...]
    address: Address
    scope: str
    identity: Ref


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A principal's credential, as those see it who hold it: all is known once it is made."""

    client_id: Ref
    key_id: Ref
    value: Ref
    expires: Ref
    living: Ref
    credential: Address


@dataclass(frozen=True, kw_only=True)
class Airflow:
    """What hosts Airflow."""

    nodes: tuple[Node, ...]
    searches: tuple[Search, ...]
    address: Address
