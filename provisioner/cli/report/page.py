"""The report as one page: it asks nobody for anything, is light and dark, and can be printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cli.report.drawings import graph, timeline
from provisioner.cli.report.elements import Element, as_html, element, link, table
from provisioner.engine.report import by_origin, change_texts, summary, why
from provisioner.model import Action, Address, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from provisioner.cli.report.runs import LastRun
    from provisioner.model import Plan, Recipe
    from provisioner.verify.jobs import JobState

LEGEND = "Green: as declared. Amber, thick: to be changed. Red, dashed: absent. Grey: not known."
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #fff; --quiet: #656d76; --line: #d0d7de; --tint: #f6f8fa;
  --kept: #1a7f37; --changed: #9a6700; --absent: #cf222e; --link: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --quiet: #8d96a0; --line: #30363d;
  --tint: #161b22; --kept: #3fb950; --changed: #d29922; --absent: #f85149; --link: #58a6ff; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1240px;
  margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.25; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
a { color: var(--link); } .quiet, .kind { color: var(--quiet); fill: var(--quiet); } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .3rem .7rem;
  border-bottom: 1px solid var(--line); } th { background: var(--tint); }
td { overflow-wrap: anywhere; } td:has(> time) { white-space: nowrap; }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { background: var(--tint); padding: .7rem;
  overflow-x: auto; }
svg { width: 100%; height: auto; display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg text.kind { font-size: 10.5px; fill: var(--quiet); } svg text.name { font-weight: 600; }
rect { fill: var(--tint); stroke: var(--line); stroke-width: 1.5; } rect.kept { stroke: var(--kept); }
rect.changed { stroke: var(--changed); stroke-width: 2.5; }
rect.absent { stroke: var(--absent); stroke-width: 2.5; stroke-dasharray: 6 4; }
.arrow { fill: none; stroke: var(--line); stroke-width: 1.5; } .mark { stroke: var(--link); stroke-width: 2; }
.now { stroke: var(--absent); stroke-dasharray: 3 3; } .bad { color: var(--absent); } .good { color: var(--kept); }
@media print { :root { color-scheme: light; } body { max-width: none; margin: 0; } .graph { min-width: 0 !important; }
  h2, tr, svg { break-inside: avoid; } a { color: inherit; } }
"""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Who may do what. enough: a narrower role that would do; empty if none is known."""

    principal: str
    role: str
    scope: str
    state: str
    enough: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the page is about. place: the environment's, by name; links: title → address."""

    plan: Plan
    recipe: Recipe
    now: datetime
    place: dict[str, str]
    grants: tuple[Grant, ...]
    credentials: tuple[dict[str, Any], ...]
    jobs: tuple[JobState, ...]
    runs: tuple[LastRun, ...]
    links: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def report_page(facts: Facts) -> str:
    """The document."""
    name = facts.plan.environment
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width"),
        element("title", f"{name}: report of provisioner"),
        element("style", STYLE),
    )
    return as_html(element("html", head, element("body", element("main", *_sections(facts))), lang="en"))


def _sections(facts: Facts) -> Iterator[Element]:
    yield element("h1", facts.plan.environment)
    place = ", ".join(f"{name} {value}" for name, value in facts.place.items() if value)
    yield element("p", f"{place}. As of {facts.now:%Y-%m-%d %H:%M} UTC.", class_="quiet")
    word, style = ("differs from its file", "bad") if facts.plan.pending else ("is as its file says", "good")
    yield element("p", element("strong", f"It {word}", class_=style), f": {summary(facts.plan)}.")
    yield element("h2", "Resources")
    states = {step.address: _resource_state(step) for step in facts.plan.steps}
    yield element("div", graph(facts.recipe.nodes, states), class_="wide")
    yield element("p", LEGEND, class_="quiet")
    yield element("h2", "Who may do what")
    rows = ((one.principal, one.role, _scope(one.scope), one.state, _narrower_role_cell(one)) for one in facts.grants)
    headings = ("principal", "role", "on", "state", "broader than needed")
    yield table(headings, rows, "Nobody has a role by this environment.")
    yield from _credentials(facts)
    yield element("h2", "Drift")
    yield from _drift(facts.plan)
    yield element("h2", "Jobs")
    yield table(("job", "DAG", "deployed", "running"), map(_job, facts.jobs), "It declares no job.")
    yield element("h2", "Last runs")
    runs = ((run.began[:16].replace("T", " "), run.verb, run.by, _results(run)) for run in facts.runs)
    yield table(("began", "command", "by", "steps"), runs, "This machine has a journal of none.")
    yield element("h2", "Links")
    yield element("ul", *(element("li", link(text, address)) for text, address in facts.links))
    if facts.notes:
        yield element("h2", "Notes")
        yield element("ul", *(element("li", note) for note in facts.notes))


def _credentials(facts: Facts) -> Iterator[Element]:
    yield element("h2", "Credentials")
    drawing = timeline(facts.credentials, facts.now)
    if drawing is not None:
        yield drawing
    rows = (
        (
            one["address"].partition("/")[2],
            element("time", one["since"][:10]),
            "; ".join(f"{holder['address']}: {_in_use(holder)}" for holder in one["holders"]),
            "; ".join(f"until {old['until'][:16]}" if old["until"] else "ends" for old in one["retiring"]) or "none",
            element("time", one["next_rotation"][:10]),
            element("time", f"{one['expires'][:10]}, in {one['days_left']} days"),
        )
        for one in facts.credentials
    )
    headings = ("principal", "made", "in use since", "overlap with the key before", "next rotation", "expires")
    yield table(headings, rows, "No principal has a client secret.")


def _in_use(holder: dict[str, Any]) -> str:
    return holder["in_use"][:16] if holder["in_use"] else f"not known: {holder['unknown_reason']}"


def _resource_state(step: Step) -> str:
    if step.action is Action.KEEP:
        return "kept" if step.observed is not None else "absent"
    if step.action is Action.DEFER:
        return "unknown"
    return "absent" if step.observed is None else "changed"


def _scope(scope: str) -> Element:
    return element("span", "/".join(scope.split("/")[-2:]), title=scope)


def _narrower_role_cell(grant: Grant) -> Element | str:
    return element("span", f"yes: {grant.enough} is enough", class_="bad") if grant.enough else "no"


def _drift(plan: Plan) -> Iterator[Element]:
    pending = [step for step in plan.steps if step.pending and not step.access]
    if plan.platform.drift:
        yield element("p", f"To deploy: {plan.platform.drift}.")
    if plan.platform.unknown:
        yield element("p", f"Airflow's platform: not known; {plan.platform.unknown}.", class_="quiet")
    if not (pending or plan.platform.drift):
        yield element("p", "None.", class_="quiet")
    for heading, steps in by_origin(pending):
        if heading:
            yield element("h3", heading)
        for step in steps:
            texts = [*change_texts(step, plan.names), *(change.diff for change in step.changes if change.diff)]
            reason = why(step)
            title = element("summary", f"{step.action} ", element("code", str(step.address)), f": {reason}")
            yield element("details", title, element("pre", "\n".join(texts)))


def _job(job: JobState) -> tuple[str, str, str, str]:
    running = ", ".join(f"{one.name} ({one.id}) is {one.status}" for one in job.running) or "nothing"
    return job.name, job.dag, "yes" if job.deployed else "no", f"not known: {job.unknown}" if job.unknown else running


def _results(run: LastRun) -> str:
    return ", ".join(f"{count} {result}" for result, count in sorted(run.results.items())) or "begun, and not ended"


def role_grants(plan: Plan, recipe: Recipe, enough: dict[Address, str]) -> Iterator[Grant]:
    """Each role that the environment gives, also to whoever runs the tool. enough: where a narrower one would do."""
    steps = {step.address: step for step in plan.steps}
    for node in recipe.nodes:
        desired = node.desired
        if hasattr(desired, "role") and hasattr(desired, "scope"):
            step = steps.get(node.address)
            yield Grant(
                principal=getattr(desired, "label", "whoever runs this tool"),
                role=desired.role,
                scope=desired.scope,
                state="not known"
                if step is None
                else {"kept": "granted"}.get(_resource_state(step), _resource_state(step)),
                enough=enough.get(node.address, ""),
            )
