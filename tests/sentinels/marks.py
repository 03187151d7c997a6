"""What a secret looks like in tests, in every form that a leak may have; finds it in bytes. Knows no pytest."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import yaml

from localazure.app.secret_marker import SECRET_MARKER
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

WRITTEN = "sentinel-"  # begins every secret value that a test writes into a spec
SHORTEST = 8  # a shorter text stands anywhere by chance
# No secrets: ids of clients, tenants and keys, instants, how Airflow is told to read the vault, what hides a value.
PUBLIC = re.compile(
    r"( ?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})+"
    r"|\*+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"
    r'|airflow\.providers\..*|\{"connections_prefix": .*'
)
# Of secrets that some program makes while tests run; none of them stands in a source.
ISSUED = {
    "a secret that the local Azure issued": SECRET_MARKER,
    "an access token": base64.urlsafe_b64encode(b'{"alg":"RS256","kid":').decode(),
    "a private key": "PRIVATE KEY-----",
}


@cache
def _fixed() -> dict[str, str]:
    """Those, what tests write, and what stands in environments/local.yaml, which most tests run."""
    spec = yaml.safe_load((Path(__file__).parents[2] / "environments/local.yaml").read_text())
    texts = {**spec["variables"], **spec["connections"]}
    return {**ISSUED, "a secret that a test wrote": WRITTEN, **{f"local.yaml's {name}": texts[name] for name in texts}}


@cache
def forms(text: str) -> tuple[bytes, ...]:
    """As it is, escaped as in JSON, Python, URLs, hex, and in base64 wherever it begins there."""
    raw = text.encode("utf-8", "surrogatepass")
    told = (json.dumps(text)[1:-1], ascii(text)[1:-1], quote(raw, safe=""), raw.hex(), raw.hex().upper())
    coded = [_base64(raw, before) for before in range(3)]
    urlsafe = [each.translate(bytes.maketrans(b"+/", b"-_")) for each in coded]
    return tuple(dict.fromkeys((raw, *(each.encode() for each in told), *coded, *urlsafe)))


def _base64(raw: bytes, before: int) -> bytes:
    """What is the same of it whatever stands around, after so many bytes."""
    coded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
    end = len(coded) if (before + len(raw)) % 3 == 0 else len(coded) - 1
    return coded[(0, 2, 3)[before] : end]


@dataclass
class Known:
    """The secrets to look for: the fixed marks, and every text that became a Secret in this process since `forget`."""

    texts: set[str] = field(default_factory=set[str])

    def note(self, text: str) -> None:
        """Another one; shorter ones and those that bear a mark need no notice."""
        if len(text) >= SHORTEST and not PUBLIC.fullmatch(text) and not any(mark in text for mark in _fixed().values()):
            self.texts.add(text)

    def forget(self) -> None:
        """The next test makes others."""
        self.texts.clear()

    def found(self, content: bytes, *, issued_only: bool = False) -> list[str]:
        """What is in there, in words that do not show it."""
        fixed = ISSUED if issued_only else _fixed()
        noted: Iterable[tuple[str, str]] = (
            () if issued_only else (("a Secret of this test", t) for t in tuple(self.texts))
        )
        return sorted({what for what, text in (*fixed.items(), *noted) if any(f in content for f in forms(text))})


def observe(known: Known) -> None:
    """From now on every Secret's text is noted."""
    made = Secret.__init__

    def noting(self: Secret, text: str) -> None:
        known.note(text)
        made(self, text)

    Secret.__init__ = noting
