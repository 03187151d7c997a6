"""Who may reach a vault or storage account over the network. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.model.plans import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the spec declares: Azure's own properties; what is not declared is left as it is.

    public_access: Enabled or Disabled. default_action: Allow or Deny, for who is in no rule. bypass: AzureServices or
    None. ips: addresses and ranges; subnets: full ids. readers: who else has to reach it, from a network that this tool
    does not know; no property of Azure's.
    """

    public_access: str = ""
    default_action: str = ""
    bypass: str = ""
    ips: tuple[str, ...] = field(default=())
    subnets: tuple[str, ...] = field(default=())
    readers: str = ""

    def properties(self) -> dict[str, Any]:
        """As vaults and accounts take them.

        https://learn.microsoft.com/rest/api/storagerp/storage-accounts/create#networkruleset and
        https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/create-or-update#networkruleset
        """
        found: dict[str, Any] = {"publicNetworkAccess": self.public_access} if self.public_access else {}
        if self.default_action:
            found["networkAcls"] = {
                "defaultAction": self.default_action,
                "bypass": self.bypass,
                "ipRules": [{"value": one} for one in self.ips],
                "virtualNetworkRules": [{"id": one} for one in self.subnets],
            }
        return found

    def changes(self, properties: Mapping[str, Any]) -> Iterator[Change]:
        """What differs in a resource's properties."""
        there = str(properties.get("publicNetworkAccess") or "Enabled")
        if self.public_access and there.lower() != self.public_access.lower():
            yield Change(field="public_network_access", before=there, after=self.public_access)
        before, after = _rules(properties), _rules(self.properties())
        if self.default_action and before != after:
            yield Change(field="network_rules", before=", ".join(before), after=", ".join(after))


def _rules(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """The rules as words, in an order. Key Vault shows an address as a range of one."""
    rules: Mapping[str, Any] = properties.get("networkAcls") or {}
    ips = sorted(str(one["value"]).removesuffix("/32") for one in rules.get("ipRules") or ())
    subnets = sorted(str(one["id"]).lower() for one in rules.get("virtualNetworkRules") or ())
    default = str(rules.get("defaultAction") or "Allow").capitalize()
    trusted = str(rules.get("bypass") or "AzureServices").lower()
    return (default, f"bypass {trusted}", *ips, *subnets)
