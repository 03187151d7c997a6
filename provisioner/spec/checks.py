"""What one field alone cannot tell: names that meet, settings that are not the user's, files that are not usable."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from provisioner.spec import airflow_version
from provisioner.spec.fields import FOLDER, SECRET_NAME, Rule
from provisioner.spec.files import jar_problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from provisioner.secret import Secret
    from provisioner.spec.document import Document, Path
    from provisioner.spec.model import Environment

Found = tuple["Path", str, str]
TemplateCheck = Callable[["Environment"], tuple[str, str] | None]  # what is wrong, and what would be right

JAR = re.compile(FOLDER)
OURS = ("api-client-id", "api-secret", "tenant-id")
OUR_PRINCIPALS = ("airflow", "flink-api")
RESERVED = ("flink", "data-factory")  # whose identities get roles beside those of principals
PRINCIPAL = Rule(
    r"[A-Za-z](?:-?[A-Za-z0-9]){0,39}",
    "use up to 40 letters and digits with single hyphens between, a letter first; not `flink` or `data-factory`",
)
SET_BY_US = frozenset({
    "AIRFLOW__SECRETS__BACKEND",
    "AIRFLOW__SECRETS__BACKEND_KWARGS",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
})  # fmt: skip
OUR_PREFIX = "PROVISIONER_"
# learn.microsoft.com/azure/data-factory/airflow-configurations
NOT_OVERRIDABLE = frozenset({
    *(f"AIRFLOW__CORE__{key}" for key in (
        "DAGS_FOLDER", "DONOT_PICKLE", "ENABLE_XCOM_PICKLING", "EXECUTOR", "FERNET_KEY",
        "DAGS_ARE_PAUSED_AT_CREATION", "PLUGINS_FOLDER",
    )),
    *(f"AIRFLOW__LOGGING__{key}" for key in (
        "BASE_LOG_FOLDER", "LOG_FILENAME_TEMPLATE", "DAG_PROCESSOR_MANAGER_LOG_LOCATION", "LOGGING_CONFIG_CLASS",
        "COLORED_LOG_FORMAT", "LOGGING_LEVEL",
    )),
    *(f"AIRFLOW__METRICS__STATSD_{key}" for key in ("ON", "HOST", "PORT", "PREFIX")),
    *(f"AIRFLOW__SCHEDULER__{key}" for key in ("CHILD_PROCESS_LOG_DIRECTORY", "DAG_DIR_LIST_INTERVAL")),
    *(f"AIRFLOW__WEBSERVER__{key}" for key in (
        "BASE_URL", "COOKIE_SAMESITE", "COOKIE_SECURE", "EXPOSE_CONFIG", "AUTHENTICATE", "AUTH_BACKEND",
        "RELOAD_ON_PLUGIN_CHANGE", "SECRET_KEY",
    )),
    "AIRFLOW__API__AUTH_BACKEND",
    "AIRFLOW__API__ENABLE_EXPERIMENTAL_API",
    "AIRFLOW__CELERY__FLOWER_URL_PREFIX",
})  # fmt: skip
OVERRIDE = re.compile(r"AIRFLOW__[A-Z][A-Z0-9_]*__[A-Z0-9_]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def report(
    document: Document, environment: Environment, stand_ins: set[str], *, template_problem: TemplateCheck
) -> None:
    """Report to `document` what is wrong with the environment.

    stand_ins: top-level fields that are not the file's. template_problem: the check of the DAG's template.
    """
    for check in (_airflow_version, _secret_names, _settings, _requirements, _jar, _jars, _principals):
        for path, wrong, right in check(environment):
            if str(path[0]) not in stand_ins and path not in document.broken:
                document.report(path, wrong, right)
    problem = template_problem(environment)
    if problem is not None:
        document.report(("dag", "template"), *problem)


def _airflow_version(environment: Environment) -> Iterator[Found]:
    version, local = environment.airflow.version, environment.cloud == "local"
    if not airflow_version.offered(version, local=local):
        also = ", or 2.10.x, 2.11.x or 3.x.y, which `cloud: local` has, too" if local else ""
        right = f"write one of {', '.join(airflow_version.IN_DATA_FACTORY)}{also}"
        yield ("airflow", "version"), "is no version that Data Factory runs", right


def _secret_names(environment: Environment) -> Iterator[Found]:
    """Two secrets on one name (Key Vault compares without case), and names that Key Vault refuses."""
    ours = {key: environment.variable_secret(key) for key in OURS}
    taken = {name.lower(): f"the variable {key} that provisioner sets" for key, name in ours.items()}
    for path, name, what in _secrets(environment):
        other = taken.setdefault(name.lower(), what)
        if re.fullmatch(SECRET_NAME.pattern, name) is None:
            yield path, f"would be the vault secret {name!r}, which Key Vault refuses", SECRET_NAME.right
        elif other != what:
            yield (
                path,
                f"would be the same vault secret as {other}, {name}",
                "rename one of them (_ and - are one there)",
            )


def _secrets(environment: Environment) -> Iterator[tuple[Path, str, str]]:
    for key in environment.variables:
        yield ("variables", key), environment.variable_secret(key), f"the variable {key}"
    for key in environment.connections:
        yield ("connections", key), environment.connection_secret(key), f"the connection {key}"
    for name in environment.principals.further:
        for key in environment.principal_variables(name) or ():
            yield ("principals", name), environment.variable_secret(key), f"the variable {key} of principals.{name}"
    for name, principal in environment.principals.named.items():
        for index, secret in enumerate(principal.secrets):
            yield ("principals", name, "secrets", index), secret, f"number {index + 1} of principals.{name}.secrets"


def _settings(environment: Environment) -> Iterator[Found]:
    airflow = environment.airflow
    yield from _keys("overrides", airflow.overrides, OVERRIDE, "write a key such as AIRFLOW__CORE__PARALLELISM")
    yield from _keys("environment", airflow.environment, VARIABLE, "use letters, digits and underscores")
    for key in airflow.overrides.keys() & airflow.environment.keys():
        yield ("airflow", "environment", key), "stands in `overrides` too", "keep one of them"


def _keys(field: str, settings: dict[str, Secret], pattern: re.Pattern[str], right: str) -> Iterator[Found]:
    for key, value in settings.items():
        path = ("airflow", field, key)
        if pattern.fullmatch(key) is None:
            yield path, "is no name that Airflow reads", right
        elif key in SET_BY_US or key.startswith(OUR_PREFIX):
            yield path, "is set by provisioner itself", "leave it out"
        elif key in NOT_OVERRIDABLE:
            yield path, "cannot be overridden in Data Factory", "leave it out"
        elif "\0" in value.reveal():
            yield path, "holds a NUL character, which no environment variable can", "leave it out"


def _requirements(environment: Environment) -> Iterator[Found]:
    for index, line in enumerate(environment.airflow.requirements):
        package = re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0]
        if re.sub(r"[-_.]+", "-", package).lower() == airflow_version.PACKAGE:
            path = ("airflow", "requirements", index)
            yield (
                path,
                "is required by provisioner itself",
                "leave it out, and set `provider_version` for another version",
            )


def _jar(environment: Environment) -> Iterator[Found]:
    problem = _unusable(environment.job.jar)
    if problem is not None:
        yield ("job", "jar"), *problem
    elif not environment.job.entry_class:
        yield ("job",), "the jar's manifest names no main class", "add `entry_class: …`, the class to run"


def _unusable(jar: FilePath) -> tuple[str, str] | None:
    if JAR.fullmatch(jar.name) is None:
        return "has a name that no path in a data lake may have", "rename it; use letters, digits, - _ and ."
    return jar_problem(jar)


def _jars(environment: Environment) -> Iterator[Found]:
    taken = {environment.job.path: "the job's jar"}
    for index, jar in enumerate(environment.jars):
        here = f"number {index + 1} of jars"
        other = taken.setdefault(jar.path, here)
        problem = _unusable(jar.jar)
        if problem is not None:
            yield ("jars", index), *problem
        elif other != here:
            yield ("jars", index), f"would be uploaded to {jar.path}, as {other} is", "give it another `directory`"


def _principals(environment: Environment) -> Iterator[Found]:
    taken = {name: f"{name}, which every environment has" for name in OUR_PRINCIPALS}
    for name, principal in environment.principals.named.items():
        if principal.application and principal.display_name:
            path = ("principals", name, "display_name")
            yield path, "stands beside `application`", "leave it out; an adopted application keeps its name"
    for name, principal in environment.principals.further.items():
        other = taken.setdefault(name.lower(), name)
        if re.fullmatch(PRINCIPAL.pattern, name) is None or name.lower() in RESERVED:
            yield ("principals", name), "is no name that a principal can have", PRINCIPAL.right
        elif other != name:
            yield ("principals", name), f"differs from {other} in case only", "rename one of them"
        elif not principal.secrets and environment.principal_variables(name) is None:
            yield ("principals", name), "has a credential that goes nowhere", "add `secrets: […]`"
