"""The files a spec names: is the jar a jar, what does its manifest say. Reads, never writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "META-INF/MANIFEST.MF"
LONGEST_MANIFEST = 1024 * 1024


def jar_problem(jar: Path) -> tuple[str, str] | None:
    """What is wrong with a jar and what would be right; None if it can be uploaded."""
    import zipfile  # noqa: PLC0415  # only here: 20 ms that other verbs need not pay

    try:
        if jar.is_dir():
            return "is a directory", "write the path of the jar file itself"
        if not jar.is_file():
            return "does not exist", "build the jar, or correct the path (it is relative to the YAML file)"
        with jar.open("rb") as file:
            if not file.read(1):
                return "is an empty file", "build the jar again"
            with zipfile.ZipFile(file):
                return None
    except zipfile.BadZipFile:
        return "is not a jar: it is no zip archive", "build the jar again"
    except OSError as error:
        return f"cannot be read: {error.strerror}", "let the file be read by you"


def main_class(jar: Path) -> str:
    """The main class that the jar's manifest names, or an empty text."""
    import zipfile  # noqa: PLC0415  # only who needs it pays for it

    try:
        with zipfile.ZipFile(jar) as archive, archive.open(MANIFEST) as file:
            manifest = file.read(LONGEST_MANIFEST).decode("utf-8", "replace")
    except (OSError, KeyError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return ""
    unfolded = re.sub(r"\r?\n ", "", manifest)  # a line of a manifest holds 72 bytes, the rest follows after a space
    match = re.search(r"^(?:program-class|Main-Class):[ \t]*(\S+)", unfolded, re.MULTILINE | re.IGNORECASE)
    return match[1] if match else ""
