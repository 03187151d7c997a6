"""Who signs in: each principal's application, service principal, credential and role. Rows 3 to 5 of the article.

Roles are narrow and credentials live for themselves, which is why there are several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.kinds import application, client_secret, role_assignment, service_principal
from provisioner.model import Address, Node, Search
from provisioner.recipe.targets.contract import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.recipe.places import Places
    from provisioner.recipe.secrets import Secrets
    from provisioner.recipe.targets.contract import Flink, Names
    from provisioner.spec.model import Environment
    from provisioner.spec.principals import Principal


@dataclass(frozen=True)
class _Scope:
    """What a role is on: a resource id, and the node that it lies in, if one does."""

    id: str
    at: Address | None


class Principals:
    """All principals of an environment, and how others refer to them."""

    def __init__(self, environment: Environment, names: Names, places: Places, flink: Flink) -> None:
        self._spec, self._names, self._mark = environment, names, names.environment_id
        self._places, self._flink = places, flink
        self.reads_vault = Address("role_assignment", f"airflow.{slug(environment.principals.airflow.role)}")

    def nodes(self, secrets: Secrets) -> Iterator[Node]:
        """Each with all that is its own, its places in the vault included."""
        for name, principal in self._spec.principals.named.items():
            yield from self._identity(name, principal)
            yield self._grant(name, principal.role)
            for secret in principal.secrets:
                yield secrets.credential(secret, self.reader(name))
        for name in self._spec.principals.further:
            keys = self._spec.principal_variables(name)
            if keys is not None:
                yield from secrets.signing_in(keys, self.reader(name))

    def searches(self) -> Iterator[Search]:
        """Applications, passwords and grants, in the order in which they are made."""
        spec, mark = self._spec, self._mark
        yield Search(kind="application", scope=application.Scope(environment=mark))
        for name, principal in spec.principals.named.items():
            owner = Address("application", name)
            passwords = client_secret.Scope(
                application_id=application.Outputs.object_id.of(owner),
                name=name,
                environment=mark,
                overlap=principal.rotation.overlap,
            )
            yield Search(kind="client_secret", scope=passwords, container=owner)
        yield from self._grants()

    def reader(self, name: str) -> Reader:
        """What others need of a principal's credential."""
        credential = Address("client_secret", name)
        secret = client_secret.Outputs
        cluster = (self._flink.scope, self._flink.api_version)
        return Reader(
            client_id=application.Outputs.client_id.of(Address("application", name)),
            key_id=secret.key_id.of(credential),
            value=secret.value.of(credential),
            expires=secret.expires.of(credential),
            living=secret.living.of(credential),
            credential=credential,
            opens=cluster if name == "flink-api" else None,
        )

    def _grants(self) -> Iterator[Search]:
        """At every scope that the spec names; and wherever a further principal may have had another one before."""
        scopes = [self._scope(name) for name in self._spec.principals.named]
        scopes.append(_Scope(self._spec.account_id, self._places.account))
        for scope in {one.id.lower(): one for one in scopes}.values():
            at = role_assignment.Scope(scope=scope.id, environment=self._mark)
            yield Search(kind="role_assignment", scope=at, container=scope.at)
        subscriptions = tuple(dict.fromkeys(one.id.lower().split("/")[2] for one in scopes))
        for name in self._spec.principals.further:
            owner = Address("service_principal", name)
            held = role_assignment.OfPrincipal(
                principal_id=service_principal.Outputs.object_id.of(owner),
                subscriptions=subscriptions,
                environment=self._mark,
            )
            yield Search(kind="role_assignment", scope=held, container=owner)
        names = tuple(map(self._unique_name, self._spec.principals.named))
        removed = role_assignment.OfRemoved(unique_names=names, subscriptions=subscriptions, environment=self._mark)
        yield Search(kind="role_assignment", scope=removed)

    def _scope(self, name: str) -> _Scope:
        if name == "airflow":
            return _Scope(self._spec.vault_id, self._places.vault)
        further = self._spec.principals.further.get(name)
        scope = further.scope if further else None
        if scope is None or scope.lower() == self._flink.scope.lower():
            return _Scope(self._flink.scope, self._flink.address)
        return _Scope(scope, self._places.holding(scope))

    def _unique_name(self, name: str) -> str:
        return f"provisioner-{self._mark}-{name}"

    def _identity(self, name: str, principal: Principal) -> Iterator[Node]:
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
        credential = client_secret.ClientSecret(
            application_id=application.Outputs.object_id.of(app),
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
        needs = (Address("service_principal", name),)
        yield Node(address=Address("client_secret", name), desired=credential, container=app, needs=needs)

    def _grant(self, principal: str, role: str) -> Node:
        scope = self._scope(principal)
        assignment = role_assignment.RoleAssignment(
            scope=scope.id,
            role=role,
            principal_id=service_principal.Outputs.object_id.of(Address("service_principal", principal)),
            environment=self._mark,
            label=f"the service principal {principal}",
        )
        address = Address("role_assignment", f"{principal}.{slug(role)}")
        return Node(address=address, desired=assignment, container=scope.at)


def slug(role: str) -> str:
    """A role's name as part of an address."""
    return role.lower().replace(" ", "-")
