"""The contract of a target: what the rest of the recipe and verification may know of it.

A target hosts Airflow or runs Flink. Its file in `airflow/` or `flink/` declares its nodes and returns one of these
records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from provisioner.cloud.clients.flink_jobs import FlinkJob
    from provisioner.cloud.cloud import Cloud
    from provisioner.model import Address, Node, Ref, Search
    from provisioner.render.dag import Hosts
    from provisioner.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the recipe cannot take from the spec: who we are and how this cloud spells its hosts."""

    environment_id: str
    tenant_id: str
    vault_url: str
    hosts: Hosts


@dataclass(frozen=True, kw_only=True)
class Flink:
    """Where Flink runs.

    scope: the resource whose API submits jobs; api_version reads it. identity: who reads the jar (object id). actions:
    what the API's principal needs on the scope. find_job: a job by its name, for a run with this configuration.
    notes: what a person should know of choosing it.
    """

    nodes: tuple[Node, ...]
    address: Address
    scope: str
    api_version: str
    identity: Ref[str]
    actions: tuple[str, ...]
    find_job: Callable[[Cloud, str, Mapping[str, Any]], FlinkJob | None]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A principal's credential, as those see it who hold it: all is known once it is made.

    opens: a resource that the principal's role lets it read, and the api-version to do so; None if there is none.
    """

    client_id: Ref[str]
    key_id: Ref[str]
    value: Ref[Secret]
    expires: Ref[datetime]
    living: Ref[tuple[str, ...]]
    credential: Address
    opens: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Airflow:
    """What hosts Airflow.

    web_url: of its web server, whose API takes tokens for `scope` from who has `right`. dag: the node that puts the
    DAG's file there. settings: what its workers run with, None where that cannot be read.
    notes: what a person should know of choosing it; notes_beside: of what stands there beside what is declared.
    """

    nodes: tuple[Node, ...]
    searches: tuple[Search, ...]
    address: Address
    web_url: Ref[str]
    version: str
    scope: str
    right: str
    dag: Address
    settings: Callable[[Any], Mapping[str, Secret | None]]
    notes_beside: Callable[[Cloud], Sequence[str]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What hosts Airflow, and where Flink runs."""

    airflow: Airflow
    flink: Flink
