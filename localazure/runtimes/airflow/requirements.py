"""The requirements of an Airflow: which lines are refused, which lock pins the packages, which are in no lock.

The locks beside this file have a hash for each package; `make lock` writes them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.program import RuntimeFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOCKS = Path(__file__).parent
# A package of the index, or a comment; no option of pip (`-f`, ` --config-settings`), no URL, no path, no archive.
_REFUSED = re.compile(r"-|.*\s-|.*\.(?:whl|zip|gz|bz2|xz)$", re.ASCII)
_ALLOWED = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<extras>\[[\w\s,.-]*\])?\s*(?P<version>\(?[<>=!~][\w<>=!~.,*+\s()-]*)?"
    r"(?P<marker>;[^#@/]*)?(\s#.*)?|#.*|",
    re.ASCII,
)
_PIN = re.compile(r"^([\w.-]+)==(\S+)", re.ASCII | re.MULTILINE)


def refuse_options_and_urls(requirements: Sequence[str]) -> None:
    """Raise RuntimeFailure for a line that is an option of pip or names a URL or file: it could come from anywhere."""
    for number, line in enumerate(requirements, 1):
        text = line.strip()
        if _REFUSED.match(text) or not _ALLOWED.fullmatch(text):
            shown = re.split(r"[:@\s]", text, maxsplit=1)[0]  # a URL may hold a password
            what = f"Requirement {number}, '{shown} …', is no package of the index: the local Airflow installs no other"
            raise RuntimeFailure(what, "Leave it out of the runtime's requirements, or try it on Azure")


def find_lock(version: str, requirements: Sequence[str]) -> Path | None:
    """Return the lock of an Airflow that has most of the requirements, or None if that version has none."""
    locks = sorted(lock for lock in _LOCKS.glob("*.lock") if _pins(lock).get("apache-airflow") == version)
    return min(locks, key=lambda lock: (len(not_in_lock(requirements, lock)), len(lock.name)), default=None)


def not_in_lock(requirements: Sequence[str], lock: Path | None) -> list[str]:
    """Return the requirements that the packages of a lock do not fulfil; all of them if there is no lock."""
    pins = _pins(lock) if lock else {}
    return [line for line in map(str.strip, requirements) if line[:1] not in {"", "#"} and not _is_pinned(line, pins)]


def constraints(lock: Path) -> list[str]:
    """Return the packages of a lock as constraints for others that are installed beside them."""
    return [line.rstrip(" \\") for line in lock.read_text(encoding="utf-8").splitlines() if _PIN.match(line)]


def _is_pinned(line: str, pins: dict[str, str]) -> bool:
    """Whether a lock has the package, without extras and in the version that the line asks for."""
    match = _ALLOWED.fullmatch(line)
    if match is None or match["name"] is None or match["extras"] or match["marker"]:
        return False
    pinned = pins.get(_normalized(match["name"]))
    return pinned is not None and (match["version"] or f"=={pinned}").replace(" ", "") == f"=={pinned}"


def _pins(lock: Path) -> dict[str, str]:
    """Return the versions in a lock by normalized name; of a package that has several, the first."""
    pins: dict[str, str] = {}
    for name, version in _PIN.findall(lock.read_text(encoding="utf-8")):
        pins.setdefault(_normalized(name), version)
    return pins


def _normalized(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/."""
    return re.sub(r"[-_.]+", "-", name).lower()
