"""`extends: base.yaml`: one file's fields over another's. Maps merge; all else replaces, and `null` takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.spec import document
from provisioner.spec.source import read_spec_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path as FilePath

    from provisioner.spec.document import Data, Document, Path

FIELD = "extends"
RIGHT = "write the path of a YAML file, relative to this one, such as base.yaml"


def read_extended(path: FilePath, environ: Mapping[str, str]) -> Document:
    """What a file says, over what the file says that it extends. Raises SpecError."""
    own = document.read(read_spec_text(path), str(path), environ)
    if FIELD not in own.data:
        return own
    named = own.data[FIELD]
    if not isinstance(named, str) or "\0" in named or not (path.parent / named).is_file():
        own.add_problem((FIELD,), "is no file" if isinstance(named, str) else "is no text", RIGHT)
        raise own.refusal()
    base = document.read(read_spec_text(path.parent / named), str(path.parent / named), environ)
    if FIELD in base.data:
        base.add_problem((FIELD,), "extends a file that another one extends", "extend one level only")
        raise base.refusal()
    return _over(own, base)


def _over(own: Document, base: Document) -> Document:
    """Both as one document, which knows of each path what file it is from."""
    kept = {path for path in base.lines if path and not _replaced(path, own.data)}
    merged = document.Document(own.file, data=_merged(base.data, own.data))
    merged.files = dict.fromkeys(kept - own.lines.keys(), base.file)
    merged.lines = {**{path: base.lines[path] for path in kept}, **own.lines}
    merged.texts = {**{path: text for path, text in base.texts.items() if path in kept}, **own.texts}
    merged.broken = own.broken | (base.broken & kept)
    merged.expanded = own.expanded | base.expanded
    merged.problems = [*own.problems, *base.problems]
    return merged


def _merged(base: Mapping[str, Data], own: Mapping[str, Data]) -> dict[str, Data]:
    fields = {**base}
    for name, value in own.items():
        under = fields.get(name)
        if value is None and name in fields:
            del fields[name]
        else:
            fields[name] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return fields


def _replaced(path: Path, own: Mapping[str, Data]) -> bool:
    """Whether the file on top says something at the path or around it that is no map."""
    within: Any = own
    for part in path:
        if not isinstance(within, dict):
            return True
        if part not in within:
            return False
        within = within[part]  # pyright: ignore[reportUnknownVariableType]  # what a file says
    return not isinstance(within, dict)


def origins(found: Document) -> Iterator[tuple[Path, str]]:
    """Each field's path, items of lists left out, with the file and the line that it is from, as FILE:LINE."""
    for path in found.lines:
        if path and not isinstance(path[-1], int):
            yield path, f"{found.files.get(path, found.file)}:{found.lines[path]}"
