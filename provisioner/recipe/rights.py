"""The rights that the caller of a run needs: those of every environment, then those of its targets. Pure.

docs/access.md has them as a table; a test grants exactly these, and takes them away one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.model import NeededRight
from provisioner.recipe.recipe import declared_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioner.recipe.targets.contract import Names
    from provisioner.spec.model import Environment

GROUP = "the resource group"
SUBSCRIPTION = "the subscription"
GRAPH = "Microsoft Graph, as an application"
VAULT = "the vault"
ACCOUNT = "the storage account"
IDENTITY = "the managed identity"
CLUSTER = "the AKS cluster"
HEADER = "| on | right | for | without it |\n| --- | --- | --- | --- |\n"


def required_and_optional_rights(environment: Environment, names: Names) -> tuple[NeededRight, ...]:
    """All rights, the required ones first."""
    declared = declared_targets(environment, names)
    every = (*_required(environment), *_optional(environment), *declared.flink.rights, *declared.airflow.rights)
    return tuple(sorted(every, key=lambda right: bool(right.optional)))


def markdown_table(rights: Iterable[NeededRight]) -> str:
    """The Markdown table of docs/access.md."""
    lines = (f"| {one.where} | {one.role} | {one.purpose} | {one.optional or 'nothing begins'} |\n" for one in rights)
    return HEADER + "".join(lines)


def _required(environment: Environment) -> Iterator[NeededRight]:
    """On the group, and on vault and account where the spec names one in another group; that one has to exist."""
    group, vault, account = environment.group_id, environment.vault_id, environment.account_id
    if _lies_in(vault, group) or _lies_in(account, group):
        yield NeededRight(scope=group, where=GROUP, role="Contributor", purpose="vault, storage account, the lease")
        yield _assigning(group, GROUP, "role assignments on vault, storage account and its containers")
    else:
        yield NeededRight(scope=group, where=GROUP, role="Reader", purpose="whether it exists")
    if not _lies_in(account, group):
        yield NeededRight(scope=account, where=ACCOUNT, role="Contributor", purpose="the lease")
        yield _assigning(account, ACCOUNT, "its state, and role assignments on it and its containers")
    if not _lies_in(vault, group):
        yield _assigning(vault, VAULT, "its state, and role assignments on it")
    yield from _for_further_scopes(environment)
    yield from _for_principals(environment)


def _assigning(scope: str, where: str, purpose: str) -> NeededRight:
    """To assign roles there; the role includes reading what is there."""
    return NeededRight(scope=scope, where=where, role="Role Based Access Control Administrator", purpose=purpose)


def _for_further_scopes(environment: Environment) -> Iterator[NeededRight]:
    """On what further principals have roles on, where no other right reaches."""
    others = (environment.group_id, environment.vault_id, environment.account_id, environment.flink.scope)
    reached = [one for one in others if one]
    for name, principal in environment.principals.further.items():
        scope = principal.scope or ""
        if scope and not any(_lies_in(scope, one) for one in reached):
            reached.append(scope)
            yield _assigning(scope, f"`principals.{name}.scope`", "the role assignment of that principal")


def _lies_in(scope: str, other: str) -> bool:
    return f"{scope}/".lower().startswith(f"{other}/".lower())


def _subscription(scope: str) -> str:
    return "/".join(scope.split("/")[:3])


def _for_principals(environment: Environment) -> Iterator[NeededRight]:
    """On what they sign in by: clusters whose tokens they have, managed identities, applications."""
    principals = environment.principals_in_use.values()
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
    vault = _subscription(environment.vault_id)
    subscriptions = {_subscription(environment.group_id): SUBSCRIPTION}
    subscriptions.setdefault(vault, f"{VAULT}'s subscription")
    subscriptions.setdefault(_subscription(environment.account_id), f"{ACCOUNT}'s subscription")
    for subscription, where in subscriptions.items():
        yield NeededRight(
            scope=subscription,
            where=where,
            role="Reader",
            purpose="`doctor`: names that are taken, deleted vaults, resource providers, what Azure Policy denies",
            optional='`doctor` says "not known", and Azure refuses what cannot be created',
        )
    yield NeededRight(
        scope=vault,
        where=subscriptions[vault],
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
