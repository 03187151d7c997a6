"""The nouns every stage speaks: addresses, nodes, readings, changes, steps, plans, outcomes. Data only, no I/O."""

from provisioner.model.declared import KNOWN_AFTER_APPLY, Address, Node, ReadBy, Recipe, Ref, Search, refs, resolve
from provisioner.model.held import CONVERGE, Asked, Held, Holding, Intent, Usage, View
from provisioner.model.observed import Found, Leftover, Observed, Reading, Snapshot
from provisioner.model.plans import Action, Change, Fate, Forces, Outcome, Plan, Proof, Result, Step, Unproven

__all__ = [
    "CONVERGE", "KNOWN_AFTER_APPLY", "Action", "Address", "Asked", "Change", "Fate", "Forces", "Found", "Held",
    "Holding", "Intent", "Leftover", "Node", "Observed", "Outcome", "Plan", "Proof", "ReadBy", "Reading", "Recipe",
    "Ref", "Result", "Search", "Snapshot", "Step", "Unproven", "Usage", "View", "refs", "resolve"
]  # fmt: skip
