"""Network rules of vaults and storage accounts: whether a caller on this machine is let in.

Every caller comes from CLIENT. Private endpoints and service endpoints of networks are not emulated, so a rule for an
address is the only way in. https://learn.microsoft.com/azure/key-vault/general/network-security and
https://learn.microsoft.com/azure/storage/common/storage-network-security
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localazure.app.store import Document

CLIENT_ADDRESS = "127.0.0.1"


def is_private_only(properties: Document) -> bool:
    """Whether only private endpoints may in."""
    return str(properties.get("publicNetworkAccess") or "").lower() == "disabled"


def allows_client(properties: Document) -> bool:
    """Whether the rules let CLIENT in from a public network."""
    rules: dict[str, Any] = properties.get("networkAcls") or {}
    if is_private_only(properties):
        return False
    if str(rules.get("defaultAction") or "").lower() != "deny":
        return True
    listed: list[dict[str, Any]] = rules.get("ipRules") or []
    return any(_covers(str(rule.get("value", ""))) for rule in listed)


def _covers(value: str) -> bool:
    """An address, or a range of them as CIDR."""
    try:
        return ip_address(CLIENT_ADDRESS) in ip_network(value, strict=False)
    except ValueError:
        return False
