"""A plan as a comment on a pull request."""

from __future__ import annotations

import re

from provisioner.engine.markdown import LONGEST, MOST_DRAWN, plan_markdown
from provisioner.model import Action, Change, Origin, Plan, Platform, Step
from tests.engine.toys import at

BOX = Step(
    address=at("box/b"),
    action=Action.CREATE,
    reason="it does not exist",
    changes=(Change(field="owner", after="9f"),),
    origin=Origin.FILE,
)
EDITED = Step(
    address=at("note/n"),
    action=Action.UPDATE,
    reason="edited by <b>|@somebody`",
    after=(BOX.address,),
    changes=(Change(field="text", before="a", after="b", diff="-```a```\n+b"),),
    origin=Origin.AZURE,
)
KEPT = Step(address=at("box/kept"), action=Action.KEEP)


def comment(*steps: Step) -> str:
    text = plan_markdown(Plan(environment="dev", steps=steps, digest="", names={"9f": "box/o (object id)"}))
    assert len(text) <= LONGEST
    assert text.count("<details>") == text.count("</details>")
    return text


def test_a_comment_says_what_only_a_platform_can_put_right() -> None:
    plan = Plan(environment="dev", steps=(KEPT,), digest="", platform=Platform(drift="workers run with a|b"))
    assert "\n**To deploy**: workers run with a&#124;b\n" in plan_markdown(plan)


def test_a_comment_says_what_changes_and_why_and_folds_the_rest() -> None:
    text = comment(BOX, EDITED, KEPT)

    assert text.startswith("<!-- provisioner plan dev -->\n### Plan of dev: 1 create, 1 update; 1 unchanged\n")
    azure, file = text.index("**Changed in Azure since the last provision**"), text.index("**Changed in the file**")
    assert azure < text.index("| ~ update | `note/n` | edited by &#60;b&#62;&#124;@\u200bsomebody&#96; |") < file
    assert "| + create | `box/b` | it does not exist |" in text
    assert "<summary>+ create <code>box/b</code></summary>\n\n```diff\nowner: box/o (object id)\n```" in text
    assert "````diff\ntext: a → b\n-```a```\n+b\n````" in text
    assert "box/kept" not in text


def test_a_drawing_shows_what_waits_for_what() -> None:
    text = comment(BOX, EDITED)

    (chart,) = re.findall(r"```mermaid\n(.*?)\n```", text, re.DOTALL)
    assert chart.splitlines() == [
        "flowchart LR",
        '  n0["+ box<br/>b"]:::create',
        '  n1["~ note<br/>n"]:::update',
        "  n0 --> n1",
        "  classDef create stroke:#2da44e,stroke-width:2px",
        "  classDef update stroke:#bf8700,stroke-width:2px",
    ]
    assert "mermaid" not in comment(BOX)


def many(count: int, width: int) -> list[Step]:
    changes = (Change(field="value", after="x" * width),)
    return [Step(address=at(f"box/{n}"), action=Action.CREATE, changes=changes) for n in range(count)]


def test_a_comment_keeps_within_what_a_pull_request_takes() -> None:
    assert "`provisioner plan dev` shows them" in comment(*many(40, 3000))
    large = comment(*many(2000, 10))
    assert re.search(r"\n\d+ more are left out\.\n", large)
    assert "mermaid" not in large
    assert "mermaid" in comment(*many(MOST_DRAWN, 1))
    assert "one: " not in comment(Step(address=at("box/b"), action=Action.DELETE))


def test_a_plan_with_nothing_to_do_is_one_line() -> None:
    assert comment(KEPT).splitlines()[1:] == ["### Plan of dev: no changes; 1 unchanged"]
