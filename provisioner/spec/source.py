"""A path → the text of a YAML file, of bounded size; a file that cannot be one is a SpecError."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from provisioner.errors import Problem, SpecError
from provisioner.spec.document import LARGEST

if TYPE_CHECKING:
    from pathlib import Path


def read_spec_text(path: Path) -> str:
    """The text. Raises SpecError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise unreadable(path, "is no file", "give the name of an environment or the path of a YAML file")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise unreadable(path, f"cannot be read: {error.strerror}", "let it be read by you") from None
    if len(raw) > LARGEST:
        raise unreadable(path, "is larger than 1 MiB", "an environment is a page; keep data elsewhere")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise unreadable(path, "is not UTF-8 text", "save it as UTF-8", line) from None


def unreadable(path: Path, wrong: str, right: str, line: int = 1) -> SpecError:
    """The error of a file as a whole."""
    return SpecError((Problem(file=str(path), line=line, path="(file)", wrong=wrong, right=right),))
