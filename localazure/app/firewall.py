"""The firewall check of vaults and storage accounts: whether network rules allow a client on this machine.

Every client has CLIENT_ADDRESS. Private endpoints and service endpoints of networks are not emulated, so an IP rule
is the only exception. https://learn.microsoft.com/azure/key-vault/general/network-security and
https://learn.microsoft.com/azure/storage/common/storage-network-security
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localazure.app.store import Document

CLIENT_ADDRESS = "127.0.0.1"


def is_private_only(properties: Document) -> bool:
    """Return whether only private endpoints are allowed (`publicNetworkAccess` is Disabled)."""
    return str(properties.get("publicNetworkAccess") or "").lower() == "disabled"


def allows_client(properties: Document) -> bool:
    """Return whether a vault's or account's properties allow CLIENT_ADDRESS from a public network."""
    rules: dict[str, Any] = properties.get("networkAcls") or {}
    if is_private_only(properties):
        return False
    if str(rules.get("defaultAction") or "").lower() != "deny":
        return True
    ip_rules: list[dict[str, Any]] = rules.get("ipRules") or []
    return any(_contains_client(str(rule.get("value", ""))) for rule in ip_rules)


def _contains_client(value: str) -> bool:
    """Return whether an address or CIDR range contains CLIENT_ADDRESS."""
    try:
        return ip_address(CLIENT_ADDRESS) in ip_network(value, strict=False)
    except ValueError:
        return False
