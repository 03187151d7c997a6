"""Azure resource ids: read in any case, written as Azure spells them. Knows no service, only the grammar of ids."""

from __future__ import annotations

import re
from dataclasses import dataclass

GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ID = re.compile(rf"/subscriptions/({GUID})/resourcegroups/([^/]+)/providers/([^/]+)/(.+?)/?", re.IGNORECASE)
GROUP = "/subscriptions/{}/resourceGroups/{}"


@dataclass(frozen=True)
class ResourceType:
    """A type such as Microsoft.KeyVault/vaults, in Azure's spelling."""

    provider: str
    types: tuple[str, ...]

    def build(self, group_id: str, *names: str) -> str:
        """The full id of the resource with these names, outermost first."""
        path = "/".join(f"{kind}/{name}" for kind, name in zip(self.types, names, strict=True))
        return f"{group_id}/providers/{self.provider}/{path}"

    def names(self, resource_id: str) -> tuple[str, ...] | None:
        """The names in a full id of this type, outermost first; None if it is no such id."""
        match = ID.fullmatch(resource_id)
        if match is None or match[3].lower() != self.provider.lower():
            return None
        parts = match[4].split("/")
        kinds = [part.lower() for part in parts[::2]]
        fits = kinds == [kind.lower() for kind in self.types] and len(parts) == 2 * len(self.types) and all(parts)
        return tuple(parts[1::2]) if fits else None

    def canonical(self, resource_id: str) -> str | None:
        """The same id as Azure spells it; None if it is no id of this type."""
        names = self.names(resource_id)
        match = ID.fullmatch(resource_id)
        return None if names is None or match is None else self.build(GROUP.format(match[1].lower(), match[2]), *names)

    def parts(self, canonical: str) -> tuple[str, tuple[str, ...]]:
        """The group and the names in an id of this type as `canonical` gives it."""
        parts = canonical.split("/")
        return parts[4], tuple(parts[8::2])

    def resolve(self, group_id: str, name: str) -> str:
        """A full id as it is, a name as the resource of that name in the group."""
        return name if name.startswith("/") else self.build(group_id, name)

    def example(self) -> str:
        """What such an id looks like."""
        return self.build(GROUP.format("<subscription>", "<group>"), *(f"<{kind}>" for kind in self.types))


def group_id(subscription: str, name: str) -> str:
    """The id of a resource group."""
    return GROUP.format(subscription.lower(), name)


def last_name(resource_id: str) -> str:
    """The resource's own name."""
    return resource_id.rsplit("/", 1)[-1]


def parent(resource_id: str) -> str:
    """The id of the resource that holds it."""
    return resource_id.rsplit("/", 2)[0]


VAULT = ResourceType("Microsoft.KeyVault", ("vaults",))
ACCOUNT = ResourceType("Microsoft.Storage", ("storageAccounts",))
MANAGED_CLUSTER = ResourceType("Microsoft.ContainerService", ("managedClusters",))
USER_ASSIGNED_IDENTITY = ResourceType("Microsoft.ManagedIdentity", ("userAssignedIdentities",))
