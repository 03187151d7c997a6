"""The rights that the caller of a run needs: those of every environment, then those of its targets. Pure.

docs/access.md has them as a table; a test grants exactly these, and takes them away one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.model import NeededRight
from provisioner.recipe.recipe import targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioner.recipe.targets.contract import Names
    from provisioner.spec.model import Environment

GROUP = "the resource group"
SUBSCRIPTION = "the subscription"
GRAPH = "Microsoft Graph, as an application"
IDENTITY = "the managed identity"
CLUSTER = "the AKS cluster"
HEADER = "| on | right | for | without it |\n| --- | --- | --- | --- |\n"


def required_and_optional_rights(environment: Environment, names: Names) -> tuple[NeededRight, ...]:
    """All rights, the required ones first."""
    declared = targets(environment, names)
    every = (*_required(environment), *_optional(environment), *declared.flink.rights, *declared.airflow.rights)
    return tuple(sorted(every, key=lambda right: bool(right.optional)))


def table(rights: Iterable[NeededRight]) -> str:
    """The Markdown table of docs/access.md."""
    lines = (f"| {one.where} | {one.role} | {one.purpose} | {one.optional or 'nothing begins'} |\n" for one in rights)
    return HEADER + "".join(lines)


def _required(environment: Environment) -> Iterator[NeededRight]:
    group = environment.group_id
    yield NeededRight(scope=group, where=GROUP, role="Contributor", purpose="vault, storage account, the lease")
    yield NeededRight(
        scope=group,
        where=GROUP,
        role="Role Based Access Control Administrator",
        purpose="role assignments on vault, storage account and its containers",
    )
    yield from _for_principals(environment)


def _for_principals(environment: Environment) -> Iterator[NeededRight]:
    """On what they sign in by: clusters whose tokens they have, managed identities, applications."""
    principals = environment.named_principals.values()
    federations = [one.federation for one in principals if one.federation is not None]
    for cluster in dict.fromkeys(one.aks for one in federations if one.aks):
        yield NeededRight(scope=cluster, where=CLUSTER, role="Reader", purpose="who issues its tokens")
    identities = [one.managed_identity for one in principals]
    federated = {one.managed_identity for one in principals if one.federation is not None}
    for identity in dict.fromkeys(filter(None, identities)):
        trusts = identity in federated
        yield NeededRight(
            scope=identity,
            where=IDENTITY,
            role="Managed Identity Contributor" if trusts else "Reader",
            purpose="its federated credentials: whose tokens sign it in" if trusts else "its ids",
        )
    if all(identities):
        return
    yield NeededRight(
        scope="",
        where=GRAPH,
        role="`Application.ReadWrite.OwnedBy`",
        purpose="the applications and service principals that it creates; it becomes their owner",
    )


def _optional(environment: Environment) -> Iterator[NeededRight]:
    subscription = f"/subscriptions/{environment.subscription}"
    yield NeededRight(
        scope=subscription,
        where=SUBSCRIPTION,
        role="Reader",
        purpose="`doctor`: names that are taken, deleted vaults, resource providers, what Azure Policy denies",
        optional='`doctor` says "not known", and Azure refuses what cannot be created',
    )
    yield NeededRight(
        scope=subscription,
        where=SUBSCRIPTION,
        role="Key Vault Purge Operator",
        purpose="`teardown --purge`",
        optional="the vault stays soft-deleted, exit code 3",
    )
    yield NeededRight(
        scope="",
        where=GRAPH,
        role="`Application.Read.All`",
        purpose="finding its own deleted applications",
        optional="no environment of the same name for 30 days after a teardown",
    )
