"""The model's fields as rows of a Markdown table: what docs/environment.md must say of each."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from provisioner.spec.model import Environment
from provisioner.spec.parts import Rotation
from provisioner.spec.targets import OneOf, target_classes
from provisioner.spec.templates import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


BELOW = {str(list): "[].", str(dict): ".NAME."}


def rows(model: type[BaseModel] = Environment, prefix: str = "", optional: str = "") -> Iterator[str]:
    """A row for every field that holds a value, with its path, default and description.

    optional: the nearest section around the model that may be left out, and with it what is required in it.
    """
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        union = next((one for one in field.metadata if isinstance(one, OneOf)), None)
        if union is not None:
            for target in target_classes(union.role).values():
                yield from rows(target, f"{path}.")
            continue
        inner = _model(field)
        if inner is Rotation and prefix:
            yield f"| `{path}` | `rotation` | {field.description} |"
        elif inner is None:
            yield f"| `{path}` | {_default(field, optional)} | {field.description} |"
        else:
            below = path + BELOW.get(str(get_origin(field.annotation)), ".")
            yield from rows(inner, below, path if field.get_default() is None and not field.is_required() else optional)
    others = getattr(model, "others", None)
    if others is not None:
        yield from rows(others, f"{prefix}NAME.")


def _model(field: FieldInfo) -> type[BaseModel] | None:
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _default(field: FieldInfo, optional: str) -> str:
    if field.is_required():
        return f"required in `{optional.rpartition('.')[2]}`" if optional else "**required**"
    if field.default_factory is not None:
        if field.default_factory_takes_validated_data:
            return "derived"
        made = field.get_default(call_default_factory=True)
        return _shown(made) if isinstance(made, Path) else "none"
    return _shown(field.default)


def _shown(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, timedelta):
        return f"`{_duration(value)}`"
    if isinstance(value, Path):
        return f"`{value.relative_to(SHIPPED.parent)}`"
    assert value is not PydanticUndefined
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _duration(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    units = {"d": 86400, "h": 3600, "m": 60}
    unit = next(unit for unit, size in units.items() if seconds % size == 0)
    return f"{seconds // units[unit]}{unit}"
