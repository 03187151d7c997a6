"""The output of `status`: resources, drift, the age and expiry of each credential."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provisioner.engine.documents import platform_json
from provisioner.engine.report import Line, plan_lines
from provisioner.model import Action, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from provisioner.model import Address, HolderKey, Plan, Step
    from provisioner.verify.jobs import JobState


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What `status` shows beside resources and credentials.

    choices: those of the notes that follow from the spec alone, which are the same each time: `doctor` prints them.
    """

    jobs: tuple[JobState, ...]
    notes: tuple[str, ...]
    choices: tuple[str, ...] = ()


def credentials(plan: Plan, now: datetime) -> Iterator[dict[str, Any]]:
    """Each current credential: key id, age, expiry, next rotation, older keys with their dates, unmanaged keys."""
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
                "holders": (holders := [_holder_json(one) for one in published["holders"] if one.key.current]),
                "places": holders,  # the former name
                "unmanaged_key_ids": list(published["others"]),
                "others": list(published["others"]),  # the former name
            }


def _holder_json(reference: HolderKey) -> dict[str, Any]:
    """One holder: when the key was stored, rolled out and first used; the last is null if unknown, with the reason."""
    key = reference.key
    first = Usage(unknown_reason="it had no key before")
    usage = key.usage or (first if key.settled else Usage(since=key.since))
    dates = {
        "stored": key.since,
        "rolled_out": usage.since or key.settled or key.since,
        "in_use": usage.since,
    }
    texts = {name: date.isoformat() if date else None for name, date in dates.items()}
    why = usage.unknown_reason or usage.awaited_from
    return {"address": str(reference.holder), **texts, "unknown_reason": why, "untold": why}  # the former name


def _holder_line(holder: dict[str, Any]) -> str:
    stored, rolled_out = ((holder[name] or "an unknown date")[:16] for name in ("stored", "rolled_out"))
    used = (
        f"in use since {holder['in_use'][:16]}"
        if holder["in_use"]
        else f"not known whether it is in use: {holder['unknown_reason']}"
    )
    return f"{holder['address']} has it since {stored}, rolled out by {rolled_out}, {used}"


def _older(plan: Plan, address: Address) -> Iterator[Step]:
    """Steps of the older keys of a credential."""
    beneath = f"{address}/"
    return (step for step in plan.steps if str(step.address).startswith(beneath))


def _retiring(step: Step) -> dict[str, Any]:
    return {"key_id": step.address.name.rsplit("/", 1)[-1], "until": step.waits_on[0] if step.dated else None}


def unusable_credentials(plan: Plan) -> Iterator[Step]:
    """Credentials without a valid key in their holders: expired, removed by somebody, or in no holder."""
    return (step for step in plan.steps if step.action is Action.ROTATE)


def expiring(plan: Plan, now: datetime, within: timedelta) -> bool:
    """Whether a credential expires within that time, or has expired, or an older key that may still be in use does."""
    ends = [published["expires"] for published in plan.outputs.values() if "expires" in published]
    ends += [end for _, end in unconfirmed_old_keys(plan)]
    return any(end - now <= within for end in ends) or any(True for _ in unusable_credentials(plan))


def unconfirmed_old_keys(plan: Plan) -> Iterator[tuple[Address, datetime]]:
    """Older keys that nobody has seen or said to be out of use, and when they expire."""
    return ((step.address, datetime.fromisoformat(step.waits_on[0])) for step in plan.steps if step.unconfirmed)


def next_rotation_lines(plan: Plan) -> Iterator[Line]:
    """When each credential is due next."""
    for address, published in plan.outputs.items():
        if "due" in published:
            yield Line(f"{address}: next rotation {published['due']:%Y-%m-%d %H:%M} UTC", "dim")


def due_lines(plan: Plan, now: datetime) -> Iterator[Line]:
    """Credentials that are due, after a run that starts no rotation."""
    for found in credentials(plan, now):
        if found["due"]:
            due = f"due since {found['next_rotation'][:10]}, run `provisioner rotate`"
            yield Line(f"{found['address']}: {due}", "yellow")


def status_json(plan: Plan, now: datetime, around: Surroundings) -> dict[str, Any]:
    """The document of `status --json`."""
    resources = [
        {
            "address": str(step.address),
            "exists": step.observed is not None,
            "there": step.observed is not None,  # the former name
            "as_declared": step.action is Action.KEEP,
        }
        for step in plan.steps
    ]
    return {
        "environment": plan.environment,
        "resources": resources,
        "drift": plan.pending,
        "credentials": list(credentials(plan, now)),
        "notes": list(around.notes),
        **({"jobs": [asdict(job) for job in around.jobs]} if around.jobs else {}),
        **platform_json(plan),
    }


def status_lines(plan: Plan, now: datetime, around: Surroundings) -> Iterator[Line]:
    """The same for people."""
    for step in plan.steps:
        if step.observed is not None and step.action is Action.KEEP:
            yield Line(f"  {step.address}", "dim")
    yield from plan_lines(plan)
    for found in credentials(plan, now):
        style = "red" if found["days_left"] < 0 else ""
        age, left = found["age_days"], found["days_left"]
        due = "due now, run `provisioner rotate`" if found["due"] else f"next rotation {found['next_rotation'][:10]}"
        summary = f"key {found['key_id']}, {age} days old, expires in {left} days, {due}"
        yield Line(f"{found['address']}: {summary}", style)
        for one in found["holders"]:
            if one["rolled_out"] != one["stored"]:
                yield Line(f"{found['address']}: {_holder_line(one)}", "dim")
        for one in found["retiring"]:
            until = f"works until {one['until'][:16]} UTC" if one["until"] else "is removed by the next run"
            yield Line(f"{found['address']}: key {one['key_id']} was replaced, {until}", "dim")
        for key_id in found["unmanaged_key_ids"]:
            yield Line(f"{found['address']}: key {key_id} belongs to somebody else and is never changed", "dim")
    for step in unusable_credentials(plan):
        yield Line(f"{step.address}: {step.reason}, run `provisioner rotate`", "red")
    yield from map(_job_line, around.jobs)
    yield from (Line(f"note: {note}", "dim") for note in around.notes if note not in around.choices)


def _job_line(job: JobState) -> Line:
    deployed = "deployed" if job.deployed else "not deployed as declared"
    running = ", ".join(f"{one.name} ({one.id}) is {one.status}" for one in job.running) or "nothing of it runs"
    runs = f"not known what runs: {job.unknown}" if job.unknown else running
    saved = f"; last savepoint {job.savepoint_at[:16]} UTC in {job.savepoint}" if job.savepoint else ""
    return Line(f"job {job.name}: {deployed}, {runs}{saved}")
