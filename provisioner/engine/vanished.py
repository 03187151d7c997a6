"""Whether what contains a resource is still there, where a write to it or a reading of it fails.

What this run has created may not be visible yet, which is waited for; what was there before the run and is not any
more, somebody else has deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.errors import NotFound
from provisioner.model import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind
    from provisioner.model import Address, Plan, Step


def require_containers(
    cloud: Cloud,
    kinds: Mapping[str, Kind[Any, Any]],
    plan: Plan,
    step: Step,
    outputs: Mapping[Address, Mapping[str, Any]],
) -> None:
    """Raise NotFound if a container that a step needs was there when the plan was made, and is gone."""
    cloud.session.reads.new_pass()
    for before in plan.steps:
        kind = kinds[before.address.kind]
        if before.address not in step.after or kind.container is None or before.observed is None:
            continue
        try:
            found = kind.read(cloud, resolve(before.desired, outputs))
        except NotFound:
            found = None
        if found is None:
            message, remedy = f"somebody has just deleted {before.address}", "Run the command again."
            raise NotFound(operation=f"{step.action} {step.address}", status=404, message=message, remedy=remedy)
