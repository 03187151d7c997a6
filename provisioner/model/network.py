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

    def applied(self, properties: Mapping[str, Any], *, managed: bool) -> Mapping[str, Any]:
        """A resource's properties after a run. managed: it is created or set by this tool, not adopted."""
        if not managed:
            return properties
        declared = self.properties()
        rules: dict[str, Any] = {**(properties.get("networkAcls") or {}), **declared.get("networkAcls", {})}
        return {**properties, **declared, "networkAcls": rules}

    def changes(self, properties: Mapping[str, Any]) -> Iterator[Change]:
        """What differs in a resource's properties."""
        there = str(properties.get("publicNetworkAccess") or "Enabled")
        if self.public_access and there.lower() != self.public_access.lower():
            yield Change(field="public_network_access", before=there, after=self.public_access)
        before, after = _access_words(properties), _access_words(self.properties())
        if self.default_action and before != after:
            yield Change(field="network_rules", before=", ".join(before), after=", ".join(after))


def _access_words(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """The rules as words, in an order. Key Vault shows an address as a range of one."""
    rules: Mapping[str, Any] = properties.get("networkAcls") or {}
    ips = sorted(str(one["value"]).removesuffix("/32") for one in rules.get("ipRules") or ())
    subnets = sorted(str(one["id"]).lower() for one in rules.get("virtualNetworkRules") or ())
    default = str(rules.get("defaultAction") or "Allow").capitalize()
    trusted = str(rules.get("bypass") or "AzureServices").lower()
    return (default, f"bypass {trusted}", *ips, *subnets)


def is_network_restricted(properties: Mapping[str, Any]) -> bool:
    """Whether a vault or account admits some networks only. Only a request shows whether ours is among them.

    https://learn.microsoft.com/azure/key-vault/general/network-security and
    https://learn.microsoft.com/azure/storage/common/storage-network-security
    """
    rules: Mapping[str, Any] = properties.get("networkAcls") or {}
    named = (properties.get("publicNetworkAccess"), rules.get("defaultAction"))
    return str(named[0]).lower() in {"disabled", "securedbyperimeter"} or str(named[1]).lower() == "deny"


def closed_to(properties: Mapping[str, Any], *, trusted: bool) -> str:
    """Why a service of Azure cannot reach a vault or account; empty if it can, or if its rules have to say.

    trusted: it is one of the trusted services, which `bypass` admits, and rules for resources.
    https://learn.microsoft.com/azure/storage/common/storage-network-security-trusted-azure-services and
    https://learn.microsoft.com/azure/key-vault/general/network-security
    """
    rules: Mapping[str, Any] = properties.get("networkAcls") or {}
    if str(properties.get("publicNetworkAccess")).lower() in {"disabled", "securedbyperimeter"}:
        return "its public network access is disabled"
    bypassed = trusted and "azureservices" in str(rules.get("bypass", "AzureServices")).lower()
    admits = ("ipRules", "virtualNetworkRules", *(("resourceAccessRules",) if trusted else ()))
    if bypassed or str(rules.get("defaultAction")).lower() != "deny" or any(rules.get(name) for name in admits):
        return ""
    return "its firewall admits no network" + (" and no trusted service" if trusted else "")
