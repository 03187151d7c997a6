"""The article's steps as nodes: which resources an environment has and what each needs. No network, no decisions.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-orchestration
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.model import Address, Recipe
from provisioner.recipe.jars import Jars
from provisioner.recipe.places import Places
from provisioner.recipe.principals import Principals
from provisioner.recipe.secrets import Secrets
from provisioner.recipe.targets.airflow import data_factory
from provisioner.recipe.targets.contract import Targets
from provisioner.recipe.targets.flink import hdinsight_aks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.recipe.targets.contract import Airflow, Names
    from provisioner.spec.model import Environment

READ_VAULT = "Key Vault Secrets User"
JAR_ROLES = ("Storage Blob Data Contributor", "Storage Blob Data Reader")


def recipe(environment: Environment, names: Names, *, purge: bool = False) -> Recipe:
    """Everything `environment` should be. Pure. purge: a vault that goes is purged, not kept soft-deleted."""
    flink = hdinsight_aks.declare(environment)
    places = Places(environment, names, purge=purge)
    principals = Principals(environment, names, places, flink)
    secrets = Secrets(environment, names, places)
    jars = Jars(environment, names, places, flink)
    airflow = _airflow(environment, names, places, principals)
    nodes = (
        *places.nodes(),
        *flink.nodes,
        *principals.nodes(secrets),
        *secrets.variables(principals.reader("flink-api")),
        *jars.nodes(),
        *airflow.nodes,
    )
    searches = (*places.searches(), *principals.searches(), *secrets.searches(), *jars.searches(), *airflow.searches)
    return Recipe(
        environment=environment.name,
        environment_id=names.environment_id,
        nodes=nodes,
        searches=searches,
        notes=(*_notes(environment), *flink.notes, *airflow.notes),
    )


def targets(environment: Environment, names: Names) -> Targets:
    """What hosts this environment's Airflow and what runs its Flink, for what happens after it stands. Pure."""
    flink, places = hdinsight_aks.declare(environment), Places(environment, names, purge=False)
    principals = Principals(environment, names, places, flink)
    return Targets(airflow=_airflow(environment, names, places, principals), flink=flink)


def _airflow(environment: Environment, names: Names, places: Places, principals: Principals) -> Airflow:
    """Places whose value can be read back come first: a run that dies between them loses no credential."""
    own = (Address("vault_secret", name) for name in environment.principals.airflow.secrets)
    needs = (principals.reads_vault, *own)
    return data_factory.declare(environment, names, principals.reader("airflow"), account=places.account, needs=needs)


def _notes(environment: Environment) -> Iterator[str]:
    """What a person should know of the spec's choices."""
    role = environment.principals.airflow.role
    if role.lower() != READ_VAULT.lower():
        yield (
            f"principals.airflow.role is {role}, the article's; Airflow only reads, so `role: {READ_VAULT}` is enough "
            "(https://learn.microsoft.com/azure/data-factory/enable-azure-key-vault-for-managed-airflow)"
        )
    job = environment.job.role
    if job.lower() not in {role.lower() for role in JAR_ROLES}:
        yield (
            f"job.role is {job}, the article's; the cluster reads the jar and may write checkpoints, so "
            f"`role: {JAR_ROLES[0]}` is enough (https://learn.microsoft.com/azure/storage/blobs/assign-azure-role-data-access)"
        )
