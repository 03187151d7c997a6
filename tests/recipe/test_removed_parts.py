"""Every optional part of a full spec, taken out in turn: the plan deletes what only that part had asked for."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import yaml

from localazure.app.tenant import SEEDED_IDENTITY
from provisioner.commands.run import declared_recipe
from provisioner.errors import SpecError
from provisioner.kinds import kinds
from provisioner.model import Address
from tests.environment_files import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.model import Node
    from tests.command_line import Cli

Path = tuple[str | int, ...]
KINDS = kinds()
MAKING = {"airflow", "connections", "dag", "jars", "job", "principals", "storage_account", "variables"}


def full(cli: Cli) -> dict[str, Any]:
    """A spec with every part that makes something of its own."""
    spec, jar = copy.deepcopy(cli.spec), cli.spec["job"]
    account = f"{cli.azure.subscription}/resourceGroups/flink-local/providers/Microsoft.Storage/storageAccounts"
    spec["airflow"].update(container="dags", linked_service="dags", variables_prefix="vars", connections_prefix="conns")
    spec["storage_account"] = {"name": "stflinklocal", "filesystem": "work"}
    spec["job"] = {"jar": jar, "directory": "job", "role": "Storage Blob Data Contributor"}
    spec["jars"] = [{"jar": jar, "directory": "lib"}]
    spec["dag"] = {"id": "Another", "file": "another.py"}
    spec["connections"] = {"counts": "http://counts.example:8080", "sums": "http://sums.example:8080"}
    spec["principals"] = {
        "airflow": {"role": "Key Vault Secrets User", "secrets": ["airflow-key"]},
        "flink-api": {"role": "Owner", "secrets": ["flink-key"]},
        "reports": {
            "role": "Storage Blob Data Reader",
            "scope": f"{account}/stflinklocal",
            "secrets": ["reports-key"],
            "variables_prefix": "rep",
        },
    }
    return spec


def paths(part: Any, at: Path = ()) -> Iterator[Path]:
    """Where something stands that may be taken out."""
    items = cast("dict[str, Any]", part).items() if isinstance(part, dict) else ()
    entries = enumerate(cast("list[Any]", part)) if isinstance(part, list) else ()
    for key, value in (*items, *entries):
        yield (*at, key)
        yield from paths(value, (*at, key))


def without(spec: dict[str, Any], path: Path) -> dict[str, Any]:
    less = copy.deepcopy(spec)
    within: Any = less
    for key in path[:-1]:
        within = within[key]
    del within[path[-1]]
    return less


def declared_by(cli: Cli, spec: dict[str, Any]) -> dict[Address, Node]:
    """The nodes of a spec, by address. Raises SpecError for one that lacks what it needs."""
    cli.file.write_text(yaml.safe_dump(spec))
    return {node.address: node for node in declared_recipe(load(str(cli.file)), cli.azure.tenant_id).nodes}


def file_of(node: Node) -> tuple[str, str] | None:
    """What an import is of, whatever its DAG is called."""
    path = getattr(node.desired, "path", None)
    return None if path is None else (node.address.kind, path)


def removals(cli: Cli, spec: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any], dict[Address, Node]]]:
    """Each optional part, the spec without it, and the nodes that it alone had declared; parts with the same once."""
    whole, seen = declared_by(cli, spec), {frozenset[Address]()}
    for path in paths(spec):
        less = without(spec, path)
        try:
            left = declared_by(cli, less)
        except SpecError:
            continue
        files = {file_of(node) for node in left.values()} - {None}
        gone = {a: node for a, node in whole.items() if a not in left and file_of(node) not in files}
        if frozenset(gone) not in seen:
            seen.add(frozenset(gone))
            yield path, less, gone


def unseen(gone: dict[Address, Node], deleted: set[str]) -> list[str]:
    """What no plan deletes though its kind says how it is found, and its container is still declared or deleted.

    A key is found as NAME/KEYID, a role assignment under the GUID that Azure knows it by.
    """

    def expected(node: Node) -> bool:
        kind = KINDS[node.address.kind]
        return kind.delete is not None and not isinstance(kind.owned, str) and node.container not in gone

    def is_deleted(address: Address) -> bool:
        beneath = f"{address.kind}/" if address.kind == "role_assignment" else str(address)
        return any(one.startswith(beneath) for one in deleted)

    return sorted(str(address) for address, node in gone.items() if expected(node) and not is_deleted(address))


def test_what_a_part_of_the_spec_had_asked_for_is_deleted_when_the_part_is_taken_out(cli: Cli) -> None:
    spec = cli.spec = full(cli)
    cli.done("provision")
    left: dict[Path, list[str]] = {}
    for path, less, gone in removals(cli, spec):
        cli.spec = less
        deleted = {a for a, action in cli.done("plan", "--json").actions().items() if action == "delete"}
        left[path] = unseen(gone, deleted)
    assert {str(path[0]) for path in left} == MAKING
    assert {path: addresses for path, addresses in left.items() if addresses} == {}


def with_managed_identity(spec: dict[str, Any]) -> dict[str, Any]:
    """The same with an Airflow of one's own, which signs in as a managed identity."""
    federated = {"issuer": "https://issuer.example/", "subjects": ["system:serviceaccount:airflow:airflow"]}
    credential = {"managed_identity": SEEDED_IDENTITY, "federated": federated}
    airflow = {"target": "self-managed", "version": "3.3.2"}
    return {**spec, "airflow": airflow, "principals": {"airflow": {"credential": credential}}}


def in_fabric(spec: dict[str, Any]) -> dict[str, Any]:
    """The same with an Airflow in Fabric."""
    return {**spec, "airflow": {"target": "fabric", "workspace": "flink-workspace", "job": "airflow"}}


def test_every_kind_that_can_be_found_is_searched_for_by_the_recipe(cli: Cli) -> None:
    searched: set[str] = set()
    for spec in (full(cli), with_managed_identity(full(cli)), in_fabric(full(cli))):
        cli.file.write_text(yaml.safe_dump(spec))
        searched |= {search.kind for search in declared_recipe(load(str(cli.file)), cli.azure.tenant_id).searches}
    assert searched == {name for name, kind in KINDS.items() if not isinstance(kind.owned, str)}
