"""Whether another file in the same folder describes the same environment: each would undo what the other does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.spec.model import Environment

SUFFIXES = (".yaml", ".yml")
LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def find_file_of_same_environment(path: Path, environment: Environment) -> Path | None:
    """The other file in which the same `id` is written; None if there is none.

    Without an `id`, one with the same tenant, subscription, resource group and name.
    """
    mine = _identity(environment.model_dump(include={"id", "tenant", "subscription", "resource_group", "name"}))
    others = (other for other in sorted(path.parent.glob("*")) if other.suffix in SUFFIXES and other.name != path.name)
    return next((other for other in others if _identity(_document(other, mine[-1])) == mine), None)


def is_base(path: Path) -> bool:
    """Whether the file has no `name` at its top, so that it can only be extended."""
    try:
        return re.search(r"(?m)^[\"']?name[\"']?\s*:|^\{", path.read_text(encoding="utf-8-sig")) is None
    except (OSError, ValueError):
        return False


def _document(path: Path, word: str) -> dict[str, Any]:
    """What a file says that has this word; nothing if it cannot be read, which is reported when somebody names it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        document: object = yaml.load(text, LOADER) if word in text.casefold() else None  # noqa: S506  # a safe loader
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    base = fields.get("extends")
    return {**_document(path.parent / base, ""), **fields, "extends": None} if isinstance(base, str) else fields


def _identity(document: dict[str, Any]) -> tuple[str, ...]:
    """What an environment's id follows from."""
    if document.get("id"):
        return (str(document["id"]).casefold(),)
    names = ("tenant", "subscription", "resource_group", "name")
    return tuple(str(document.get(name) or "").casefold() for name in names)
