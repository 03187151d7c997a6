"""The contract of a target: what the rest of the recipe and verification may know of it.

A target hosts Airflow or runs Flink. Its file in `airflow/` or `flink/` has a function `declare`, which returns one of
these records; docs/adding-a-target.md tells of each field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.model import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from provisioner.cloud.clients.airflow import Airflow as AirflowClient
    from provisioner.cloud.cloud import Cloud
    from provisioner.key_probe import Rollout
    from provisioner.model import Address, FlinkJob, NeededRight, Node, Ref, Search
    from provisioner.render.airflow_settings import AirflowSettings
    from provisioner.render.dag import Hosts
    from provisioner.render.dags import RenderedDag
    from provisioner.render.deployment import Deployment
    from provisioner.secret import Secret
    from provisioner.spec.jobs import DeclaredJob


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the recipe cannot take from the spec: who we are and how this cloud spells its hosts.

    dags_paused: DAGs of jobs are paused where Airflow does not know them yet.
    """

    environment_id: str
    tenant_id: str
    vault_url: str
    hosts: Hosts
    federation_audience: str = "api://AzureADTokenExchange"
    dags_paused: bool = False


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A principal's credential as its holders need it; known once it is created.

    readable_resource: id and api-version of a resource that the principal's role lets it read; None if there is none.
    """

    client_id: Ref[str]
    key_id: Ref[str]
    value: Ref[Secret]
    expires: Ref[datetime]
    active_key_ids: Ref[tuple[str, ...]]
    credential: Address
    readable_resource: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Around:
    """What stands around a target, for its nodes to refer to.

    account, filesystem: of the data lake; access, vault_access: the caller's way into it and into the vault. airflow:
    the object id of Airflow's principal.
    """

    names: Names
    account: Address
    filesystem: Address
    access: Address
    vault_access: Address
    airflow: Ref[str]


@dataclass(frozen=True, kw_only=True)
class JarReader:
    """Who reads the job's jar.

    principal: its object id, empty while there is none; missing: what that means. role: the one that provision grants
    it. check: what `verify` calls it.
    """

    principal: Ref[str] | str
    role: str
    check: str
    missing: str


@dataclass(frozen=True, kw_only=True)
class Flink:
    """Where Flink runs.

    address: the node that stands for it. api_version: reads `flink.scope` of the spec, if there is one. actions: what
    the API's principal needs on it. unreachable: why what was read of that node says nothing of Flink; empty if it
    does. grants: its roles in the lake; jar_reader: who reads the jar there. connections: the values of
    `flink.connections` of the spec. find_job: what a run of a job's DAG began, by the run's id and configuration;
    running: what runs of a job now; undeclared: what runs of jobs that the spec no longer names, where that can be
    told. cancel, savepoint: do that to a job that runs; a savepoint's answer says where it is. stop: end a job with a
    savepoint in its folder, where another environment's DAG finds it; None where that cannot be. takes_over: whether
    the DAG begins a job that it does not find from the newest savepoint in that folder. rights: what the caller of a
    run needs. notes: what a person should know of choosing it.
    """

    nodes: tuple[Node, ...]
    address: Address
    jar_reader: JarReader
    find_job: Callable[[Cloud, DeclaredJob, str, Mapping[str, Any]], FlinkJob | None]
    running: Callable[[Cloud, DeclaredJob], Sequence[FlinkJob]]
    cancel: Callable[[Cloud, FlinkJob], None]
    savepoint: Callable[[Cloud, DeclaredJob, FlinkJob], str]
    undeclared: Callable[[Cloud], Sequence[FlinkJob]] = lambda _cloud: ()
    stop: Callable[[Cloud, DeclaredJob, FlinkJob], str] | None = None
    takes_over: bool = False
    grants: tuple[Node, ...] = ()
    searches: tuple[Search, ...] = ()
    api_version: str = ""
    actions: tuple[str, ...] = ()
    unreachable: Callable[[Any], str] = lambda _observed: ""
    connections: Mapping[str, Secret] = field(default_factory=dict[str, "Secret"], repr=False)
    rights: tuple[NeededRight, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Airflow:
    """What hosts Airflow.

    address: the node that stands for it. holder: the node from which its workers have the credential of Airflow's
    principal. behind: the id of what the local Azure runs it for, where no node has it; web_url: of its web server,
    empty while it has none; client: of that server's API; unaskable: why that API cannot be asked, empty if it can.
    dags: by file, the node that puts it there; bundle: the DAG bundle that has them, empty if it has none of its own.
    settings: what its workers run with, None where that cannot be read.
    rendered: the settings of Airflow, as far as they are known without network; deployment: the same for a platform
    that this tool does not reach, and rollout: how its workers show that they have them. rights: what the caller of a
    run needs. notes: what a person should know of choosing it; notes_beside: of what stands there beside what is
    declared; platform: in what it differs from what only its platform can set.
    """

    nodes: tuple[Node, ...]
    searches: tuple[Search, ...]
    address: Address
    holder: Address
    web_url: Ref[str] | str
    client: Callable[[Cloud, str], AirflowClient]
    dags: Mapping[str, Address]
    settings: Callable[[Any], Mapping[str, Secret | None]]
    rendered: AirflowSettings
    notes_beside: Callable[[Cloud], Sequence[str]]
    behind: Ref[str] | None = None
    bundle: str = ""
    unaskable: str = ""
    rights: tuple[NeededRight, ...] = ()
    deployment: Deployment | None = None
    rollout: Rollout | None = None
    notes: tuple[str, ...] = ()
    platform: Callable[[Cloud], Platform] = lambda _cloud: Platform()


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What hosts Airflow, where Flink runs, and the DAGs."""

    airflow: Airflow
    flink: Flink
    dags: tuple[RenderedDag, ...]
