"""Plans, outcomes, findings and errors as the documents of `--json`. Decides nothing, prints nothing.

`provisioner.cli.documents` has their types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from provisioner.errors import Problem
from provisioner.kind import Verdict
from provisioner.model import KNOWN_AFTER_APPLY, Change, Outcome, Plan, Ref, Step
from provisioner.model.durations import iso_duration
from provisioner.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from provisioner.kind import Checked

SIMPLE = (str, int, float, type(None))  # and bool, which is an int


def plan_json(plan: Plan) -> dict[str, Any]:
    """The document of a plan."""
    return {
        "environment": plan.environment,
        "steps": [_step_json(step) for step in plan.steps],
        "summary": plan.summary(),
        "digest": plan.digest,
        **platform_json(plan),
    }


def platform_json(plan: Plan) -> dict[str, Any]:
    """Of an Airflow whose platform differs, or of which that cannot be known."""
    found = {name: text for name, text in asdict(plan.platform).items() if text}
    return {"platform": found} if found else {}


def outcomes_json(plan: Plan, outcomes: Iterable[Outcome], error: Exception | None = None) -> dict[str, Any]:
    """The document of a plan, each step with what became of it. error: what ended the run outside of any step."""
    steps = [
        {
            **_step_json(outcome.step),
            "outcome": outcome.result.value,
            "error": str(outcome.error) if outcome.error else None,
            "seconds": round(outcome.seconds, 3),
            **({"failure": error_json(outcome.error)} if outcome.error else {}),
            **({"note": outcome.note} if outcome.note else {}),
        }
        for outcome in outcomes
    ]
    return {**plan_json(plan), "steps": steps, "error": error_json(error) if error else None}


def findings_json(environment: str, findings: Iterable[Checked]) -> dict[str, Any]:
    """The document of `doctor`: ready says that nothing found would stop a provision."""
    listed = [
        {"verdict": one.verdict.value, "about": one.about, "what": one.what, "remedy": one.remedy} for one in findings
    ]
    ready = all(one["verdict"] != Verdict.STOPS.value for one in listed)
    return {"environment": environment, "ready": ready, "findings": listed}


def error_json(error: BaseException) -> dict[str, Any]:
    """An error: its type, its sentence, its fields; errors: those that it consists of."""
    found = {item.name: getattr(error, item.name) for item in fields(error)} if is_dataclass(error) else {}
    parts: tuple[Exception, ...] = found.pop("errors", ())
    found.pop("cause", None)  # a defect's own, whose text may contain anything
    return {
        "type": type(error).__name__,
        "message": str(error),
        "details": {name: json_value(value) for name, value in found.items() if value not in (None, "", ())},
        "errors": [error_json(one) for one in parts],
    }


def json_value(value: object) -> Any:
    """A value as JSON has it: dates and durations by ISO 8601, what nobody knows or may see by its name."""
    if isinstance(value, timedelta):
        return iso_duration(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Problem):
        return asdict(value)
    if isinstance(value, Mapping):
        return {str(name): json_value(inner) for name, inner in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [json_value(inner) for inner in cast("Iterable[Any]", value)]
    return value if isinstance(value, SIMPLE) else str(value)


def _step_json(step: Step) -> dict[str, Any]:
    """What every step has, and what only some have: why (reason, remains), whether it lets the caller in (access)."""
    origin = step.origin.value if step.origin else ""
    more = {"reason": step.reason, "remains": step.remains, "access": step.access, "origin": origin}
    return {
        "address": str(step.address),
        "action": step.action.value,
        "changes": [_change_json(change) for change in step.changes],
        "waits_on": list(step.waits_on),
        **{name: value for name, value in more.items() if value},
    }


def _change_json(change: Change) -> dict[str, Any]:
    texts = {change.before, change.after}
    more = {
        "known_after_apply": KNOWN_AFTER_APPLY in texts,
        "secret": HIDDEN in texts,
        "diff": change.diff,
    }
    return {
        "field": change.field,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
        "old": _typed(change.old, change.before),
        "new": _typed(change.new, change.after),
        **{name: value for name, value in more.items() if value},
    }


def _typed(value: object, text: str | None) -> Any:
    """The value itself; null where it is not known or secret, the text where there is only that."""
    if isinstance(value, (Ref, Secret)) or text in (None, HIDDEN, KNOWN_AFTER_APPLY):
        return None
    return text if value is None else json_value(value)
