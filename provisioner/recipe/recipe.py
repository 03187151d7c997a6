"""The article's steps as nodes: which resources an environment has and what each needs. No network, no decisions.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-orchestration
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.model import Address, Recipe
from provisioner.recipe.containers import Containers
from provisioner.recipe.grants import READ_VAULT
from provisioner.recipe.jars import Jars
from provisioner.recipe.lake_files import folders, search_with_folders, with_folders
from provisioner.recipe.principal_ids import object_id, with_rollout_if_replaced
from provisioner.recipe.principals import Principals
from provisioner.recipe.secrets import Secrets
from provisioner.recipe.targets import declaring_module
from provisioner.recipe.targets.contract import Around, Targets
from provisioner.render.dags import rendered_dags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.recipe.targets.contract import Airflow, Flink, Names
    from provisioner.spec.model import Environment


def recipe(environment: Environment, names: Names, *, purge: bool = False) -> Recipe:
    """Everything `environment` should be. Pure. purge: a vault that goes is purged, not kept soft-deleted."""
    containers = Containers(environment, names, purge=purge)
    declared, principals = _declared(environment, names, containers)
    flink, airflow = declared.flink, declared.airflow
    secrets = Secrets(environment, names, containers, airflow.holder)
    jars = Jars(environment, names, containers, flink)
    nodes = (
        *containers.nodes(),
        *flink.nodes,
        *principals.nodes(secrets),
        *secrets.variable_and_connection_nodes(principals.credential_of("flink-api"), flink),
        *jars.nodes(),
        *airflow.nodes,
    )
    searches = (
        *containers.searches(),
        *principals.searches(airflow.rollout),
        *secrets.searches(airflow.rollout),
        *jars.searches(),
        *flink.searches,
        *airflow.searches,
    )
    searches = (with_rollout_if_replaced(environment, airflow.rollout, search) for search in searches)
    of_files = folders(nodes)
    return Recipe(
        environment=environment.name,
        environment_id=names.environment_id,
        nodes=tuple(with_folders(node, of_files) for node in nodes),
        searches=tuple(search_with_folders(search, of_files) for search in searches),
        notes=(*_notes(environment), *flink.notes, *airflow.notes),
    )


def declared_targets(environment: Environment, names: Names) -> Targets:
    """What hosts this environment's Airflow and what runs its Flink, for what happens after it stands. Pure."""
    return _declared(environment, names, Containers(environment, names, purge=False))[0]


def _declared(environment: Environment, names: Names, containers: Containers) -> tuple[Targets, Principals]:
    """The targets and the principals of an environment, which refer to each other.

    Flink comes first, then its principals, then Airflow.
    """
    around = Around(
        names=names,
        account=containers.account,
        filesystem=containers.jobs,
        access=containers.account_access,
        vault_access=containers.vault_access,
        airflow=object_id(environment, "airflow"),
    )
    flink: Flink = declaring_module(environment.flink).declare(environment, around)
    principals = Principals(environment, names, containers, flink)
    own = (Address("vault_secret", name) for name in environment.principals.airflow.secrets)
    needs = (principals.reads_vault, *own)
    dags = rendered_dags(environment, names.hosts, paused=names.dags_paused)
    airflow: Airflow = declaring_module(environment.airflow).declare(
        environment, around, reader=principals.credential_of("airflow"), needs=needs, dags=dags
    )
    return Targets(airflow=airflow, flink=flink, dags=dags), principals


def _notes(environment: Environment) -> Iterator[str]:
    """A note if the role of Airflow's principal is not the one that is enough."""
    role = environment.principals.airflow.role
    if role.lower() != READ_VAULT.lower():
        yield (
            f"principals.airflow.role is {role}, the article's; Airflow only reads, so `role: {READ_VAULT}` is enough "
            "(https://learn.microsoft.com/azure/data-factory/enable-azure-key-vault-for-managed-airflow)"
        )
