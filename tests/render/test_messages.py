"""What a webhook gets: the formats of Teams and Slack as their documentation has them, and never too much."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provisioner.render.messages import FORMATS, Finding, Message, body

DRIFT = Finding(kind="drift", text="update key_vault/kv: sku *changed* <from> a & b")


def message(*findings: Finding) -> Message:
    return Message(environment="dev", verb="plan", exit_code=2, findings=findings)


def made(form: str, *findings: Finding) -> Any:
    return json.loads(body(message(*findings), form))


def test_json_has_every_field() -> None:
    assert made("json", DRIFT) == {
        "format": 1,
        "environment": "dev",
        "verb": "plan",
        "exit_code": 2,
        "findings": [{"kind": "drift", "text": DRIFT.text}],
        "more": 0,
    }


def test_teams_gets_a_message_with_an_adaptive_card() -> None:
    found = made("teams", DRIFT)

    (attachment,) = found["attachments"]
    assert (found["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [one["text"] for one in card["body"]] == [
        "dev: plan ended with 2",
        r"update key\_vault/kv: sku \*changed\* <from> a & b",
    ]


def test_slack_gets_a_text_and_blocks_in_which_nothing_is_markup() -> None:
    found = made("slack", DRIFT)

    assert found["text"] == "dev: plan ended with 2"
    texts = [block["text"]["text"] for block in found["blocks"]]
    assert texts == ["*dev: plan ended with 2*", "update key_vault/kv: sku *changed* &lt;from&gt; a &amp; b"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_message_is_never_too_long(form: str) -> None:
    many = [Finding(kind="drift", text="\N{GRINNING FACE}&\n" * 5000) for _ in range(500)]

    found = body(message(*many), form)

    assert len(found) < 28_000
    assert "488" in found.decode()
    if form == "slack":
        blocks = json.loads(found)["blocks"]
        assert (len(blocks), max(len(block["text"]["text"]) for block in blocks) <= 3000) == (14, True)
