"""What `status` tells: what is there, what has drifted, how old each credential is and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.engine.report import Line, plan_lines
from provisioner.model import Action, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from provisioner.model import Address, HolderKey, Plan, Step


def credentials(plan: Plan, now: datetime) -> Iterator[dict[str, Any]]:
    """Each current credential: key id, age, end, next rotation, older keys with their ends, keys of others."""
    for address, published in plan.outputs.items():
        if "key_id" in published and "expires" in published:
            since, expires, due = published["since"], published["expires"], published["due"]
            yield {
                "address": str(address),
                "key_id": published["key_id"],
                "since": since.isoformat(),
                "expires": expires.isoformat(),
                "next_rotation": due.isoformat(),
                "age_days": (now - since).days,
                "days_left": (expires - now).days,
                "due": due <= now,
                "retiring": [_retiring(step) for step in _older(plan, address)],
                "places": [_place(held) for held in published["holders"] if held.key.current],
                "others": list(published["others"]),
            }


def _place(held: HolderKey) -> dict[str, Any]:
    """Stored, rolled out and in use are three facts; the last is null where nobody can tell, with the reason."""
    key = held.key
    first = Usage(untold="nobody had a key before it")
    usage = key.usage or (first if key.settled else Usage(since=key.since))
    dates = {
        "stored": key.since,
        "rolled_out": usage.since or key.settled or key.since,
        "in_use": usage.since,
    }
    told = {name: date.isoformat() if date else None for name, date in dates.items()}
    return {"address": str(held.holder), **told, "untold": usage.untold or usage.asked}


def _place_line(told: dict[str, Any]) -> str:
    stored, rolled_out = ((told[name] or "an unknown date")[:16] for name in ("stored", "rolled_out"))
    used = (
        f"in use since {told['in_use'][:16]}"
        if told["in_use"]
        else f"whether it is in use is not known: {told['untold']}"
    )
    return f"{told['address']} has it since {stored}, rolled out by {rolled_out}, {used}"


def _older(plan: Plan, address: Address) -> Iterator[Step]:
    """Steps of the older keys of a credential."""
    beneath = f"{address}/"
    return (step for step in plan.steps if str(step.address).startswith(beneath))


def _retiring(step: Step) -> dict[str, Any]:
    return {"key_id": step.address.name.rsplit("/", 1)[-1], "until": (step.waits_on or (None,))[0]}


def unusable(plan: Plan) -> Iterator[Step]:
    """Credentials of which no living key is where it is used: expired, removed by somebody, or held nowhere."""
    return (step for step in plan.steps if step.action is Action.ROTATE)


def expiring(plan: Plan, now: datetime, within: timedelta) -> bool:
    """Whether a credential ends within that time, or has."""
    ends = (published["expires"] for published in plan.outputs.values() if "expires" in published)
    return any(end - now <= within for end in ends) or any(True for _ in unusable(plan))


def next_rotation(plan: Plan) -> Iterator[Line]:
    """When each credential is due next."""
    for address, published in plan.outputs.items():
        if "due" in published:
            yield Line(f"{address}: next rotation {published['due']:%Y-%m-%d %H:%M} UTC", "dim")


def due_lines(plan: Plan, now: datetime) -> Iterator[Line]:
    """What a run that begins no rotation leaves to `rotate`."""
    for found in credentials(plan, now):
        if found["due"]:
            told = f"due since {found['next_rotation'][:10]}, run `provisioner rotate`"
            yield Line(f"{found['address']}: {told}", "yellow")


def status_json(plan: Plan, now: datetime, notes: tuple[str, ...]) -> dict[str, Any]:
    """The document of `status --json`."""
    resources = [
        {"address": str(step.address), "there": step.observed is not None, "as_declared": step.action is Action.KEEP}
        for step in plan.steps
    ]
    return {
        "environment": plan.environment,
        "resources": resources,
        "drift": plan.pending,
        "credentials": list(credentials(plan, now)),
        "notes": list(notes),
    }


def status_lines(plan: Plan, now: datetime, notes: tuple[str, ...]) -> Iterator[Line]:
    """The same for people."""
    for step in plan.steps:
        if step.observed is not None and step.action is Action.KEEP:
            yield Line(f"  {step.address}", "dim")
    yield from plan_lines(plan)
    for found in credentials(plan, now):
        style = "red" if found["days_left"] < 0 else ""
        age, left = found["age_days"], found["days_left"]
        due = "due now, run `provisioner rotate`" if found["due"] else f"next rotation {found['next_rotation'][:10]}"
        told = f"key {found['key_id']}, {age} days old, expires in {left} days, {due}"
        yield Line(f"{found['address']}: {told}", style)
        for one in found["places"]:
            if one["rolled_out"] != one["stored"]:
                yield Line(f"{found['address']}: {_place_line(one)}", "dim")
        for one in found["retiring"]:
            until = f"works until {one['until'][:16]} UTC" if one["until"] else "goes with the next run"
            yield Line(f"{found['address']}: key {one['key_id']} was replaced, {until}", "dim")
        for key_id in found["others"]:
            yield Line(f"{found['address']}: key {key_id} is somebody else's, never touched", "dim")
    for step in unusable(plan):
        yield Line(f"{step.address}: {step.reason}, run `provisioner rotate`", "red")
    for note in notes:
        yield Line(f"note: {note}", "dim")
