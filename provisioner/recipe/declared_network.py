"""The network rules of the spec as Azure writes them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.model import Network

if TYPE_CHECKING:
    from provisioner.spec.parts import Reachable


def network(spec: Reachable, readers: str = "") -> Network:
    """Who may reach a resource, as Azure writes it. readers: who has to, from a network that no API tells."""
    rules = spec.network_rules
    access = (spec.public_network_access or "").capitalize()
    if rules is None:
        return Network(public_access=access, readers=readers)
    return Network(
        public_access=access,
        default_action=rules.default.capitalize(),
        bypass="AzureServices" if rules.trusted_services else "None",
        ips=tuple(rules.ips),
        subnets=tuple(rules.subnets),
        readers=readers,
    )
