"""Resource group, vault, storage account and filesystem, which contain all else, and the caller's access to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.kinds import caller_access, filesystem, key_vault, lock_container, resource_group, storage_account
from provisioner.model import Address, Node, Search
from provisioner.recipe.declared_network import network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.recipe.targets.contract import Names
    from provisioner.spec.model import Environment

LOCK = Address("lock_container", "lock")
LOCK_PREFIX = "provisioner-"


class Containers:
    """The nodes of these containers, and the addresses by which others refer to them."""

    def __init__(self, environment: Environment, names: Names, *, purge: bool) -> None:
        self._purge = purge
        self._spec, self._names, self._mark = environment, names, names.environment_id
        self.group = Address("resource_group", environment.resource_group)
        self.vault = Address("key_vault", environment.vault_name)
        self.account = Address("storage_account", environment.account_name)
        self.jobs = Address("filesystem", environment.storage_account.filesystem)
        self._releases = environment.access == "release"
        to_write = "-write" if self._releases else ""
        self.vault_access = Address("caller_access", f"vault{to_write}")
        self.account_access = Address("caller_access", f"account{to_write}")

    def nodes(self) -> Iterator[Node]:
        """Group, account with its lock and filesystem, vault, and the caller's access."""
        spec, mark = self._spec, self._mark
        group = resource_group.ResourceGroup(
            id=spec.group_id, location=spec.location, tags=dict(spec.tags), environment=mark
        )
        empty = not (self._group_of(spec.vault_id) or self._group_of(spec.account_id))
        yield Node(address=self.group, desired=group, bootstrap=True, expected_to_exist=empty)
        account = storage_account.StorageAccount(
            id=spec.account_id,
            location=spec.location,
            sku=spec.storage_account.sku,
            minimum_tls=f"TLS{spec.storage_account.minimum_tls.replace('.', '_')}",
            network=network(spec.storage_account, spec.airflow.unseen_readers),
            tags=dict(spec.tags),
            environment=mark,
        )
        yield Node(address=self.account, desired=account, container=self._group_of(spec.account_id), bootstrap=True)
        lock = lock_container.LockContainer(account_id=spec.account_id, name=lock_name(mark), environment=mark)
        yield Node(address=LOCK, desired=lock, container=self.account, bootstrap=True)
        yield self._vault()
        yield from self._access()
        jobs = filesystem.Filesystem(account=spec.account_name, name=self.jobs.name, environment=mark)
        yield Node(address=self.jobs, desired=jobs, container=self.account, needs=(self.account_access,))

    def searches(self) -> Iterator[Search]:
        """Grants to callers."""
        for where, scope_id in ((self.vault, self._spec.vault_id), (self.account, self._spec.account_id)):
            callers = caller_access.Scope(scope=scope_id, environment=self._mark, release=self._releases)
            yield Search(kind="caller_access", scope=callers, container=where)

    def containing(self, scope: str) -> Address | None:
        """The innermost container that a scope (a resource id) is in; None if it is in none of these."""
        spec = self._spec
        filesystem_id = f"{spec.account_id}/blobServices/default/containers/{self.jobs.name}"
        near = {
            filesystem_id: self.jobs,
            spec.account_id: self.account,
            spec.vault_id: self.vault,
            spec.group_id: self.group,
        }
        return next(
            (address for id_, address in near.items() if f"{scope}/".lower().startswith(f"{id_}/".lower())), None
        )

    def _group_of(self, resource_id: str) -> Address | None:
        inside = resource_id.lower().startswith(f"{self._spec.group_id.lower()}/")
        return self.group if inside else None

    def _vault(self) -> Node:
        spec = self._spec
        desired = key_vault.Vault(
            id=spec.vault_id,
            location=spec.location,
            tenant_id=self._names.tenant_id,
            sku=spec.vault.sku,
            retention_days=spec.vault.retention_days,
            purge_protection=spec.vault.purge_protection,
            tags=dict(spec.tags),
            environment=self._mark,
            purge_on_delete=self._purge,
            network=network(spec.vault, spec.airflow.unseen_readers),
        )
        group = self._group_of(spec.vault_id)
        return Node(address=self.vault, desired=desired, container=group, expected_to_exist=group is None)

    def _access(self) -> Iterator[Node]:
        """To read and write; with `access: release` in two, so that the part that writes can be taken back."""
        spec, mark = self._spec, self._mark
        to_vault = caller_access.to_vault(scope=spec.vault_id, vault=spec.vault_name, environment=mark)
        to_blobs = caller_access.to_blobs(
            scope=spec.account_id, account=spec.account_name, container=lock_name(mark), environment=mark
        )
        # It is tried on the lock container, which a teardown therefore deletes after everything else in the account.
        for desired, written, container, needs in (
            (to_vault, self.vault_access, self.vault, ()),
            (to_blobs, self.account_access, self.account, (LOCK,)),
        ):
            write = Node(address=written, desired=desired, container=container, needs=needs, access=True)
            if self._releases:
                read = Address("caller_access", written.name.removesuffix("-write"))
                yield replace(write, address=read, desired=caller_access.read_only(desired))
                to_write = replace(desired, writes=True)
                write = replace(write, desired=to_write, needs=(*needs, read), released=True)
            yield write


def lock_name(environment_id: str) -> str:
    """The container whose lease a run holds; one per environment."""
    return f"{LOCK_PREFIX}{environment_id}"


def is_lock(container: str) -> bool:
    """Whether it may be such a container of any environment."""
    return container.startswith(LOCK_PREFIX)
