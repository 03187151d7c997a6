"""Finds out whether a credential's readers use its new key before the old one is removed.

Readers that can be asked are asked; for the others, the dates that kinds give decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provisioner.model import Address, Usage

if TYPE_CHECKING:
    from datetime import timedelta

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind
    from provisioner.model import Plan, View

Kinds = Mapping[str, "Kind[Any, Any]"]


def probe_holder_usages(
    cloud: Cloud, kinds: Kinds, plan: Plan, view: View, retiring_key: Address
) -> Iterator[tuple[Address, Usage]]:
    """Each holder that hands out the successor of this key and whose readers can be asked, with their usage now.

    Asking starts a run of the probe DAG if none can show it.

    A plan that is limited to the key does not include the holder: then nobody is asked, and the usage is unknown.
    """
    there = {step.address: step.observed for step in plan.steps}
    credential = Address(retiring_key.kind, retiring_key.name.rpartition("/")[0])  # its keys are called NAME/KEYID
    for reference in view.key_references.get(credential, ()):
        holder, observed = kinds[reference.holder.kind].holder, there.get(reference.holder)
        if holder and holder.probe_usage and reference.key.current and not reference.key.at_once:
            left_out = Usage(unknown_reason="this run is limited to other resources")
            yield reference.holder, left_out if observed is None else holder.probe_usage(cloud, observed)


def await_readers(cloud: Cloud, kinds: Kinds, plan: Plan, view: View, *, grace: timedelta) -> bool:
    """Wait for the dates that this run waits for, or until the readers concerned use their new keys.

    Asking the readers may start runs of the probe DAG.

    Returns whether there was such a date. grace: how much later the cloud's clock may reach the last date.
    """
    awaited_steps = [step for step in plan.steps if step.wait_in_run]
    if not awaited_steps:
        return False
    until = max(datetime.fromisoformat(step.waits_on[0]) for step in awaited_steps)
    session = cloud.session

    def over() -> bool:
        return session.clock.refresh() >= until or all(
            _probe_successor_in_use(cloud, kinds, plan, view, step.address) for step in awaited_steps
        )

    seconds = (until - session.clock.decision_time() + grace).total_seconds()
    what = f"readers to have their new keys, until {until:%H:%M} UTC at the latest"
    session.waits.until(over, deadline_seconds=seconds, what=what)
    return True


def _probe_successor_in_use(cloud: Cloud, kinds: Kinds, plan: Plan, view: View, retiring_key: Address) -> bool:
    found = dict(probe_holder_usages(cloud, kinds, plan, view, retiring_key))
    return bool(found) and all(usage.since for usage in found.values())
