"""Fields of an environment → the text of its YAML file, with comments. Writes no file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCHEMA = "environment.schema.json"
Path = tuple[str, ...]


class AsWritten(str):
    """A text as it stands in a file, such as `${NAME}` for the value of a variable of the shell."""

    __slots__ = ()


def environment_text(head: Sequence[str], fields: Mapping[str, Any], comments: Mapping[Path, str]) -> str:
    """The file: the line for editors, a head of comments, the fields in their order, each with its comment.

    comments: by path; what stands in a list or in braces has none.
    """
    lines = [f"# yaml-language-server: $schema={SCHEMA}", *(f"# {line}".rstrip() for line in head)]
    return "\n".join((*lines, *block(fields, comments))) + "\n"


def block(fields: Mapping[str, Any], comments: Mapping[Path, str], at: Path = ()) -> Iterator[str]:
    """The lines of fields that stand below a path."""
    margin = "  " * len(at)
    for name, value in fields.items():
        path = (*at, name)
        comment = f"  # {comments[path]}" if path in comments else ""
        if not at and isinstance(value, dict):
            yield ""
        if isinstance(value, dict) and value:
            yield f"{margin}{_dumped(name)}:{comment}"
            yield from block(value, comments, path)  # pyright: ignore[reportUnknownArgumentType]  # what a file says
        elif isinstance(value, list):
            yield f"{margin}{_dumped(name)}:{comment}"
            yield from (f"{margin}  - {_scalar(item)}" for item in value)  # pyright: ignore[reportUnknownVariableType]  # as above
        else:
            yield f"{margin}{_dumped(name)}: {_scalar(value)}{comment}"


def _scalar(value: Any) -> str:
    """A value on one line; a text means itself, also where it holds `${`."""
    if isinstance(value, AsWritten):
        return _dumped(str(value))
    return _dumped(value.replace("${", "$${") if isinstance(value, str) else value)


def _dumped(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
