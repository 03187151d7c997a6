"""What lies in the vault: credentials, what the DAG reads as variables, the spec's own variables and connections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.kinds import vault_secret
from provisioner.model import Address, Node, ReadBy, Ref, Search
from provisioner.recipe.principal_ids import client_id
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.key_probe import Rollout
    from provisioner.recipe.containers import Containers
    from provisioner.recipe.targets.contract import Flink, Names, Reader
    from provisioner.spec.model import Environment


class Secrets:
    """The vault's secrets of an environment as nodes."""

    def __init__(self, environment: Environment, names: Names, containers: Containers, holder: Address) -> None:
        self._spec, self._names, self._mark, self._containers = environment, names, names.environment_id, containers
        self._airflow = ReadBy(
            holder=holder,
            credential=Address("client_secret", "airflow"),
            client_id=client_id(environment, "airflow"),
        )

    def variable_and_connection_nodes(self, api: Reader, flink: Flink) -> Iterator[Node]:
        """The vault secrets of the variables and connections that the DAG and the spec need.

        They are the variables with which the DAG signs in, that of the tenant's id, and the spec's and Flink's own.
        """
        spec = self._spec
        if spec.flink.uses_api_principal:
            yield from self.sign_in_variable_nodes(spec.api_variable_keys, api)
        yield self._plain(spec.variable_secret_name("tenant-id"), Secret(self._names.tenant_id))
        for key, value in spec.variables.items():
            yield self._plain(spec.variable_secret_name(key), value)
        for key, value in {**spec.connections, **flink.connections}.items():
            yield self._plain(spec.connection_secret_name(key), value)

    def sign_in_variable_nodes(self, keys: tuple[str, ...], reader: Reader) -> Iterator[Node]:
        """The variables of these keys: client id and, if there is one, secret of a principal. Airflow reads them."""
        client_id, *secrets = keys
        yield self._plain(self._spec.variable_secret_name(client_id), reader.client_id)
        for secret in secrets:
            yield replace(self.credential(self._spec.variable_secret_name(secret), reader), read_by=self._airflow)

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
            active_key_ids=reader.active_key_ids,
            readable_resource=reader.readable_resource,
        )
        return self._node(name, desired)

    def searches(self, rollout: Rollout | None) -> Iterator[Search]:
        """Secrets in the vault. rollout: the settings that workers are to show before its holders go."""
        spec = self._spec
        prefixes = (spec.airflow.variables_prefix, spec.airflow.connections_prefix)
        secrets = vault_secret.Scope(vault=spec.vault_name, environment=self._mark, prefixes=prefixes, rollout=rollout)
        yield Search(kind="vault_secret", scope=secrets, container=self._containers.vault)

    def _plain(self, name: str, value: Secret | Ref[str]) -> Node:
        desired = vault_secret.VaultSecret(vault=self._spec.vault_name, name=name, value=value, environment=self._mark)
        return self._node(name, desired)

    def _node(self, name: str, desired: vault_secret.VaultSecret) -> Node:
        access = (self._containers.vault_access,)
        return Node(
            address=Address("vault_secret", name),
            desired=replace(desired, named_by=self._named_by(name)),
            container=self._containers.vault,
            needs=access,
        )

    def _named_by(self, name: str) -> str:
        """The field of the spec that decides on a secret's name."""
        airflow = self._spec.airflow
        for field, prefix in (("variables", airflow.variables_prefix), ("connections", airflow.connections_prefix)):
            if name.startswith(f"{prefix}-"):
                return f"`airflow.{field}_prefix`"
        return "name in `principals`"
