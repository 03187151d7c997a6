"""Who a principal is in Entra: an application that is made for it, or a managed identity that the spec names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.kinds import (
    application,
    identity_federation,
    managed_cluster,
    role_assignment,
    service_principal,
    workload_identity,
)
from provisioner.model import Address, Node, Search
from provisioner.spec.resource_id import MANAGED_CLUSTER, USER_ASSIGNED_IDENTITY, last_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.key_probe import Rollout
    from provisioner.model import Ref
    from provisioner.recipe.targets.contract import Names
    from provisioner.spec.credential import Federation
    from provisioner.spec.model import Environment


def object_id(environment: Environment, name: str) -> Ref[str]:
    """The object id of a principal, which roles are assigned to."""
    identity = environment.principals.named[name].managed_identity
    if identity:
        return workload_identity.Outputs.object_id.of(identity_address(identity))
    return service_principal.Outputs.object_id.of(Address("service_principal", name))


def client_id(environment: Environment, name: str) -> Ref[str]:
    """The client id with which a principal signs in."""
    identity = environment.principals.named[name].managed_identity
    if identity:
        return workload_identity.Outputs.client_id.of(identity_address(identity))
    return application.Outputs.client_id.of(Address("application", name))


def identity_address(identity_id: str) -> Address:
    """The node of a managed identity."""
    group, (name,) = USER_ASSIGNED_IDENTITY.parts(identity_id)
    return Address("workload_identity", f"{group}.{name}")


def managed_identity_nodes(environment: Environment, names: Names) -> Iterator[Node]:
    """The managed identities that principals are, and whose tokens sign them in.

    Principals may share one; Azure takes an issuer and subject once for each.
    """
    for identity, federations in _federations(environment).items():
        yield Node(
            address=identity_address(identity),
            desired=workload_identity.WorkloadIdentity(id=identity, assigned=not federations),
        )
        for subject, federation in federations.items():
            trust = identity_federation.IdentityFederation(
                identity_id=identity,
                name=trust_name(subject),
                issuer=issuer(federation),
                subject=subject,
                audience=names.federation_audience,
                environment=names.environment_id,
            )
            address = Address("identity_federation", f"{last_name(identity)}.{trust.name}")
            yield Node(address=address, desired=trust, needs=(identity_address(identity),))


def federation_searches(environment: Environment, names: Names) -> Iterator[Search]:
    """Where else such trust may be: on the managed identities that the spec names."""
    for identity, federations in _federations(environment).items():
        if not federations:  # workers may still sign in by what is there
            continue
        scope = identity_federation.Scope(identity_id=identity, environment=names.environment_id)
        yield Search(kind="identity_federation", scope=scope)


def with_rollout_if_replaced(environment: Environment, rollout: Rollout | None, search: Search) -> Search:
    """The search, and what workers are to show before applications go, and their roles, that an identity replaced."""
    replaced = any(principal.managed_identity for principal in environment.principals_in_use.values())
    if not replaced or not isinstance(search.scope, (application.Scope, role_assignment.Scope)):
        return search
    return replace(search, scope=replace(search.scope, rollout=rollout))


def _federations(environment: Environment) -> dict[str, dict[str, Federation]]:
    """By managed identity, whose tokens sign it in, by subject; none if machines have it assigned."""
    found: dict[str, dict[str, Federation]] = {}
    for principal in environment.principals_in_use.values():
        if not principal.managed_identity:
            continue
        subjects = found.setdefault(principal.managed_identity, {})
        if principal.federation is not None:
            subjects.update(dict.fromkeys(principal.federation.every_subject, principal.federation))
    return found


def trust_name(subject: str) -> str:
    """A name that follows from the subject, so that another issuer is a change: Entra takes both only once."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", subject.removeprefix("system:serviceaccount:")).strip("-")[:40]
    return f"{readable}-{hashlib.sha256(subject.encode()).hexdigest()[:8]}"


def issuer(federation: Federation) -> str | Ref[str]:
    """Who issues the tokens: as written, or as the cluster says."""
    return federation.issuer or managed_cluster.Outputs.issuer.of(aks_cluster_address(federation.aks))


def aks_cluster_address(cluster_id: str) -> Address:
    """The node of an AKS cluster that issues tokens."""
    group, (name,) = MANAGED_CLUSTER.parts(cluster_id)
    return Address("managed_cluster", f"{group}.{name}")
