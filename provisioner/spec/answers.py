"""One answer for one field, checked as the file would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo


def objection(section: type[BaseModel], path: Sequence[str], answer: str) -> str:
    """What would be right for the field; empty if the answer can be its value."""
    field = field_at(section, path)
    annotation: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    try:
        TypeAdapter(annotation).validate_python(answer)
    except ValidationError as error:
        mistake = error.errors(include_url=False, include_input=False)[0]
        return str(mistake.get("ctx", {}).get("right", mistake["msg"]))
    return ""


def field_at(section: type[BaseModel], path: Sequence[str]) -> FieldInfo:
    """The field of a section, or of a section inside it."""
    name, *within = path
    field = section.model_fields[name]
    kinds = (field.annotation, *get_args(field.annotation))
    sections = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return field_at(next(sections), within) if within else field
