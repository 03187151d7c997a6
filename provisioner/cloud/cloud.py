"""Azure as kinds see it: one session and a narrow client per service, each imported on first use."""

from __future__ import annotations

from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from provisioner.cloud.clients.airflow import Airflow
    from provisioner.cloud.clients.authorization import Authorization
    from provisioner.cloud.clients.data_factory import DataFactory
    from provisioner.cloud.clients.data_lake import DataLake
    from provisioner.cloud.clients.flink_jobs import FlinkJobs
    from provisioner.cloud.clients.graph import Graph
    from provisioner.cloud.clients.key_vault_secrets import KeyVaultSecrets
    from provisioner.cloud.clients.key_vaults import KeyVaults
    from provisioner.cloud.clients.resource_groups import ResourceGroups
    from provisioner.cloud.clients.storage_accounts import StorageAccounts
    from provisioner.cloud.rights.caller import Caller
    from provisioner.cloud.rights.principals import PrincipalRights
    from provisioner.cloud.transport.arm import Arm
    from provisioner.cloud.transport.session import Session
    from provisioner.secret import Secret


class Cloud:
    """The argument of every kind, for one run."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @contextmanager
    def acting_as(self, client_id: str, secret: Secret) -> Generator[Cloud]:
        """The same Azure with the rights of another principal of this tenant."""
        with closing(self.session.acting_as(self.session.tenant_id, client_id, secret)) as session:
            yield Cloud(session)

    @cached_property
    def arm(self) -> Arm:
        """Any ARM resource by its id."""
        from provisioner.cloud.transport.arm import Arm

        return Arm(self.session)

    def airflow(self, *, web_url: str, version: str, scope: str, right: str, patient: bool = True) -> Airflow:
        """The API of one Airflow."""
        from provisioner.cloud.clients.airflow import Airflow

        return Airflow(self.session, web_url=web_url, version=version, scope=scope, right=right, patient=patient)

    @cached_property
    def authorization(self) -> Authorization:
        """Role definitions, role assignments, permissions."""
        from provisioner.cloud.clients.authorization import Authorization

        return Authorization(self.session)

    @cached_property
    def caller(self) -> Caller:
        """What the caller may do."""
        from provisioner.cloud.rights.caller import Caller

        return Caller(self.session)

    @cached_property
    def data_factory(self) -> DataFactory:
        """Factories, Airflow runtimes, linked services, DAG imports."""
        from provisioner.cloud.clients.data_factory import DataFactory

        return DataFactory(self.session)

    @cached_property
    def data_lake(self) -> DataLake:
        """Filesystems and paths."""
        from provisioner.cloud.clients.data_lake import DataLake

        return DataLake(self.session)

    @cached_property
    def flink_jobs(self) -> FlinkJobs:
        """The jobs of Flink clusters."""
        from provisioner.cloud.clients.flink_jobs import FlinkJobs

        return FlinkJobs(self.session)

    @cached_property
    def graph(self) -> Graph:
        """Applications, service principals, passwords."""
        from provisioner.cloud.clients.graph import Graph

        return Graph(self.session)

    @cached_property
    def key_vaults(self) -> KeyVaults:
        """Vaults, with soft-deleted ones."""
        from provisioner.cloud.clients.key_vaults import KeyVaults

        return KeyVaults(self.session)

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
