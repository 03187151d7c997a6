"""The JSON Schema of an environment file, for editors. The loader stays the judge: it also reads files and names."""

from __future__ import annotations

from typing import Any, cast

from provisioner.spec.model import Environment

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = {
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}",
    "description": "the value of an environment variable",
}
NARROW = ("pattern", "enum", "const", "minLength")
NOISE = ("title", "default")  # titles repeat the names; defaults stand in docs/environment.md as people write them


def json_schema() -> dict[str, Any]:
    """Short forms, `${VAR}` in place of any scalar, what each field is for. What extends a file may lack any."""
    schema = _opened(Environment.model_json_schema(by_alias=True))
    schema["anyOf"] = [{"required": schema.pop("required")}, {"required": ["extends"]}]
    return {"$schema": DIALECT, "title": "provisioner environment", **schema}


def _opened(schema: Any) -> Any:
    """The schema with `${VAR}` admitted wherever a scalar that is not any text at all is expected."""
    if isinstance(schema, list):
        return [_opened(part) for part in cast("list[Any]", schema)]
    return _opened_object(cast("dict[str, Any]", schema)) if isinstance(schema, dict) else schema


def _opened_object(schema: dict[str, Any]) -> dict[str, Any]:
    inside = {key: _named(key, value) for key, value in schema.items() if key not in NOISE}
    narrow = inside.get("type") in ("integer", "boolean") or any(key in inside for key in NARROW)
    if not narrow or "properties" in inside:
        return inside
    about = {key: inside.pop(key) for key in ("description",) if key in inside}
    return {**about, "anyOf": [inside, VARIABLE]}


def _named(key: str, value: Any) -> Any:
    """Below `properties` and `$defs` the keys are names, not keywords."""
    if key in {"properties", "$defs"}:
        return {name: _opened(part) for name, part in value.items()}
    return _opened(value)
