"""What lies in the vault: credentials, what the DAG reads as variables, the spec's own variables and connections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.kinds import application, vault_secret
from provisioner.model import Address, Node, ReadBy, Ref, Search
from provisioner.recipe.targets.airflow import data_factory
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.recipe.places import Places
    from provisioner.recipe.targets.contract import Names, Reader
    from provisioner.spec.model import Environment

AIRFLOW = ReadBy(
    holder=data_factory.AIRFLOW,
    credential=Address("client_secret", "airflow"),
    client_id=application.Outputs.client_id.of(Address("application", "airflow")),
)


class Secrets:
    """Row 6 of the article."""

    def __init__(self, environment: Environment, names: Names, places: Places) -> None:
        self._spec, self._names, self._mark, self._places = environment, names, names.environment_id, places

    def variables(self, api: Reader) -> Iterator[Node]:
        """What the DAG signs in with, and the spec's own."""
        spec = self._spec
        yield from self.signing_in(("api-client-id", "api-secret"), api)
        yield self._plain(spec.variable_secret("tenant-id"), Secret(self._names.tenant_id))
        for key, value in spec.variables.items():
            yield self._plain(spec.variable_secret(key), value)
        for key, value in spec.connections.items():
            yield self._plain(spec.connection_secret(key), value)

    def signing_in(self, keys: tuple[str, str], reader: Reader) -> Iterator[Node]:
        """The variables of these keys: client id and secret of a principal. Airflow's own principal reads them."""
        client_id, secret = keys
        yield self._plain(self._spec.variable_secret(client_id), reader.client_id)
        yield replace(self.credential(self._spec.variable_secret(secret), reader), read_by=AIRFLOW)

    def credential(self, name: str, reader: Reader) -> Node:
        """A secret that holds a principal's credential."""
        desired = vault_secret.VaultSecret(
            vault=self._spec.vault_name,
            name=name,
            value=reader.value,
            environment=self._mark,
            credential=reader.credential,
            key_id=reader.key_id,
            expires=reader.expires,
            client_id=reader.client_id,
            living=reader.living,
            opens=reader.opens,
        )
        return self._node(name, desired)

    def searches(self) -> Iterator[Search]:
        """Secrets in the vault."""
        spec = self._spec
        prefixes = (spec.airflow.variables_prefix, spec.airflow.connections_prefix)
        secrets = vault_secret.Scope(vault=spec.vault_name, environment=self._mark, prefixes=prefixes)
        yield Search(kind="vault_secret", scope=secrets, container=self._places.vault)

    def _plain(self, name: str, value: Secret | Ref[str]) -> Node:
        desired = vault_secret.VaultSecret(vault=self._spec.vault_name, name=name, value=value, environment=self._mark)
        return self._node(name, desired)

    def _node(self, name: str, desired: vault_secret.VaultSecret) -> Node:
        access = (self._places.vault_access,)
        return Node(address=Address("vault_secret", name), desired=desired, container=self._places.vault, needs=access)
