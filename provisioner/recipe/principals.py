"""Who signs in: each principal's application, service principal, credential and role.

Roles are narrow and credentials live for themselves, which is why there are several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.kinds import (
    application,
    client_secret,
    federated_credential,
    managed_cluster,
    role_assignment,
    service_principal,
)
from provisioner.model import Address, Node, Search
from provisioner.recipe.grants import grant_address, grant_node
from provisioner.recipe.principal_ids import (
    aks_cluster_address,
    client_id,
    federation_searches,
    issuer,
    managed_identity_nodes,
    object_id,
    trust_name,
)
from provisioner.recipe.targets.contract import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.key_probe import Rollout
    from provisioner.model import Ref
    from provisioner.recipe.containers import Containers
    from provisioner.recipe.secrets import Secrets
    from provisioner.recipe.targets.contract import Flink, Names
    from provisioner.spec.model import Environment
    from provisioner.spec.principals import Principal

STILL_USED = "its workers may still sign in by it; remove it in Entra once they use the client secret"


@dataclass(frozen=True)
class _Scope:
    """What a role is on: a resource id, and the node that it lies in, if one does."""

    id: str
    at: Address | None


class Principals:
    """All principals of an environment, and how others refer to them."""

    def __init__(self, environment: Environment, names: Names, containers: Containers, flink: Flink) -> None:
        self._spec, self._names, self._mark = environment, names, names.environment_id
        self._containers, self._flink = containers, flink
        self.reads_vault = grant_address("airflow", environment.principals.airflow.role)

    def nodes(self, secrets: Secrets) -> Iterator[Node]:
        """Each with all that is its own, its places in the vault included; first the clusters that issue tokens."""
        federations = (one.federation for one in self._spec.principals_in_use.values())
        for cluster in dict.fromkeys(one.aks for one in federations if one is not None and one.aks):
            yield Node(address=aks_cluster_address(cluster), desired=managed_cluster.ManagedCluster(id=cluster))
        yield from managed_identity_nodes(self._spec, self._names)
        for name, principal in self._spec.principals_in_use.items():
            if not principal.managed_identity:
                yield from self._application_nodes(name, principal)
            yield from self._grants_to(name, principal.role)
            for secret in principal.secrets:
                yield secrets.credential(secret, self.credential_of(name))
        for name in self._spec.principals.further:
            keys = self._spec.principal_variable_keys(name)
            if keys:
                yield from secrets.sign_in_variable_nodes(keys, self.credential_of(name))

    def searches(self, rollout: Rollout | None) -> Iterator[Search]:
        """Applications, federations, passwords and grants, in the order in which they are made.

        The federations are those of managed identities and the federated credentials of applications.

        rollout: the settings that workers are to show before what they signed in with goes.
        """
        spec, mark = self._spec, self._mark
        yield Search(kind="application", scope=application.Scope(environment=mark))
        yield from federation_searches(spec, self._names)
        for name, principal in spec.principals_in_use.items():
            if principal.managed_identity:
                continue
            owner = Address("application", name)
            trusts = federated_credential.Scope(
                application_id=application.Outputs.object_id.of(owner),
                principal=name,
                environment=mark,
                kept="" if principal.federation else STILL_USED,
                rollout=rollout,
            )
            yield Search(kind="federated_credential", scope=trusts, container=owner)
            passwords = client_secret.Scope(
                application_id=application.Outputs.object_id.of(owner),
                name=name,
                environment=mark,
                overlap=principal.rotation.overlap,
                rollout=rollout if principal.federation else None,
            )
            yield Search(kind="client_secret", scope=passwords, container=owner)
        yield from self._grants()

    def credential_of(self, principal: str) -> Reader:
        """What others need of a principal's credential."""
        credential = Address("client_secret", principal)
        secret = client_secret.Outputs
        flink = self._spec.flink.scope
        return Reader(
            client_id=client_id(self._spec, principal),
            key_id=secret.key_id.of(credential),
            value=secret.value.of(credential),
            expires=secret.expires.of(credential),
            active_key_ids=secret.active_key_ids.of(credential),
            credential=credential,
            readable_resource=(flink, self._flink.api_version) if flink and principal == "flink-api" else None,
        )

    def _grants(self) -> Iterator[Search]:
        """At every scope that the spec names; and wherever a further principal may have had another one before."""
        scopes = [*filter(None, map(self._role_scope, self._spec.principals_in_use))]
        scopes.append(_Scope(self._spec.account_id, self._containers.account))
        for scope in {one.id.lower(): one for one in scopes}.values():
            at = role_assignment.Scope(scope=scope.id, environment=self._mark)
            yield Search(kind="role_assignment", scope=at, container=scope.at)
        subscriptions = tuple(dict.fromkeys(one.id.lower().split("/")[2] for one in scopes))
        for name in self._spec.principals.further:
            owner = Address("service_principal", name)
            held = role_assignment.AssignmentsOfPrincipal(
                principal_id=object_id(self._spec, name),
                subscriptions=subscriptions,
                environment=self._mark,
            )
            yield Search(kind="role_assignment", scope=held, container=owner)
        names = tuple(map(self._unique_name, self._spec.principals_in_use))
        removed = role_assignment.AssignmentsOfRemoved(
            unique_names=names, subscriptions=subscriptions, environment=self._mark
        )
        yield Search(kind="role_assignment", scope=removed)

    def _role_scope(self, principal: str) -> _Scope | None:
        """What a principal's role is on; None if it has none: Flink's API may be no Azure resource."""
        if principal == "airflow":
            return _Scope(self._spec.vault_id, self._containers.vault)
        further, flink = self._spec.principals.further.get(principal), self._spec.flink.scope
        scope = further.scope if further and further.scope else flink
        if not scope:
            return None
        if scope.lower() == flink.lower():
            return _Scope(flink, self._flink.address)
        return _Scope(scope, self._containers.containing(scope))

    def _unique_name(self, name: str) -> str:
        return f"provisioner-{self._mark}-{name}"

    def _application_nodes(self, name: str, principal: Principal) -> Iterator[Node]:
        mark, app = self._mark, Address("application", name)
        adopted = principal.application.client_id if principal.application else None
        yield Node(
            address=app,
            desired=application.Application(
                unique_name=self._unique_name(name),
                display_name=principal.display_name or f"{self._spec.name} {name}",
                environment=mark,
                client_id=adopted,
            ),
        )
        client_id = application.Outputs.client_id.of(app)
        identity = service_principal.ServicePrincipal(client_id=client_id, environment=mark, adopt=adopted is not None)
        yield Node(address=Address("service_principal", name), desired=identity, container=app)
        yield from self._credential(name, principal, client_id)

    def _credential(self, name: str, principal: Principal, client_id: Ref[str]) -> Iterator[Node]:
        """Its client secret, or whose tokens sign it in."""
        mark, app, needs = self._mark, Address("application", name), (Address("service_principal", name),)
        application_id = application.Outputs.object_id.of(app)
        if principal.federation is not None:
            for subject in principal.federation.every_subject:
                trust = federated_credential.FederatedCredential(
                    application_id=application_id,
                    principal=name,
                    name=trust_name(subject),
                    issuer=issuer(principal.federation),
                    subject=subject,
                    audience=self._names.federation_audience,
                    environment=mark,
                )
                address = Address("federated_credential", f"{name}.{trust.name}")
                yield Node(address=address, desired=trust, container=app, needs=needs)
            return
        credential = client_secret.ClientSecret(
            application_id=application_id,
            client_id=client_id,
            name=name,
            tenant_id=self._names.tenant_id,
            lifetime=principal.lifetime,
            environment=mark,
            every=principal.rotation.every,
            overlap=principal.rotation.overlap,
            runs_every=principal.rotation.runs_every,
            sign_in_seconds=self._spec.waits.sign_in.total_seconds(),
        )
        yield Node(address=Address("client_secret", name), desired=credential, container=app, needs=needs)

    def _grants_to(self, principal: str, role: str) -> Iterator[Node]:
        scope = self._role_scope(principal)
        if scope is not None:
            yield grant_node(
                principal,
                role,
                scope=scope.id,
                container=scope.at,
                principal_id=object_id(self._spec, principal),
                environment=self._mark,
                label=f"the service principal {principal}",
            )
