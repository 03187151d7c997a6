"""Azure as kinds see it: one session and a narrow client per service, each imported on first use."""

from __future__ import annotations

from contextlib import closing, contextmanager
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

    from provisioner.cloud.clients.airflow import Airflow
    from provisioner.cloud.clients.authorization import Authorization
    from provisioner.cloud.clients.data_lake import DataLake
    from provisioner.cloud.clients.graph import Graph
    from provisioner.cloud.clients.inventory import Inventory
    from provisioner.cloud.clients.key_vault_secrets import KeyVaultSecrets
    from provisioner.cloud.clients.key_vaults import KeyVaults
    from provisioner.cloud.clients.policy_restrictions import PolicyRestrictions
    from provisioner.cloud.clients.resource_groups import ResourceGroups
    from provisioner.cloud.clients.storage_accounts import StorageAccounts
    from provisioner.cloud.rights.caller_rights import CallerRights
    from provisioner.cloud.rights.principals import PrincipalRights
    from provisioner.cloud.transport.arm import Arm
    from provisioner.cloud.transport.session import Session
    from provisioner.model import AirflowApi
    from provisioner.secret import Secret


class Cloud:
    """The argument of every kind, for one run."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._clients: dict[str, Any] = {}

    @contextmanager
    def as_principal(self, client_id: str, secret: Secret) -> Generator[Cloud]:
        """The same Azure with the rights of another principal of this tenant."""
        with closing(self.session.open_for_principal(self.session.tenant_id, client_id, secret)) as session:
            yield Cloud(session)

    @cached_property
    def arm(self) -> Arm:
        """Any ARM resource by its id."""
        from provisioner.cloud.transport.arm import Arm

        return Arm(self.session)

    def airflow(self, web_url: str, api: AirflowApi, *, retry: bool = True) -> Airflow:
        """The API of the Airflow whose web server is there."""
        from provisioner.cloud.clients.airflow import Airflow

        stored = api.sign_in.stored
        read_token = partial(self.secrets.get_secret, *stored, "") if stored else None
        return Airflow(self.session, web_url, api, retry=retry, read_token=read_token)

    @cached_property
    def authorization(self) -> Authorization:
        """Role definitions and role assignments."""
        from provisioner.cloud.clients.authorization import Authorization

        return Authorization(self.session)

    @cached_property
    def caller_rights(self) -> CallerRights:
        """What the caller may do."""
        from provisioner.cloud.rights.caller_rights import CallerRights

        return CallerRights(self.session)

    def client(self, name: str) -> Any:
        """The client of a target: the class `CLIENT` of its module in `clients/`."""
        if name not in self._clients:
            self._clients[name] = import_module(f"provisioner.cloud.clients.{name}").CLIENT(self.session)
        return self._clients[name]

    @cached_property
    def data_lake(self) -> DataLake:
        """Filesystems and paths."""
        from provisioner.cloud.clients.data_lake import DataLake

        return DataLake(self.session)

    @cached_property
    def graph(self) -> Graph:
        """Applications, service principals, passwords."""
        from provisioner.cloud.clients.graph import Graph

        return Graph(self.session)

    @cached_property
    def inventory(self) -> Inventory:
        """What the caller can see."""
        from provisioner.cloud.clients.inventory import Inventory

        return Inventory(self.session)

    @cached_property
    def key_vaults(self) -> KeyVaults:
        """Vaults, with soft-deleted ones."""
        from provisioner.cloud.clients.key_vaults import KeyVaults

        return KeyVaults(self.session)

    @cached_property
    def policy_restrictions(self) -> PolicyRestrictions:
        """What Azure Policy would deny."""
        from provisioner.cloud.clients.policy_restrictions import PolicyRestrictions

        return PolicyRestrictions(self.session)

    @cached_property
    def principal_rights(self) -> PrincipalRights:
        """What other principals may do."""
        from provisioner.cloud.rights.principals import PrincipalRights

        return PrincipalRights(self.session)

    @cached_property
    def resource_groups(self) -> ResourceGroups:
        """Resource groups."""
        from provisioner.cloud.clients.resource_groups import ResourceGroups

        return ResourceGroups(self.session)

    @cached_property
    def secrets(self) -> KeyVaultSecrets:
        """The secrets in a vault."""
        from provisioner.cloud.clients.key_vault_secrets import KeyVaultSecrets

        return KeyVaultSecrets(self.session)

    @cached_property
    def storage_accounts(self) -> StorageAccounts:
        """Storage accounts, their containers over ARM, leases."""
        from provisioner.cloud.clients.storage_accounts import StorageAccounts

        return StorageAccounts(self.session)
