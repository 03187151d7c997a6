"""The data types of all stages: addresses, nodes, readings, changes, steps, plans, outcomes. No I/O."""

from provisioner.model.airflow import AirflowApi, AirflowSignIn
from provisioner.model.declared import IDENTITY, LOCAL_FILE, Node, ReadBy, Recipe, Search, identity_refs, refs, resolve
from provisioner.model.flink import FlinkAccess, FlinkJob
from provisioner.model.network import Network, closed_to, is_network_restricted
from provisioner.model.observed import Described, Found, Observed, Orphan, Reading, Snapshot
from provisioner.model.outputs import KNOWN_AFTER_APPLY, Address, Output, Published, Ref
from provisioner.model.plans import (
    Action,
    Change,
    Forces,
    Origin,
    OrphanAction,
    Outcome,
    Plan,
    Platform,
    Proof,
    Result,
    Step,
    Unproven,
)
from provisioner.model.rights import NeededRight
from provisioner.model.view import CONVERGE, HolderKey, Intent, KeyReference, Request, Usage, View

__all__ = [
    "CONVERGE",
    "IDENTITY",
    "KNOWN_AFTER_APPLY",
    "LOCAL_FILE",
    "Action",
    "Address",
    "AirflowApi",
    "AirflowSignIn",
    "Change",
    "Described",
    "FlinkAccess",
    "FlinkJob",
    "Forces",
    "Found",
    "HolderKey",
    "Intent",
    "KeyReference",
    "NeededRight",
    "Network",
    "Node",
    "Observed",
    "Origin",
    "Orphan",
    "OrphanAction",
    "Outcome",
    "Output",
    "Plan",
    "Platform",
    "Proof",
    "Published",
    "ReadBy",
    "Reading",
    "Recipe",
    "Ref",
    "Request",
    "Result",
    "Search",
    "Snapshot",
    "Step",
    "Unproven",
    "Usage",
    "View",
    "closed_to",
    "identity_refs",
    "is_network_restricted",
    "refs",
    "resolve"
]  # fmt: skip
