"""Texts of a run → the same texts without what is random or of this machine, so that two runs compare.

Random names get numbers by first appearance, and keep them through a whole scenario; times become days since its
begin. Names that every run has, of `expected/fixed.txt`, stay as they are: the tenant's ids, what follows from them,
hashes of what does not change.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLIENT_SECRET = re.compile(r"[\w~.-]{3}8Q~[\w~.-]{31,34}")
NAME = re.compile(
    r"(?P<guid>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"
    r"|(?<![0-9a-f])(?:(?P<sha256>[0-9a-f]{64})|(?P<hex>[0-9a-f]{32}|[0-9a-f]{16}))(?![0-9a-f])"
    rf"|(?P<secret>{CLIENT_SECRET.pattern})"
)
HASH = re.compile(r"\b[0-9a-f]{64}\b")
MOMENT = re.compile(r"\b(\d{4}-\d\d-\d\d)(?:([T ]\d\d):\d\d(:\d\d)?(\.\d+)?)?(?![\d-])")
EPOCH = re.compile(r"(?<![\w.\"-])([12]\d{9})(\.\d+)?\b(?!\.)")
CHANCE = (  # what says nothing but that it is there, and durations
    (re.compile(r'"0x[0-9A-F]{15,16}\\?"|0x[0-9A-F]{15,16}'), "<etag>"),
    (re.compile(r"\bin \d+\.\d s\b"), "in <n> s"),
    (re.compile(r'("seconds": )\d+(\.\d+)?'), r"\1<n>"),
    (re.compile(r"(?<=__)\d{8}T\d{6}(?=__)"), "<instant>"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:<port>"),
)


@dataclass(frozen=True, kw_only=True)
class Placeholders:
    """begin: when the scenario began, by the local Azure's clock. texts: what has a placeholder of its own.

    fixed: names that stay. numbers: placeholders of the names that were seen.
    """

    begin: datetime
    texts: Mapping[str, str]
    fixed: frozenset[str]
    numbers: dict[str, str] = field(default_factory=dict[str, str])

    def copy(self) -> Placeholders:
        """The same, for going on from here more than once."""
        return replace(self, numbers=dict(self.numbers))

    def text(self, text: str) -> str:
        """One text, its new names numbered in their order."""
        return self.lines([text])[0]

    def lines(self, texts: Iterable[str]) -> list[str]:
        """Texts in any order, sorted: which comes first does not depend on random names in them."""
        plain = [self._plain(text) for text in texts]
        while fresh := [text for text in plain if self._unnumbered(text)]:
            masked = {text: self._masked(text) for text in fresh}
            alike = Counter(masked.values())
            first = min(fresh, key=lambda text: (alike[masked[text]], masked[text]))
            for found in self._unnumbered(first):
                self._number(found)
        return sorted(self._masked(text) for text in plain)

    def _plain(self, text: str) -> str:
        """The text without everything but random names; hashes of client secrets say whose they are."""
        for written, shown in self.texts.items():
            text = text.replace(written, shown)
        for pattern, shown in CHANCE:
            text = pattern.sub(shown, text)
        return EPOCH.sub(self._epoch, MOMENT.sub(self._moment, text))

    def _moment(self, found: re.Match[str]) -> str:
        """A day as days since the begin, and the hour; what was long before is written somewhere, and stays."""
        day, hour, seconds, fraction = found.groups()
        days = (datetime.fromisoformat(day).date() - self.begin.date()).days
        if days < -1:
            return found[0]
        clock = f"{hour}:mm{':ss' if seconds else ''}{'.f' if fraction else ''}" if hour else ""
        return f"<day {days}>{clock}"

    def _epoch(self, found: re.Match[str]) -> str:
        moment = datetime.fromtimestamp(float(found[0]), UTC)
        return f"<epoch {self._moment_of(moment)}{' .f' if found[2] else ''}>"

    def _moment_of(self, moment: datetime) -> str:
        return f"day {(moment.date() - self.begin.date()).days} {moment.hour:02}h"

    def _unnumbered(self, text: str) -> list[re.Match[str]]:
        return [found for found in NAME.finditer(text) if found[0] not in self.fixed and found[0] not in self.numbers]

    def _number(self, found: re.Match[str]) -> None:
        """The next number of its sort."""
        sort = str(found.lastgroup)
        count = sum(shown.startswith(f"<{sort} ") for shown in self.numbers.values())
        self.numbers.setdefault(found[0], f"<{sort} {count + 1}>")

    def _masked(self, text: str) -> str:
        return NAME.sub(self._shown, text)

    def _shown(self, found: re.Match[str]) -> str:
        return found[0] if found[0] in self.fixed else self.numbers.get(found[0], f"<{found.lastgroup} ?>")


def with_secrets_for_hashes(texts: Iterable[str]) -> list[str]:
    """Where the hash of a client secret stands whose text is in one of the texts: whose hash it is."""
    whole = list(texts)
    secrets = {secret for text in whole for secret in CLIENT_SECRET.findall(text)}
    by_hash = {hashlib.sha256(secret.encode()).hexdigest(): f"sha256 of {secret}" for secret in secrets}
    return [HASH.sub(lambda found: by_hash.get(found[0], found[0]), text) for text in whole]


def names(text: str) -> set[str]:
    """What could be random in it."""
    return {found[0] for found in NAME.finditer(text)}
