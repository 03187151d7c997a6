"""A plan as Markdown for a pull request's comment: what changes and why, details collapsed. Decides nothing.

A comment on GitHub or Azure DevOps has a limit, so what does not fit is left out and counted; secrets are hidden as in
the text. https://docs.github.com/en/get-started/writing-on-github
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioner.engine.report import SIGNS, by_origin, change_texts, summary, why
from provisioner.model import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioner.model import Plan, Step

LONGEST = 60_000  # characters; GitHub takes 65,536
TABLE = 30_000  # of them, at most, for the table
MOST_DRAWN, MOST_ARROWS = 80, 400  # what Mermaid draws on GitHub, and people can look through
COLOURS = {
    Action.CREATE: "#2da44e",
    Action.UPDATE: "#bf8700",
    Action.REPLACE: "#8250df",
    Action.ROTATE: "#0969da",
    Action.DELETE: "#cf222e",
    Action.DEFER: "#6e7781",
}


def plan_markdown(plan: Plan) -> str:
    """The comment; its first line tells it from other comments, so that it can be replaced."""
    shown = [step for step in plan.steps if step.action is not Action.KEEP]
    head = f"<!-- provisioner plan {plan.environment} -->\n### Plan of {_cell(summary(plan))}\n"
    deploy = f"\n**To deploy**: {_cell(plan.platform.drift)}\n" if plan.platform.drift else ""
    body = head + deploy + _table(shown) + _drawing(shown)
    more = (_details(step, plan.names) for step in shown)
    return body + _fitting([text for text in more if text], LONGEST - len(body), plan.environment)


def _table(steps: Sequence[Step]) -> str:
    """One table for each heading."""
    text, left = "", len(steps)
    for heading, group in by_origin(steps):
        text += f"\n{f'**{heading}**{chr(10)}{chr(10)}' if heading else ''}| | resource | why |\n| --- | --- | --- |\n"
        for step in group:
            row = f"| {SIGNS[step.action]} {step.action} | `{step.address}` | {_cell(why(step))} |\n"
            if len(text) + len(row) > TABLE:
                return f"{text}\n{left} more are left out.\n"
            text, left = text + row, left - 1
    return text


def _drawing(steps: Sequence[Step]) -> str:
    """What changes and what waits for what, as a flowchart; none where it would be too large, or of a single one."""
    ids = {step.address: f"n{number}" for number, step in enumerate(steps)}
    arrows = [f"  {ids[need]} --> {ids[step.address]}" for step in steps for need in step.after if need in ids]
    if not 1 < len(ids) <= MOST_DRAWN or len(arrows) > MOST_ARROWS:
        return ""
    lines = [
        f'  {ids[step.address]}["{SIGNS[step.action]} {_label(step.address.kind)}<br/>{_label(step.address.name)}"]'
        f":::{step.action}"
        for step in steps
    ]
    used = dict.fromkeys(step.action for step in steps)
    classes = [f"  classDef {action} stroke:{COLOURS[action]},stroke-width:2px" for action in used]
    chart = "\n".join(("flowchart LR", *lines, *arrows, *classes))
    return f"\n<details><summary>Drawing</summary>\n\n```mermaid\n{chart}\n```\n\n</details>\n"


def _details(step: Step, names: Mapping[str, str]) -> str:
    """Each field of a step, collapsed; empty if it has none."""
    texts = [*change_texts(step, names), *(line for one in step.changes for line in one.diff.splitlines())]
    if not texts:
        return ""
    content = "\n".join(texts)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    title = f"{SIGNS[step.action]} {step.action} <code>{_cell(str(step.address))}</code>"
    return f"\n<details><summary>{title}</summary>\n\n{fence}diff\n{content}\n{fence}\n\n</details>\n"


def _fitting(texts: Sequence[str], room: int, environment: str) -> str:
    """The texts, in their order, each that there is still room for.

    If not all have it, a last line says so, with the count of all.
    """
    if sum(map(len, texts)) <= room:
        return "".join(texts)
    end = f"\nThe fields of {len(texts)} are not all shown: `provisioner plan {environment}` shows them.\n"
    return "".join(_texts_that_fit(texts, room - len(end))) + end


def _texts_that_fit(texts: Iterable[str], room_chars: int) -> Iterator[str]:
    for text in texts:
        if len(text) <= room_chars:
            room_chars -= len(text)
            yield text


def _label(text: str) -> str:
    return text.replace("#", "#35;").replace('"', "#quot;")


def _cell(text: str) -> str:
    """Text that Markdown shows as it is, in one line; nobody is mentioned by it."""
    escaped = re.sub(r"[&<>|`*_\[\]]", lambda found: f"&#{ord(found[0])};", text)
    return " ".join(escaped.replace("@", "@\u200b").split())
