"""`validate --resolved`: what the file says with what it extends, and where each value comes from."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from provisioner.render.environment_file import AsWritten, block
from provisioner.secret import HIDDEN
from provisioner.spec.document import VARIABLE
from provisioner.spec.extends import FIELD, origins, read_extended
from provisioner.spec.loader import spec_path
from provisioner.spec.mistakes import holds_secrets

if TYPE_CHECKING:
    from provisioner.spec.document import Document, Path


def resolved_document(reference: str) -> list[dict[str, Any]]:
    """Each value with its path, file and line."""
    found = _read(reference)
    rows: list[dict[str, Any]] = []
    for path, origin in origins(found):
        value = _with_secrets_hidden(found, path, found.at(path))
        if not isinstance(value, dict):
            file, _, line = origin.rpartition(":")
            rows.append({"path": ".".join(map(str, path)), "value": value, "file": file, "line": int(line)})
    return sorted(rows, key=lambda row: str(row["path"]))


def resolved_text(reference: str) -> str:
    """The same as a file, with a comment at each value."""
    found = _read(reference)
    places = {tuple(map(str, path)): origin for path, origin in origins(found)}
    fields = _with_secrets_hidden(found, (), found.data)
    leaves = {path: origin for path, origin in places.items() if not isinstance(found.at(path), dict)}
    return "\n".join(block(fields, leaves)).strip("\n")


def _read(reference: str) -> Document:
    found = read_extended(spec_path(reference), os.environ)
    found.data.pop(FIELD, None)
    found.lines.pop((FIELD,), None)
    return found


def _with_secrets_hidden(found: Document, path: Path, value: Any) -> Any:
    """A value as it stands in its file; a secret only where the file itself names a variable for it."""
    if isinstance(value, dict):
        return {name: _with_secrets_hidden(found, (*path, name), inner) for name, inner in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # what a file says
    if isinstance(value, list):
        return [_with_secrets_hidden(found, (*path, number), inner) for number, inner in enumerate(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # as above
    text = found.texts.get(path)
    if text is not None and holds_secrets(found, path) and not re.fullmatch(VARIABLE, text):
        return HIDDEN
    return None if text is None else AsWritten(text)
