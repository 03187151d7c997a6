"""A role that a principal gets on a scope, as a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds import role_assignment
from provisioner.model import Address, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.model import Ref
    from provisioner.spec.model import Environment

READ_VAULT = "Key Vault Secrets User"
JAR_ROLES = ("Storage Blob Data Contributor", "Storage Blob Data Reader")


def grant_address(name: str, role: str) -> Address:
    """The address of the grant of a role to whoever is called so."""
    return Address("role_assignment", f"{name}.{role.lower().replace(' ', '-')}")


def grant_node(  # all of them make one grant
    grantee: str,
    role: str,
    *,
    scope: str,
    container: Address | None,
    principal_id: Ref[str] | str,
    environment: str,
    label: str,
) -> Node:
    """The role for whoever is called so. container: the node that the scope lies in; label: who it is, for people."""
    assignment = role_assignment.RoleAssignment(
        scope=scope, role=role, principal_id=principal_id, environment=environment, label=label
    )
    return Node(address=grant_address(grantee, role), desired=assignment, container=container)


def grants_to_cluster(
    environment: Environment, principal_id: Ref[str] | str, *, account: Address, owner: str
) -> Iterator[Node]:
    """The roles on the account that the jobs need of the identity with which the cluster uses it.

    account: its node; owner: the environment's id.
    """
    for role in job_roles(environment):
        yield grant_node(
            "flink",
            role,
            scope=environment.account_id,
            container=account,
            principal_id=principal_id,
            environment=owner,
            label="the Flink cluster's identity",
        )


def job_roles(environment: Environment) -> tuple[str, ...]:
    """The roles that the cluster's identity has on the account for its jobs, each once."""
    roles = {job.spec.role.lower(): job.spec.role for job in environment.all_jobs}
    return tuple(roles.values())


def narrower_roles(environment: Environment) -> dict[Address, str]:
    """By the address of a grant whose role is broader than needed, the role that is enough."""
    airflow, found = environment.principals.airflow.role, dict[Address, str]()
    if airflow.lower() != READ_VAULT.lower():
        found[grant_address("airflow", airflow)] = READ_VAULT
    for role in job_roles(environment):
        if role.lower() not in {narrow.lower() for narrow in JAR_ROLES}:
            found[grant_address("flink", role)] = JAR_ROLES[0]
    return found


def job_role_notes(environment: Environment) -> Iterator[str]:
    """A note if the cluster's role on the account is wider than a job needs."""
    wide = [role for role in job_roles(environment) if role.lower() not in {narrow.lower() for narrow in JAR_ROLES}]
    for job in wide:
        yield (
            f"job.role is {job}, the article's; the cluster reads the jar and may write checkpoints, so "
            f"`role: {JAR_ROLES[0]}` is enough (https://learn.microsoft.com/azure/storage/blobs/assign-azure-role-data-access)"
        )
