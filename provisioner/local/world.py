"""The one tenant of the local Azure: its ids, store and clock, handed to every handler."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.local.faults import Faults
from provisioner.local.limits import Limits
from provisioner.local.supervisor import Supervisor
from provisioner.local.tenant import (
    GIVEN_CLUSTER,
    GIVEN_FACTORY,
    GIVEN_GROUP,
    GIVEN_IDENTITY,
    OPERATOR_CLIENT_ID,
    OPERATOR_OBJECT_ID,
    REGION,
    SUBSCRIPTION,
    SUBSCRIPTION_ID,
    TENANT_ID,
)
from provisioner.local.tokens import Signer

if TYPE_CHECKING:
    from provisioner.local.clock import Clock
    from provisioner.local.store import Store

__all__ = [
    "GIVEN_CLUSTER",
    "GIVEN_FACTORY",
    "GIVEN_GROUP",
    "GIVEN_IDENTITY",
    "OPERATOR_CLIENT_ID",
    "OPERATOR_OBJECT_ID",
    "REGION",
    "SUBSCRIPTION",
    "SUBSCRIPTION_ID",
    "TENANT_ID",
    "World",
]


@dataclass(frozen=True, kw_only=True)
class World:
    """Handlers reach everything that outlives a call through this."""

    store: Store
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    signer: Signer = field(default_factory=Signer)
    limits: Limits = field(default_factory=Limits)
    runtimes: Supervisor = field(default_factory=lambda: Supervisor((), Path(), Path()))  # none stands behind anything
