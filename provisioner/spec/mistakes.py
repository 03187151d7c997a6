"""What pydantic found → problems in words: the nearest field, the text as it stands in the file, what would be right.

Quotes only what stands in the file before `${VAR}` was read, and nothing of a field that holds secrets.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, get_args, get_origin

from pydantic import BaseModel

from provisioner.secret import Secret
from provisioner.spec.model import Environment
from provisioner.spec.targets import OneOf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from provisioner.spec.document import Data, Document, Path

SHAPES = {
    "dict_type": "write fields below it: `key: value`",
    "model_type": "write fields below it: `key: value`",
    "list_type": "write a list: `- item` on lines of their own",
    "string_type": "write one text",
    "path_type": "write one text, the path of a file",
    "time_delta_type": "write a duration such as 30d, 24h or 15m",
    "int_type": "write a whole number",
    "bool_type": "write true or false",
}
VALUES = {
    "int_parsing": "write a whole number",
    "int_parsing_size": "write a smaller number",
    "int_from_float": "write a whole number",
    "bool_parsing": "write true or false",
    "greater_than_equal": "write {ge} or more",
    "less_than_equal": "write {le} or less",
    "literal_error": "write one of {expected}",
}
FOLLOWS = frozenset({"default_factory_not_called"})  # says only that another field is wrong


def report_mistakes(document: Document, error: ValidationError) -> None:
    """Every mistake as a problem; what `document` already says about a path is not said twice."""
    for mistake in error.errors(include_url=False, include_input=False):
        path = document.path_as_spelt(mistake["loc"])
        if not document.is_broken_at(path) and mistake["type"] not in FOLLOWS:
            _report_one(document, mistake, path)


def _report_one(document: Document, mistake: ErrorDetails, path: Path) -> None:
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "extra_forbidden":
        _report_unknown_field(document, path)
    elif kind == "missing":
        document.add_problem(
            path, "is missing", f"add `{path[-1]}: …`: {_field_description(document, path)}", document.line(path[:-1])
        )
    elif kind in SHAPES:
        document.add_problem(path, _shape(document, path), SHAPES[kind])
    else:
        right = context["right"] if kind == "spec" else VALUES.get(kind, mistake["msg"]).format(**context)
        document.add_problem(path, context.get("wrong") or _value(document, path), right)


def _report_unknown_field(document: Document, path: Path) -> None:
    model = _model(document, path[:-1])
    known = [field.alias or name for name, field in model.model_fields.items()] if model else []
    near = get_close_matches(str(path[-1]).lower().replace("-", "_"), known, n=1, cutoff=0.6)
    right = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
    document.add_problem(path, "is no field here", right)


def _shape(document: Document, path: Path) -> str:
    value = document.at(path)
    if value is None:
        return "has no value"
    return f"is {'a list' if isinstance(value, list) else 'fields' if isinstance(value, dict) else 'a text'}"


def _value(document: Document, path: Path) -> str:
    text = next((document.texts[path[:end]] for end in range(len(path), 0, -1) if path[:end] in document.texts), None)
    if text is None or holds_secrets(document, path):
        return "cannot be used"
    return f"{text if len(text) <= 80 else text[:77] + '…'!r} cannot be used"


def _field(document: Document, path: Path) -> FieldInfo | None:
    """The field of the model that a path leads to or into."""
    return next((field for field, _ in reversed([*_along(document, path)])), None)


def _model(document: Document, path: Path) -> type[BaseModel] | None:
    """The section that a path leads to."""
    return next((inner for _, inner in reversed([*_along(document, path)])), Environment)


def _along(document: Document, path: Path) -> Iterator[tuple[FieldInfo | None, type[BaseModel] | None]]:
    """Each field on the way, and the section that it holds, alone or in a list."""
    model: type[BaseModel] = Environment
    named = False  # the next part is the name of one of several sections
    for end, part in enumerate(path, 1):
        if isinstance(part, int) or named:
            named = False
            continue
        field = next((field for name, field in model.model_fields.items() if part in {name, field.alias}), None)
        inner = _inner(field, document.at(path[:end])) if field else getattr(model, "others", None)
        yield field, inner
        if inner is None:
            return
        model, named = inner, field is not None and get_origin(field.annotation) is dict


def _inner(field: FieldInfo, data: Data) -> type[BaseModel] | None:
    """The section that a field holds; of a target's it depends on what stands in it."""
    union = next((one for one in field.metadata if isinstance(one, OneOf)), None)
    if union is not None:
        return union.section(data)
    candidates = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def holds_secrets(document: Document, path: Path) -> bool:
    """Whether the values of the field are secrets, wherever they are from."""
    field = _field(document, path)
    return field is not None and Secret.__name__ in repr(field.annotation)


def _field_description(document: Document, path: Path) -> str:
    field = _field(document, path)
    return field.description or "" if field else ""
