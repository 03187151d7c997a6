"""Plans and outcomes as text for people. Decides nothing, prints nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.kind import Verdict
from provisioner.model import Action, Address, Node, Origin, Outcome, Plan, Result, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

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

ORIGINS = {
    Origin.AZURE: "Changed in Azure since the last provision",
    Origin.FILE: "Changed in the file",
    None: "For another reason",
}

AGAIN = "run the command again, it goes on where it stopped"


@dataclass(frozen=True)
class Line:
    """A line for people; style is a colour or empty."""

    text: str
    style: str = ""


def plan_lines(plan: Plan) -> Iterator[Line]:
    """A plan for people: what changes, why, and the count; what changed in Azure apart from the rest."""
    shown = [s for s in plan.steps if s.action is not Action.KEEP or s.remains or (s.observed and s.observed.note)]
    for heading, steps in by_origin(shown):
        if heading:
            yield Line(f"{heading}:")
        for step in steps:
            yield from _step_lines(step, plan.names)
    if plan.platform.drift:
        yield Line(f"! deploy Airflow: {plan.platform.drift}", "yellow")
    if plan.platform.unknown:
        yield Line(f"? Airflow's platform: not known; {plan.platform.unknown}", "dim")
    yield Line(summary(plan))


def by_origin(steps: Iterable[Step]) -> Iterator[tuple[str, list[Step]]]:
    """The steps under headings; under none where nothing is known."""
    groups: dict[Origin | None, list[Step]] = {origin: [] for origin in ORIGINS}
    for step in steps:
        groups[step.origin].append(step)
    known = any(origin and found for origin, found in groups.items())
    for origin, found in groups.items():
        if found:
            yield ORIGINS[origin] if known else "", found


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
    return Line(f"  {outcome.result} {step.address}{note}", "dim")


def unread_lines(plan: Plan) -> Iterator[Line]:
    """Which resources could not be read, by what keeps them from it, each with the role that would read it."""
    unread, access = plan.unread, {str(step.address): step for step in plan.steps if step.access}
    yield Line(f"{plan.environment}: no change seen, but {len(unread)} resources could not be read")
    for waits_on in dict.fromkeys(step.waits_on for step in unread):
        steps = [str(step.address) for step in unread if step.waits_on == waits_on]
        roles = [f"{one.reading_role} on {one.scope}" for one in (access[w].desired for w in waits_on if w in access)]
        needed = " and ".join(dict.fromkeys(roles))
        yield Line(f"  {', '.join(steps)}: {needed or 'what they depend on'} would read it")


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
    counts["to deploy"] = int(bool(plan.platform.drift))
    fields = ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "no changes"
    return f"{plan.environment}: {fields}; {kept} unchanged"


def deferred_lines(outcomes: Iterable[Outcome]) -> Iterator[Line]:
    """What was deferred in the end, each reason once."""
    found: dict[str, list[Step]] = {}
    for outcome in outcomes:
        if outcome.result is Result.DEFERRED:
            found.setdefault(why(outcome.step), []).append(outcome.step)
    for reason, (first, *others) in found.items():
        more = f" and {len(others)} more" if others else ""
        yield Line(f"  {Result.DEFERRED} {first.address}{more}{f': {reason}' if reason else ''}", "dim")


def interrupted_before_start(outcome: Outcome) -> bool:
    """Whether a signal came before the step began."""
    return outcome.result is Result.INTERRUPTED and outcome.error is None


def outcomes_summary(environment: str, outcomes: Iterable[Outcome]) -> str:
    """What a run did, in one line; of one that was interrupted or failed also what was not begun and what to do."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        word = f"{outcome.step.action}d" if outcome.result is Result.DONE else outcome.result.value
        word = "not begun" if interrupted_before_start(outcome) else word
        word = "released" if outcome.step.released and word == "deleted" else word
        counts[word] = counts.get(word, 0) + 1
    text = f"{environment}: {', '.join(f'{n} {word}' for word, n in counts.items()) or 'nothing to do'}"
    if counts.keys() & {"not begun", Result.INTERRUPTED.value}:
        return f"{text}; interrupted: {AGAIN}"
    return f"{text}; {AGAIN}" if counts.keys() & {Result.FAILED.value, Result.BLOCKED.value} else text


def findings_lines(environment: str, findings: Iterable[Checked]) -> Iterator[Line]:
    """What `doctor` found, what stops a provision last, and the count."""
    counts = dict.fromkeys(VERDICTS, 0)
    for one in sorted(findings, key=lambda found: list(VERDICTS).index(found.verdict)):
        counts[one.verdict] += 1
        sign, style = VERDICTS[one.verdict]
        about = f"{one.about}: " if one.about else ""
        remedy = f". {one.remedy}" if one.remedy else ""
        yield Line(f"{sign} {about}{one.what}{remedy}", style)
    fields = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    outcome = "a provision would be stopped" if counts[Verdict.STOPS] else "ready"
    yield Line(f"{environment}: {outcome}; {fields}", "red" if counts[Verdict.STOPS] else "green")


def dependency_flowchart(recipe: Recipe) -> str:
    """The resources and what each needs, as a Mermaid flowchart."""
    ids = {node.address: f"n{number}" for number, node in enumerate(recipe.nodes)}
    lines = [f'  {ids[node.address]}["{_label(node.address)}"]' for node in recipe.nodes]
    return "\n".join(("flowchart LR", *lines, *_arrows(recipe.nodes, ids))) + "\n"


def _arrows(nodes: Iterable[Node], ids: dict[Address, str]) -> Iterator[str]:
    for node in nodes:
        for need in node.all_needs:
            yield f"  {ids[need]} --> {ids[node.address]}"


def _label(address: Address) -> str:
    return f"{address.kind}<br/>{address.name}".replace('"', "#quot;")


def _step_lines(step: Step, names: Mapping[str, str]) -> Iterator[Line]:
    reason = step.remains or why(step)
    head = f"{SIGNS[step.action]} {step.action} {step.address}"
    yield Line(f"{head}: {reason}" if reason else head, STYLES[step.action])
    for text in change_texts(step, names):
        yield Line(f"      {text}", "dim")
    for change in step.changes:
        for text in change.diff.splitlines():
            yield Line(f"      {text}", "green" if text.startswith("+") else "red" if text.startswith("-") else "dim")


def change_texts(step: Step, names: Mapping[str, str]) -> Iterator[str]:
    """Each field that changes, with names in place of ids. An id that has a name is the whole value."""
    for change in step.changes:
        before, after = ("(none)" if text is None else names.get(text, text) for text in (change.before, change.after))
        yield f"{change.field}: {after}" if step.action is Action.CREATE else f"{change.field}: {before} → {after}"


def why(step: Step) -> str:
    """The reason and, where a date is waited for, the date."""
    if step.dated:
        return f"{step.reason}, until {step.waits_on[0][:16].replace('T', ' ')} UTC"
    gone = step.action is Action.CREATE and step.origin is Origin.AZURE
    reason = step.reason.replace("it does not exist", "it was deleted") if gone else step.reason
    return reason or ("it differs from the file" if step.action is Action.UPDATE else "")
