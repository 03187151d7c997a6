"""Texts of a run → the same texts without what is random or of this machine, so that two runs compare.

Random names (GUIDs, versions, hashes, secrets) get numbers by first appearance, and keep them through a whole
scenario; times become days since its begin. Names that are the same in every run, those of `expected/fixed.txt`, stay:
the tenant's ids, what follows from them, hashes of what does not change.
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
CHANCE = (  # etags, durations, ports, times in names of DAG runs
    (re.compile(r'"0x[0-9A-F]{15,16}\\?"|0x[0-9A-F]{15,16}'), "<etag>"),
    (re.compile(r"\bin \d+\.\d s\b"), "in <n> s"),
    (re.compile(r'("seconds": )\d+(\.\d+)?'), r"\1<n>"),
    (re.compile(r"(?<=__)\d{8}T\d{6}(?=__)"), "<instant>"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:<port>"),
)


@dataclass(frozen=True, kw_only=True)
class Placeholders:
    """begin: when the scenario began, by the local Azure's clock. texts: placeholders of fixed texts.

    fixed: names that stay. numbers: the placeholders of random names so far.
    """

    begin: datetime
    texts: Mapping[str, str]
    fixed: frozenset[str]
    numbers: dict[str, str] = field(default_factory=dict[str, str])

    def copy(self) -> Placeholders:
        """The same numbers, for a run that starts from the same state."""
        return replace(self, numbers=dict(self.numbers))

    def lines(self, texts: Iterable[str]) -> list[str]:
        """Texts in any order, sorted.

        New names are numbered text by text, first those of a text that differs from all others without its new names:
        so numbers do not depend on how random names sort.
        """
        plain = [self._plain(text) for text in texts]
        while unnumbered := [text for text in plain if self._new_names(text)]:
            masked = {text: self._masked(text) for text in unnumbered}
            alike = Counter(masked.values())
            first = min(unnumbered, key=lambda text: (alike[masked[text]], masked[text]))
            for name in self._new_names(first):
                self._number(name)
        return sorted(self._masked(text) for text in plain)

    def _plain(self, text: str) -> str:
        """The text with all placeholders but those of random names."""
        for fixed, placeholder in self.texts.items():
            text = text.replace(fixed, placeholder)
        for pattern, placeholder in CHANCE:
            text = pattern.sub(placeholder, text)
        return EPOCH.sub(self._epoch, MOMENT.sub(self._moment, text))

    def _moment(self, match: re.Match[str]) -> str:
        """Days since the begin, and the hour. A day long before it is no time of this run, and stays."""
        day, hour, seconds, fraction = match.groups()
        days = (datetime.fromisoformat(day).date() - self.begin.date()).days
        if days < -1:
            return match[0]
        clock = f"{hour}:mm{':ss' if seconds else ''}{'.f' if fraction else ''}" if hour else ""
        return f"<day {days}>{clock}"

    def _epoch(self, match: re.Match[str]) -> str:
        """The same for seconds since the epoch."""
        moment = datetime.fromtimestamp(float(match[0]), UTC)
        days = (moment.date() - self.begin.date()).days
        return f"<epoch day {days} {moment.hour:02}h{' .f' if match[2] else ''}>"

    def _new_names(self, text: str) -> list[re.Match[str]]:
        return [name for name in NAME.finditer(text) if name[0] not in self.fixed and name[0] not in self.numbers]

    def _number(self, name: re.Match[str]) -> None:
        """The next number of its sort."""
        sort = str(name.lastgroup)
        count = sum(shown.startswith(f"<{sort} ") for shown in self.numbers.values())
        self.numbers.setdefault(name[0], f"<{sort} {count + 1}>")

    def _masked(self, text: str) -> str:
        return NAME.sub(self._shown, text)

    def _shown(self, match: re.Match[str]) -> str:
        return match[0] if match[0] in self.fixed else self.numbers.get(match[0], f"<{match.lastgroup} ?>")


def with_secrets_for_hashes(texts: Iterable[str]) -> list[str]:
    """The texts, each SHA-256 of a client secret that is in one of them replaced by `sha256 of SECRET`."""
    whole = list(texts)
    secrets = {secret for text in whole for secret in CLIENT_SECRET.findall(text)}
    by_hash = {hashlib.sha256(secret.encode()).hexdigest(): f"sha256 of {secret}" for secret in secrets}
    return [HASH.sub(lambda match: by_hash.get(match[0], match[0]), text) for text in whole]
