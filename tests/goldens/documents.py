"""The local Azure's store → lines, and what a run changed in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from tests.goldens.placeholders import with_secrets_for_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.goldens.placeholders import Placeholders
    from tests.reliability.census import Document

# Random texts that no other place names, of this machine, or secret: that they are there is all there is to say.
HIDDEN = {"etag", "eTag", "hint", "_keys", "last_declared", "lease_id", "lease_owner", "lease_process", "lease_since"}


def documents(found: list[Document], placeholders: Placeholders) -> dict[str, tuple[str, ...]]:
    """By table and key, each document as lines `path = value`."""
    texts = ["\n".join((f"{table} {key}", *_fields("", value))) for table, key, value in found]
    lines = (text.split("\n") for text in placeholders.lines(with_secrets_for_hashes(texts)))
    return {first: tuple(sorted(fields)) for first, *fields in lines}


def _fields(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, each in cast("dict[str, Any]", value).items():
            shown = f"<{name}>" if name in HIDDEN and each is not None else each
            yield from _fields(f"{path}.{name}" if path else name, shown)
    elif isinstance(value, list) and value:
        for number, each in enumerate(cast("list[Any]", value)):
            yield from _fields(f"{path}[{number}]", each)
    else:
        yield f"{path} = {json.dumps(value)}"


def differences(before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """`+` a new document with its fields, `-` one that is gone, `~` one that changed, with the fields that did."""
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"- {name}"
        elif name not in before:
            yield f"+ {name}"
            yield from (f"    {line}" for line in after[name])
        elif before[name] != after[name]:
            yield f"~ {name}"
            yield from (f"  - {line}" for line in before[name] if line not in after[name])
            yield from (f"  + {line}" for line in after[name] if line not in before[name])
