"""Whether a credential's readers use its new key before the old one goes: those who can be asked are asked.

Where nobody can tell, the dates that kinds give do.
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


def usages(cloud: Cloud, kinds: Kinds, plan: Plan, view: View, key: Address) -> Iterator[tuple[Address, Usage]]:
    """Each holder that hands out what replaces this key and whose readers can be asked, with what they show now.

    A plan that is limited to the key does not have the holder: then nobody is asked, and that is told.
    """
    there = {step.address: step.observed for step in plan.steps}
    credential = Address(key.kind, key.name.rpartition("/")[0])  # its keys are called NAME/KEYID
    for reference in view.key_references.get(credential, ()):
        holder, observed = kinds[reference.holder.kind].holder, there.get(reference.holder)
        if holder and holder.use and reference.key.current:
            left_out = Usage(untold="this run is limited to others")
            yield reference.holder, left_out if observed is None else holder.use(cloud, observed)


def awaited(cloud: Cloud, kinds: Kinds, plan: Plan, view: View, *, grace: timedelta) -> bool:
    """Wait for the dates that this run is to see, or until the readers they are for show that they need none.

    Whether there was such a date. grace: how much later than the last date the cloud's clock may get there.
    """
    soon = [step for step in plan.steps if step.soon]
    if not soon:
        return False
    until = max(datetime.fromisoformat(step.waits_on[0]) for step in soon)
    session = cloud.session

    def over() -> bool:
        return session.clock.later() >= until or all(_in_use(cloud, kinds, plan, view, step.address) for step in soon)

    seconds = (until - session.clock.now() + grace).total_seconds()
    what = f"readers to have their new keys, until {until:%H:%M} UTC at the latest"
    session.waits.until(over, deadline_seconds=seconds, what=what)
    return True


def _in_use(cloud: Cloud, kinds: Kinds, plan: Plan, view: View, key: Address) -> bool:
    found = dict(usages(cloud, kinds, plan, view, key))
    return bool(found) and all(usage.since for usage in found.values())
