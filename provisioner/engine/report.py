"""Plans and outcomes as JSON and as text for people. Decides nothing, prints nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.kind import Verdict
from provisioner.model import Action, Address, Change, Node, Outcome, Plan, Result, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioner.kind import Checked
    from provisioner.model import Recipe

SIGNS = {
    Action.KEEP: " ",
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.ROTATE: "↻",
    Action.DELETE: "-",
    Action.DEFER: "?",
}
STYLES = {
    Action.KEEP: "",
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.ROTATE: "cyan",
    Action.DELETE: "red",
    Action.DEFER: "dim",
}

VERDICTS = {
    Verdict.HOLDS: ("✓", "dim"),
    Verdict.UNKNOWN: ("?", "dim"),
    Verdict.NOTE: ("note:", "yellow"),
    Verdict.STOPS: ("✗", "red"),
}


@dataclass(frozen=True)
class Line:
    """A line for people; style is a colour or empty."""

    text: str
    style: str = ""


def plan_json(plan: Plan) -> dict[str, Any]:
    """The document of `--json`."""
    return {
        "environment": plan.environment,
        "steps": [_step_json(step) for step in plan.steps],
        "summary": plan.summary(),
        "digest": plan.digest,
    }


def outcomes_json(plan: Plan, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """The same, each step with what became of it."""
    steps = [
        {
            **_step_json(outcome.step),
            "outcome": outcome.result.value,
            "error": str(outcome.error) if outcome.error else None,
            "seconds": round(outcome.seconds, 3),
            **({"note": outcome.note} if outcome.note else {}),
        }
        for outcome in outcomes
    ]
    return {**plan_json(plan), "steps": steps}


def plan_lines(plan: Plan) -> Iterator[Line]:
    """A plan for people: what changes, why, and the count."""
    for step in plan.steps:
        if step.action is not Action.KEEP or step.remains:
            yield from _step_lines(step)
    yield Line(summary(plan))


def outcome_line(outcome: Outcome) -> Line:
    """One line when a step has ended."""
    step = outcome.step
    if outcome.error is not None:
        text = str(outcome.error)
        named = text if text.startswith(str(step.address)) else f"{step.address}: {text}"
        return Line(f"! {outcome.result} {named}", "red")
    note = f" ({outcome.note})" if outcome.note else ""
    if outcome.result is Result.DONE:
        verb = f"{step.action}d"
        return Line(f"{SIGNS[step.action]} {verb} {step.address} in {outcome.seconds:.1f} s{note}", STYLES[step.action])
    reason = f": {_why(step)}" if step.reason and outcome.result is Result.DEFERRED else note
    return Line(f"  {outcome.result} {step.address}{reason}", "dim")


def remaining_lines(outcomes: Iterable[Outcome]) -> Iterator[Line]:
    """What a teardown leaves and what to do about it."""
    for outcome in outcomes:
        if outcome.step.remains:
            yield Line(f"remains {outcome.step.address}: {outcome.step.remains}", "yellow")


def summary(plan: Plan) -> str:
    """The count in one line."""
    dated = sum(step.dated for step in plan.steps)
    counts = {name: n for name, n in plan.summary().items() if n and name != Action.KEEP.value}
    kept = plan.summary()[Action.KEEP.value]
    if dated:
        counts[Action.DEFER.value] -= dated
        counts["waiting for a date"] = dated
    told = ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "no changes"
    return f"{plan.environment}: {told}; {kept} as they should be"


def outcomes_summary(environment: str, outcomes: Iterable[Outcome]) -> str:
    """What a run did, in one line."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        word = f"{outcome.step.action}d" if outcome.result is Result.DONE else outcome.result.value
        counts[word] = counts.get(word, 0) + 1
    return f"{environment}: {', '.join(f'{n} {word}' for word, n in counts.items()) or 'nothing to do'}"


def findings_json(environment: str, findings: Iterable[Checked]) -> dict[str, Any]:
    """The document of `doctor --json`: ready says that nothing found would stop a provision."""
    told = [
        {"verdict": one.verdict.value, "about": one.about, "what": one.what, "remedy": one.remedy} for one in findings
    ]
    ready = all(one["verdict"] != Verdict.STOPS.value for one in told)
    return {"environment": environment, "ready": ready, "findings": told}


def findings_lines(environment: str, findings: Iterable[Checked]) -> Iterator[Line]:
    """The same for people, what stops a provision last, and the count."""
    counts = dict.fromkeys(VERDICTS, 0)
    for one in sorted(findings, key=lambda found: list(VERDICTS).index(found.verdict)):
        counts[one.verdict] += 1
        sign, style = VERDICTS[one.verdict]
        about = f"{one.about}: " if one.about else ""
        remedy = f". {one.remedy}" if one.remedy else ""
        yield Line(f"{sign} {about}{one.what}{remedy}", style)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    outcome = "a provision would be stopped" if counts[Verdict.STOPS] else "ready"
    yield Line(f"{environment}: {outcome}; {told}", "red" if counts[Verdict.STOPS] else "green")


def mermaid(recipe: Recipe) -> str:
    """The resources and what each needs, as a Mermaid flowchart."""
    ids = {node.address: f"n{number}" for number, node in enumerate(recipe.nodes)}
    lines = [f'  {ids[node.address]}["{_label(node.address)}"]' for node in recipe.nodes]
    return "\n".join(("flowchart LR", *lines, *_arrows(recipe.nodes, ids))) + "\n"


def _arrows(nodes: Iterable[Node], ids: dict[Address, str]) -> Iterator[str]:
    for node in nodes:
        for need in node.all_needs():
            yield f"  {ids[need]} --> {ids[node.address]}"


def _label(address: Address) -> str:
    return f"{address.kind}<br/>{address.name}".replace('"', "#quot;")


def _step_json(step: Step) -> dict[str, Any]:
    """What every step has, and what only some have: why it is left (remains), whether it lets the caller in."""
    told = {"remains": step.remains, "access": step.access, "reason": "" if step.changes else step.reason}
    return {
        "address": str(step.address),
        "action": step.action.value,
        "changes": [_change_json(change) for change in step.changes],
        "waits_on": list(step.waits_on),
        **{name: value for name, value in told.items() if value},
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {"field": change.field, "before": change.before, "after": change.after, "reason": change.reason}


def _step_lines(step: Step) -> Iterator[Line]:
    why = step.remains or _why(step)
    yield Line(f"{SIGNS[step.action]} {step.action} {step.address}{f': {why}' if why else ''}", STYLES[step.action])
    for change in step.changes:
        if step.action is Action.CREATE:
            yield Line(f"      {change.field}: {_short(change.after)}", "dim")
        else:
            yield Line(f"      {change.field}: {_short(change.before)} → {_short(change.after)}", "dim")


def _why(step: Step) -> str:
    """The reason and, where a date is waited for, the date."""
    return f"{step.reason}, until {step.waits_on[0][:16].replace('T', ' ')} UTC" if step.dated else step.reason


def _short(value: str | None) -> str:
    text = "(none)" if value is None else value
    return text if len(text) <= 120 else f"{text[:117]}…"
