"""The files in `expected/`, and in what texts differ from them."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "expected"
FIXED = FOLDER / "fixed.txt"  # names that look random, and are the same in every run


def fixed() -> frozenset[str]:
    """Those names."""
    return frozenset(FIXED.read_text(encoding="utf-8").splitlines())


def expected() -> dict[str, str]:
    """By name, the files."""
    return {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.txt") if path != FIXED}


def write(texts: Mapping[str, str], fixed: frozenset[str]) -> None:
    """Replace them all."""
    for path in FOLDER.glob("*.txt"):
        path.unlink()
    FOLDER.mkdir(exist_ok=True)
    FIXED.write_text("".join(f"{name}\n" for name in sorted(fixed)), encoding="utf-8")
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """As `diff -u` shows it, file by file; empty if nothing differs."""
    lines = list[str]()
    for name in sorted(before.keys() | after.keys()):
        pair = [side.get(name, "").splitlines() for side in (before, after)]
        lines += unified_diff(*pair, fromfile=f"expected/{name}", tofile=f"now/{name}", lineterm="")
    return "\n".join(lines)
