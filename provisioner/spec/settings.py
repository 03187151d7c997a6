"""The settings that a spec may give Airflow: keys that Airflow reads, and none that provisioner sets itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioner.spec import airflow_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from provisioner.secret import Secret
    from provisioner.spec.document import Found

SET_BY_US = frozenset({
    "AIRFLOW__SECRETS__BACKEND",
    "AIRFLOW__SECRETS__BACKEND_KWARGS",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
})  # fmt: skip
OUR_PREFIX = "PROVISIONER_"
OVERRIDE = re.compile(r"AIRFLOW__[A-Z][A-Z0-9_]*__[A-Z0-9_]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# pip.pypa.io/en/stable/reference/requirements-file-format
URL_OR_OPTION = re.compile(r"\s*-|.*(?:\s-|@|://)")


def setting_problems(
    overrides: Mapping[str, Secret], environment: Mapping[str, Secret], *, fixed: Collection[str], host: str
) -> Iterator[Found]:
    """What is wrong with the fields `overrides` and `environment`. fixed: what the host, so called, lets nobody set."""
    for field, settings in (("overrides", overrides), ("environment", environment)):
        for key, value in settings.items():
            wrong = _setting_problem(key, value, override=field == "overrides", fixed=fixed, host=host)
            if wrong is not None:
                yield ((field, key), *wrong)
    for key in overrides.keys() & environment.keys():
        yield ("environment", key), "stands in `overrides` too", "keep one of them"


def _setting_problem(
    key: str, value: Secret, *, override: bool, fixed: Collection[str], host: str
) -> tuple[str, str] | None:
    pattern = OVERRIDE if override else VARIABLE
    if pattern.fullmatch(key) is None:
        right = "write a key such as AIRFLOW__CORE__PARALLELISM" if override else "use letters, digits and underscores"
        return "is no name that Airflow reads", right
    if key in SET_BY_US or key.startswith(OUR_PREFIX):
        return "is set by provisioner itself", "leave it out"
    if key in fixed:
        return f"cannot be overridden in {host}", "leave it out"
    if "\0" in value.reveal():
        return "holds a NUL character, which no environment variable can", "leave it out"
    return None


def requirement_problems(requirements: Sequence[str], *, allow_urls: bool) -> Iterator[Found]:
    """What is wrong with the field `requirements`."""
    for index, line in enumerate(requirements):
        package = re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0]
        if re.sub(r"[-_.]+", "-", package).lower() == airflow_version.PACKAGE:
            right = "leave it out, and set `provider_version` for another version"
            yield ("requirements", index), "is required by provisioner itself", right
        elif URL_OR_OPTION.match(line) and not allow_urls:
            wrong = "is an option of pip or names a URL, so it could be installed from anywhere"
            right = "name a package of the index, or set `airflow.allow_urls: true` if you trust where it comes from"
            yield ("requirements", index), wrong, right
