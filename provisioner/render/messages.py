"""What a scheduled run found → the body that a webhook takes: for Teams, for Slack, or as JSON. Of bounded size."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 12  # findings; the rest is counted
LONGEST = 200  # characters of a finding. A section of Slack takes 3000, a message of Teams 28 KB


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line that somebody is to read."""

    kind: Literal["rotation-failed", "credential-expiring", "drift", "failed"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """What one run found in an environment."""

    environment: str
    verb: str
    exit_code: int
    findings: tuple[Finding, ...]

    @property
    def title(self) -> str:
        """What it is about."""
        return f"{self.environment}: {self.verb} ended with {self.exit_code}"

    @property
    def lines(self) -> list[str]:
        """The findings, shortened where they are too many or too long."""
        shown = [_one_short_line(finding.text) for finding in self.findings[:MOST]]
        more = len(self.findings) - len(shown)
        return [*shown, *([f"{more} more"] if more else [])]


def body(message: Message, form: str) -> bytes:
    """The body in one of the formats of `notify.format`."""
    return json.dumps(FORMATS[form](message), ensure_ascii=False).encode(errors="replace")


def _teams(message: Message) -> dict[str, Any]:
    """https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using ."""
    texts = [{"type": "TextBlock", "text": _escaped_for_teams(line), "wrap": True} for line in message.lines]
    title = {
        "type": "TextBlock",
        "text": _escaped_for_teams(message.title),
        "weight": "Bolder",
        "size": "Medium",
        "wrap": True,
    }
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, *texts],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _slack(message: Message) -> dict[str, Any]:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks ."""
    texts = [f"*{_escaped(message.title)}*", *(_escaped(line) for line in message.lines)]
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in texts]
    return {"text": _escaped(message.title), "blocks": blocks}


def _json(message: Message) -> dict[str, Any]:
    short = [{**asdict(finding), "text": _one_short_line(finding.text)} for finding in message.findings[:MOST]]
    return {"format": 1, **asdict(message), "findings": short, "more": len(message.findings) - len(short)}


def _one_short_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _escaped(text: str) -> str:
    """With Slack's control characters as entities: https://docs.slack.dev/messaging/formatting-message-text ."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped_for_teams(text: str) -> str:
    """With a backslash before each character that is Markdown in a card.

    https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features .
    """
    return text.translate({ord(mark): f"\\{mark}" for mark in "\\*_[]"})


FORMATS: dict[str, Callable[[Message], dict[str, Any]]] = {"json": _json, "slack": _slack, "teams": _teams}
