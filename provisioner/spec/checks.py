"""What one field alone cannot tell: names that meet, settings that are not the user's, files that are not usable."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from provisioner.spec.fields import FOLDER, SECRET_NAME, SHORT_SCOPE, Rule
from provisioner.spec.files import jar_problem, lacks_class
from provisioner.spec.jobs import CHECKPOINTS
from provisioner.spec.locations import meant_location
from provisioner.spec.targets import reserved_principal_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from provisioner.spec.document import Document, Found, Path
    from provisioner.spec.jobs import AnyJob
    from provisioner.spec.model import Environment
    from provisioner.spec.principals import FurtherPrincipal, Principal
    from provisioner.spec.targets.contract import Target

DagCheck = Callable[["Environment"], "Iterator[Found]"]

JAR = re.compile(FOLDER)
OUR_PRINCIPALS = ("airflow", "flink-api")
PRINCIPAL = Rule(
    r"[A-Za-z](?:-?[A-Za-z0-9]){0,39}",
    "use up to 40 letters and digits with single hyphens between, a letter first; not {}",
)


def report_problems(
    document: Document, environment: Environment, stand_ins: set[str], *, dag_problems: DagCheck
) -> None:
    """Report to `document` what is wrong with the environment.

    stand_ins: top-level fields that are not the file's. dag_problems: the check of the DAGs' templates.
    """
    own = (_misspelt_location, _targets, _secret_names, _jobs, _names_of_jobs, _jars, _principals, _unmatched)
    for check in (*own, dag_problems):
        for path, wrong, right in check(environment):
            if str(path[0]) not in stand_ins and not document.is_broken_at(path):
                document.add_problem(path, wrong, right)
    _report_unused_principal(document, environment)


def _report_unused_principal(document: Document, environment: Environment) -> None:
    """Report `principals.flink-api` where nothing takes its tokens; only the file tells whether it is written."""
    path = document.path_as_spelt(("principals", "flink-api"))
    if document.at(path) is not None and "flink-api" not in environment.principals_in_use:
        document.add_problem(path, "has nothing to sign in to: `flink` takes no Entra token", "leave it out")


def _misspelt_location(environment: Environment) -> Iterator[Found]:
    """A location that is one of Azure's but for the spelling."""
    meant = meant_location(environment.cloud, environment.location)
    if meant:
        yield ("location",), f"is no location of Azure: {environment.location}", f"did you mean {meant}?"


def _targets(environment: Environment) -> Iterator[Found]:
    """What each target finds in its own section."""
    sections: tuple[tuple[str, Target], ...] = (("airflow", environment.airflow), ("flink", environment.flink))
    for name, target in sections:
        for path, wrong, right in target.problems(local=environment.cloud == "local"):
            yield (name, *path), wrong, right


def _secret_names(environment: Environment) -> Iterator[Found]:
    """Two secrets on one name (Key Vault compares without case), and names that Key Vault refuses."""
    ours = {environment.variable_secret_name(key): f"the variable {key}" for key in environment.tool_variable_keys}
    ours |= {environment.connection_secret_name(key): f"the connection {key}" for key in environment.flink.connections}
    taken = {name.lower(): f"{what} that provisioner sets" for name, what in ours.items()}
    for path, name, what in _declared_secret_names(environment):
        other = taken.setdefault(name.lower(), what)
        if re.fullmatch(SECRET_NAME.pattern, name) is None:
            yield path, f"would be the vault secret {name!r}, which Key Vault refuses", SECRET_NAME.right
        elif other != what:
            yield (
                path,
                f"would be the same vault secret as {other}, {name}",
                "rename one of them (_ and - are one there)",
            )


def _declared_secret_names(environment: Environment) -> Iterator[tuple[Path, str, str]]:
    for key in environment.variables:
        yield ("variables", key), environment.variable_secret_name(key), f"the variable {key}"
    for key in environment.connections:
        yield ("connections", key), environment.connection_secret_name(key), f"the connection {key}"
    for name in environment.principals.further:
        for key in environment.principal_variable_keys(name):
            yield (
                ("principals", name),
                environment.variable_secret_name(key),
                f"the variable {key} of principals.{name}",
            )
    for name, principal in environment.principals_in_use.items():
        for index, secret in enumerate(principal.secrets):
            yield ("principals", name, "secrets", index), secret, f"number {index + 1} of principals.{name}.secrets"


def _jobs(environment: Environment) -> Iterator[Found]:
    """Jars that cannot be used, and what the Flink target cannot do for a job."""
    for job in environment.all_jobs:
        problem = _unusable(job.spec.jar)
        if problem is not None:
            yield (*job.path, "jar"), *problem
        elif not job.spec.entry_class:
            yield job.path, "the jar's manifest names no main class", "add `entry_class: …`, the class to run"
        elif lacks_class(job.spec.jar, job.spec.entry_class):
            wrong = f"{job.spec.entry_class} is not in {job.spec.jar.name}"
            yield (*job.path, "entry_class"), wrong, "correct it, package included, or build the jar again"
        for path, wrong, right in (*environment.flink.job_problems(job.spec), *_upgrade(environment, job.spec)):
            yield (*job.path, *path), wrong, right


def _upgrade(environment: Environment, job: AnyJob) -> Iterator[Found]:
    """An upgrade of a job that ends, or without a folder for its state where the DAG can look for it."""
    if job.savepoints and job.upgrade != "savepoint":
        yield ("savepoints",), "is of no use without `upgrade: savepoint`", "add that, or leave it out"
    if job.upgrade is None:
        return
    if job.until != "running":
        yield ("upgrade",), "is for jobs without end", "add `until: running`, or leave it out"
    where = f"@{environment.account_name}."
    ours = re.compile(rf"abfss?://{re.escape(environment.storage_account.filesystem + where)}.+|file:///.+")
    if job.upgrade == "stateless" or ours.fullmatch(job.upgrade_state_folder):
        return
    right = f"write a folder of abfss://{environment.storage_account.filesystem}{where}…, which the DAG can read"
    field = ("savepoints",) if job.upgrade == "savepoint" else ("configuration", CHECKPOINTS[-1])
    yield field, f"is needed for `upgrade: {job.upgrade}`" if not job.upgrade_state_folder else "is elsewhere", right


def _names_of_jobs(environment: Environment) -> Iterator[Found]:
    """Jobs whose names, DAGs or files meet, and a DAG that is nobody's."""
    if environment.jobs and "dag" in environment.model_fields_set:
        right = "write `schedule`, `timeout`, `dag_id` and `template` with each of `jobs`"
        yield ("dag",), "belongs to `job`, not to `jobs`", right
    names: dict[str, str] = {}
    ids: dict[str, str] = {environment.probe_id: "the probe DAG"}
    for job in environment.all_jobs:
        other = names.setdefault(job.prefix, job.name)
        if other != job.name:
            yield job.path, f"differs from {other} in hyphens only", "rename one of them"
        other = ids.setdefault(job.dag.id, job.name)
        if other != job.name:
            yield (*job.path, "dag_id"), f"would be the DAG {job.dag.id}, as {other} is", "give it another `dag_id`"


def _unmatched(environment: Environment) -> Iterator[Found]:
    """Patterns of `dags` that no file matches."""
    for index, pattern in enumerate(environment.dags):
        if index not in {number for number, _ in environment.own_dags}:
            yield ("dags", index), f"matches no file: {pattern.name}", "correct it; it is relative to the YAML file"


def _unusable(jar: FilePath) -> tuple[str, str] | None:
    if JAR.fullmatch(jar.name) is None:
        return "has a name that no path in a data lake may have", "rename it; use letters, digits, - _ and ."
    return jar_problem(jar)


def _jars(environment: Environment) -> Iterator[Found]:
    """Two files on one path of the lake; jobs may share a file."""
    taken: dict[str, tuple[FilePath, str]] = {}
    for job in environment.all_jobs:
        here = "the job's jar" if environment.job else f"the jar of {job.name}"
        file, other = taken.setdefault(job.spec.lake_path, (job.spec.jar, here))
        if file != job.spec.jar:
            wrong = f"would be uploaded to {job.spec.lake_path}, as {other} is"
            yield (*job.path, "jar"), wrong, "give it another `directory`"
    for index, jar in enumerate(environment.jars):
        here = f"number {index + 1} of jars"
        _, other = taken.setdefault(jar.lake_path, (jar.jar, here))
        problem = _unusable(jar.jar)
        if problem is not None:
            yield ("jars", index), *problem
        elif other != here:
            yield ("jars", index), f"would be uploaded to {jar.lake_path}, as {other} is", "give it another `directory`"


def _principals(environment: Environment) -> Iterator[Found]:
    principals = environment.principals
    for name, principal in principals.named.items():
        if principal.application and principal.display_name:
            path = ("principals", name, "display_name")
            yield path, "stands beside `application`", "leave it out; an adopted application keeps its name"
        if principal.application and principal.managed_identity:
            path = ("principals", name, "application")
            yield (
                path,
                "stands beside `managed_identity`",
                "leave one of them out; a managed identity has no application",
            )
    for name, principal in environment.principals_in_use.items():
        if principal.secretless:
            yield from _without_secret(environment, name, principal)
    taken = {name: f"{name}, which every environment has" for name in OUR_PRINCIPALS}
    for name, principal in principals.further.items():
        if principal.scope and not principal.scope.startswith("/"):
            path = ("principals", name, "scope")
            yield path, f"{principal.scope} is no part of this environment", SHORT_SCOPE.right
        problem = _principal(environment, name, principal, taken)
        if problem is not None:
            yield ("principals", name), *problem


def _without_secret(environment: Environment, name: str, principal: Principal) -> Iterator[Found]:
    """A way to sign in that cannot be, or what is left of a secret beside it."""
    airflow = environment.principals.airflow
    same = (principal.federation, principal.managed_identity) == (airflow.federation, airflow.managed_identity)
    inherited = name != "airflow" and same
    elsewhere = name in environment.principals.further and not environment.principal_variable_keys(name)
    if not (environment.airflow.federates or inherited or elsewhere):
        right = "write `secret`; only an Airflow that you run has an issuer or machines of its own"
        yield ("principals", name, "credential"), "is no way to sign in there", right
    if principal.secrets:
        yield ("principals", name, "secrets"), "has no secret to hold: `credential` needs none", "leave it out"


def _principal(
    environment: Environment, name: str, principal: FurtherPrincipal, taken: dict[str, str]
) -> tuple[str, str] | None:
    """What is wrong with a further principal. taken: names without case, to which this one is added."""
    other = taken.setdefault(name.lower(), name)
    if re.fullmatch(PRINCIPAL.pattern, name) is None or name.lower() in reserved_principal_names():
        right = PRINCIPAL.right.format(" or ".join(f"`{one}`" for one in reversed(reserved_principal_names())))
        return "is no name that a principal can have", right
    if other != name:
        return f"differs from {other} in case only", "rename one of them"
    if not (principal.secretless or principal.secrets or environment.principal_variable_keys(name)):
        return "has a credential that goes nowhere", "add `secrets: […]`"
    if principal.scope is None and not environment.flink.scope:
        return "has a role on nothing: what runs Flink is no Azure resource", "add `scope: …`, a full resource id"
    return None
