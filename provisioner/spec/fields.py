"""The scalar types of the spec: names as Azure takes them, durations, secrets, files.

Every check raises the pydantic error `spec`, which carries what would be right and never the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from provisioner.secret import Secret
from provisioner.spec.templates import or_shipped

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

    from provisioner.spec import resource_id

SECRET_BYTES = 25 * 1024  # Key Vault's limit for a value: learn.microsoft.com/azure/key-vault/secrets/about-secrets
LONGEST = timedelta(days=3650)
DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", re.ASCII)


@dataclass(frozen=True)
class Context:
    """Where the file is: relative paths begin at its folder."""

    folder: Path


def refusal(right: str, wrong: str = "") -> PydanticCustomError:
    """The error, to be raised, of a value that cannot serve.

    right: what would; wrong: what is, without the value, if not obvious.
    """
    return PydanticCustomError("spec", "{right}", {"right": right, "wrong": wrong})


@dataclass(frozen=True)
class Rule:
    """Text that a pattern must match as a whole; `right` says the same in words."""

    pattern: str
    right: str

    def require_match(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise refusal(self.right)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.require_match, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}


def or_empty(rule: Rule) -> Rule:
    """The same rule for a field that may be left empty."""
    return Rule(f"|{rule.pattern}", rule.right)


@dataclass(frozen=True)
class NameOrId:
    """A name that `rule` takes, or the full id of such a resource, which is then spelt as Azure does."""

    type: resource_id.ResourceType
    rule: Rule

    def require_name_or_id(self, text: str) -> str:
        if not text.startswith("/"):
            return self.rule.require_match(text)
        canonical = self.type.canonical(text)
        if canonical is None:
            raise refusal(f"write a name, or a full id like {self.type.example()}")
        group, names = self.type.parts(canonical)
        GROUP.require_match(group)
        for name in names:
            self.rule.require_match(name)
        return canonical

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.require_name_or_id, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {**handler(schema), "pattern": f"^(?:{self.rule.pattern}|/subscriptions/.+)$"}


@dataclass(frozen=True)
class FullId:
    """The full id of a resource of a type, which is then spelt as Azure does; may be left empty."""

    type: resource_id.ResourceType

    def require_full_id(self, text: str) -> str:
        canonical = self.type.canonical(text) if text else ""
        if canonical is None:
            raise refusal(f"write a full id like {self.type.example()}")
        return canonical

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.require_full_id, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {**handler(schema), "pattern": "^(?:/subscriptions/.+)?$"}


def duration(text: str) -> timedelta:
    """`1d12h` and the like. Raises ValueError."""
    match = DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise refusal("write a duration such as 30d, 24h, 15m, 90s or 1d12h")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(0) < length <= LONGEST:
        raise refusal("write a duration above zero and up to 3650d")
    return length


def _duration(value: object) -> object:
    return duration(value) if isinstance(value, str) else value


def _secret(value: object) -> Secret:
    if isinstance(value, str):
        value = Secret(value)
    if not isinstance(value, Secret):
        raise refusal("write one text, quoted if it holds special characters", "is not a text")
    if len(value.reveal().encode("utf-8", "surrogatepass")) > SECRET_BYTES:
        raise refusal("keep it within 25 KB, the limit of Key Vault", "is too long")
    return value


def _path(value: object, info: ValidationInfo) -> object:
    context: Context | None = info.context
    if isinstance(value, str) and "\0" in value:
        raise refusal("write the path of a file", "holds a NUL character")
    return or_shipped(context.folder / value) if isinstance(value, (str, Path)) and context else value


def _location(text: str) -> str:
    return text.lower().replace(" ", "")


SEGMENT = r"[^/?#%\x00-\x20]+"  # of a path
GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
# Name rules: learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
VAULT = Rule(
    r"[A-Za-z](?!.*--)[0-9A-Za-z-]{1,22}[0-9A-Za-z]",
    "use 3 to 24 letters, digits and single hyphens, beginning with a letter and not ending with a hyphen",
)
ACCOUNT = Rule(r"[0-9a-z]{3,24}", "use 3 to 24 lower-case letters and digits")
CONTAINER = Rule(
    r"(?!.*--)[0-9a-z][0-9a-z-]{1,61}[0-9a-z]",
    "use 3 to 63 lower-case letters, digits and single hyphens, beginning and ending with a letter or digit",
)
GROUP = Rule(r"[-\w.()]{0,89}[-\w()]", "use 1 to 90 letters, digits, - _ ( ) and periods, not ending with a period")
DISPLAY_NAME = Rule(r"[^<>;&%\x00-\x1f]{1,120}", "use 1 to 120 characters, none of < > ; & %")
VARIABLES_PREFIX = Rule(r"|[A-Za-z0-9][\w-]{0,79}", "use up to 80 letters, digits, hyphens and underscores")
SCOPE = Rule(
    rf"/subscriptions/{GUID}(?:/resource[Gg]roups/{SEGMENT}(?:/providers/{SEGMENT}(?:/{SEGMENT}/{SEGMENT})+)?)?",
    "write a full resource id such as /subscriptions/<subscription>/resourceGroups/<group>/providers/…",
)
SHORT_SCOPE = Rule(
    rf"{SCOPE.pattern}|[\w.()-]{{1,90}}", "write `vault`, `storage_account`, `resource_group`, or a full resource id"
)
SECRET_NAME = Rule(r"[0-9A-Za-z-]{1,127}", "use 1 to 127 letters, digits and hyphens")

Guid = Annotated[
    str,
    Rule(GUID, "write a GUID such as 0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02"),
    AfterValidator(str.lower),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", "examples": ["30d", "24h"]}),
]
SecretText = Annotated[Secret, PlainValidator(_secret), WithJsonSchema({"type": ["string", "number", "boolean"]})]
FilePath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string"})]
Location = Annotated[
    str, Rule(r" *[A-Za-z0-9][A-Za-z0-9 ]*", "write a location such as westeurope"), AfterValidator(_location)
]
FOLDER = r"(?!\.{1,2}(?:/|$))[^/\\?#\x00-\x1f\x7f]{1,200}"  # of a path in the lake; . and .. would lead elsewhere
Line = Annotated[str, Rule(r"[^\x00-\x1f\x7f]+", "write one line of text")]
