"""The targets: found in the folders `airflow/` and `flink/`, listed nowhere."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, core_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler, ValidationInfo

    from provisioner.spec.targets.contract import Target


@cache
def target_classes(role: str) -> dict[str, type[Target]]:
    """The section classes of a role, `airflow` or `flink`, by the target's name."""
    folder = import_module(f"{__name__}.{role}")
    names = sorted(module.name for module in iter_modules(folder.__path__))
    return {name.replace("_", "-"): import_module(f"{folder.__name__}.{name}").SPEC for name in names}


def default_target_class(role: str) -> type[Target]:
    """The class of a section that names no target."""
    return next(one for one in target_classes(role).values() if one.default)


def reserved_principal_names() -> tuple[str, ...]:
    """The names that no principal can have, whichever target is chosen."""
    classes = (one for role in ("airflow", "flink") for one in target_classes(role).values())
    return tuple(sorted({name for one in classes for name in one.reserved}))


class OneOf:
    """The type of a section whose fields depend on its `target`, the default one if it names none.

    Not pydantic's tagged union, whose errors have the tag in their paths, where the file has nothing.
    """

    def __init__(self, role: str) -> None:
        self.role = role

    def section(self, data: object) -> type[Target] | None:
        """The class for what stands in the file; None if it names a target that does not exist."""
        name = data.get("target") if isinstance(data, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # what stands in a file
        return default_target_class(self.role) if name is None else target_classes(self.role).get(str(name))  # pyright: ignore[reportUnknownArgumentType]  # as above

    def _validate(self, value: Any, _handler: object, info: ValidationInfo) -> Target:
        section = self.section(value)
        if section is None:
            raise _unknown(value, [*target_classes(self.role)])
        return section.model_validate(value, context=info.context)

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """The union is for the JSON Schema only."""
        union = core_schema.union_schema([handler.generate_schema(one) for one in target_classes(self.role).values()])
        return core_schema.with_info_wrap_validator_function(self._validate, union)


def _unknown(value: Mapping[str, Any], names: list[str]) -> ValidationError:
    details = InitErrorDetails(
        type="literal_error", ctx={"expected": " or ".join(map(repr, names))}, loc=("target",), input=value["target"]
    )
    return ValidationError.from_exception_data("target", [details], hide_input=True)
