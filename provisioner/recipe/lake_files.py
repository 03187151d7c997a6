"""Files of the data lake as nodes, and where those may be that the spec no longer names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.kinds import dag_file, job_jar
from provisioner.model import Address, Node, Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.render.dags import RenderedDag

FILES = (job_jar.NAME, dag_file.NAME)


def dag_address(container: Address, file: str) -> Address:
    """The address of a DAG's file in the folder `dags/` of a container."""
    return Address("dag_file", f"{container.name}/dags/{file}")


def jar_address(filesystem: Address, path: str) -> Address:
    """The address of a jar in the filesystem."""
    return Address("job_jar", f"{filesystem.name}/{path}")


def dag_node(
    dag: RenderedDag, *, account: str, container: Address, environment: str, access: Address, jars: Address
) -> Node:
    """A DAG's file. account: its name; access: the caller's way into it; environment: the owner tag's value.

    jars: the filesystem with them. A DAG that upgrades a job names the content of its jar, so the jar comes first.
    """
    desired = dag_file.DagFile(
        account=account,
        filesystem=container.name,
        path=f"dags/{dag.name}",
        content=dag.content,
        environment=environment,
    )
    needs = (jar_address(jars, dag.job.spec.lake_path),) if dag.job and dag.job.spec.upgrade else ()
    address = dag_address(container, dag.name)
    return Node(address=address, desired=desired, container=container, needs=(access, *needs))


def file_searches(*, account: str, container: Address, environment: str) -> tuple[Search, ...]:
    """Jars and DAG files of the environment in a container."""
    return tuple(
        Search(
            kind=kind.NAME,
            scope=kind.Scope(account=account, filesystem=container.name, environment=environment),
            container=container,
        )
        for kind in (job_jar, dag_file)
    )


def folders(nodes: Iterable[Node]) -> dict[Address | None, tuple[str, ...]]:
    """By container, the folders of the declared files; the root's is empty."""
    found: dict[Address | None, set[str]] = {}
    for node in nodes:
        if node.address.kind in FILES:
            found.setdefault(node.container, set()).add(node.desired.path.rpartition("/")[0])
    return {container: tuple(sorted(names)) for container, names in found.items()}


def with_folders(node: Node, by_container: Mapping[Address | None, tuple[str, ...]]) -> Node:
    """A filesystem with the folders of its declared files, any other node as it is."""
    known = by_container.get(node.address)
    return node if known is None else replace(node, desired=replace(node.desired, folders=known))


def search_with_folders(search: Search, by_container: Mapping[Address | None, tuple[str, ...]]) -> Search:
    """A search for files in the folders of the declared ones, any other search as it is."""
    known = by_container.get(search.container) if hasattr(search.scope, "folders") else None
    return search if known is None else replace(search, scope=replace(search.scope, folders=known))
