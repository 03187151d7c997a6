"""The nouns every stage speaks: addresses, nodes, readings, changes, steps, plans, outcomes. Data only, no I/O."""

from provisioner.model.declared import IDENTITY, Node, ReadBy, Recipe, Search, identity_refs, refs, resolve
from provisioner.model.observed import Found, Observed, Orphan, Reading, Snapshot
from provisioner.model.outputs import KNOWN_AFTER_APPLY, Address, Output, Published, Ref
from provisioner.model.plans import Action, Change, Forces, OrphanAction, Outcome, Plan, Proof, Result, Step, Unproven
from provisioner.model.view import CONVERGE, Asked, HolderKey, Intent, KeyReference, Usage, View

__all__ = [
    "CONVERGE",
    "IDENTITY",
    "KNOWN_AFTER_APPLY",
    "Action",
    "Address",
    "Asked",
    "Change",
    "Forces",
    "Found",
    "HolderKey",
    "Intent",
    "KeyReference",
    "Node",
    "Observed",
    "Orphan",
    "OrphanAction",
    "Outcome",
    "Output",
    "Plan",
    "Proof",
    "Published",
    "ReadBy",
    "Reading",
    "Recipe",
    "Ref",
    "Result",
    "Search",
    "Snapshot",
    "Step",
    "Unproven",
    "Usage",
    "View",
    "identity_refs",
    "refs",
    "resolve"
]  # fmt: skip
