"""The files a spec names: is the jar a jar, what does its manifest say. Reads, never writes."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from provisioner.spec.bounds import OutOfBounds, bounded

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

MANIFEST = "META-INF/MANIFEST.MF"
LONGEST_MANIFEST = 1024 * 1024
SECONDS, MORE_BYTES = 2.0, 256 * 1024 * 1024  # zipfile reads an archive's list of files whole: some 300,000 fit
STORED, DEFLATED = 0, 8  # the ways in which a jar's files are packed; others could unpack to any size at the first read
CLASS = re.compile(r"[\w$]+(\.[\w$]+)*")


def jar_problem(jar: Path) -> tuple[str, str] | None:
    """What is wrong with a jar and what would be right; None if it can be uploaded."""
    try:
        if not jar.is_file():
            return _no_file(jar)
        with jar.open("rb") as file:
            wrong = _no_archive(file) if file.read(1) else "is an empty file"
    except OSError as error:
        return f"cannot be read: {error.strerror}", "let the file be read by you"
    return (wrong, "build the jar again") if wrong else None


def _no_file(path: Path) -> tuple[str, str]:
    if path.exists():
        what = "a directory" if path.is_dir() else "no regular file"
        return f"is {what}", "write the path of the jar file itself"
    return "does not exist", "build the jar, or correct the path (it is relative to the YAML file)"


def _no_archive(file: BinaryIO) -> str:
    """Why it is none; ValueError and NotImplementedError are what zipfile says of some that contradict themselves."""
    import zipfile  # noqa: PLC0415  # only here: 20 ms that other verbs need not pay

    try:
        with bounded(seconds=SECONDS, more_bytes=MORE_BYTES), zipfile.ZipFile(file):
            return ""
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "is not a jar: it is no zip archive"
    except (MemoryError, OutOfBounds):
        return "lists more files than a jar has"


def main_class(jar: Path) -> str:
    """The main class that the jar's manifest names, or an empty text."""
    manifest = _manifest(jar) if jar_problem(jar) is None else ""
    unfolded = re.sub(r"\r?\n ", "", manifest)  # a line of a manifest holds 72 bytes, the rest follows after a space
    match = re.search(r"^(?:program-class|Main-Class):[ \t]*(\S+)", unfolded, re.MULTILINE | re.IGNORECASE)
    return match[1] if match and CLASS.fullmatch(match[1]) else ""


def lacks_class(jar: Path, name: str) -> bool:
    """Whether a readable jar has no such class, and no jars inside it that could have it; Flink's own are elsewhere.

    https://nightlies.apache.org/flink/flink-docs-stable/docs/deployment/cli/#submitting-pyflink-jobs has one such.
    """
    names = () if name.startswith("org.apache.flink.") else _entry_names_if_readable(jar)
    inside = f"{name.replace('.', '/')}.class"
    return bool(names) and not any(one.endswith((inside, ".jar")) for one in names)


def _entry_names_if_readable(jar: Path) -> tuple[str, ...]:
    """The names of the files in it; none if it cannot be read, which is reported as such."""
    import zipfile  # noqa: PLC0415  # only who needs it pays for it

    try:
        with bounded(seconds=SECONDS, more_bytes=MORE_BYTES), zipfile.ZipFile(jar) as archive:
            return tuple(archive.namelist())
    except (OSError, ValueError, NotImplementedError, MemoryError, zipfile.BadZipFile, OutOfBounds):
        return ()


def _manifest(jar: Path) -> str:
    """As far as it is of a size that a manifest has; nothing, if it cannot be unpacked."""
    import zipfile  # noqa: PLC0415  # only who needs it pays for it

    unreadable = (OSError, LookupError, ValueError, RuntimeError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error)
    try:
        with bounded(seconds=SECONDS, more_bytes=MORE_BYTES), zipfile.ZipFile(jar) as archive:
            found = archive.getinfo(MANIFEST)
            if found.compress_type not in {STORED, DEFLATED}:
                return ""
            with archive.open(found) as file:
                return file.read(LONGEST_MANIFEST).decode("utf-8", "replace")
    except (*unreadable, OutOfBounds):
        return ""
