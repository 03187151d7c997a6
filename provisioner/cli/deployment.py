"""`render --format`: files for the platform of an Airflow that you run, printed, written or compared."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.opening import environment_of, opened
from provisioner.cli.several import references
from provisioner.commands.run import names_of
from provisioner.errors import Refused
from provisioner.recipe.principal_ids import client_id
from provisioner.recipe.recipe import declared_targets
from provisioner.render.airflow_settings import LATER
from provisioner.render.deployment import FORMATS, env_file
from provisioner.render.merged_values import merged_helm_values

if TYPE_CHECKING:
    from provisioner.render.deployment import Deployment, File
    from provisioner.spec.model import Environment


def render_or_compare(arguments: Namespace) -> bool:
    """Print, write or compare the file. Returns whether a compared one differs. Raises Refused."""
    if not arguments.format or (arguments.check and not arguments.out):
        needs = "--format" if not arguments.format else "--out"
        raise Refused("render", f"this goes with {needs} alone", f"Add {needs}")
    file = rendered_file(arguments)
    changed = bool(arguments.out) and differs(file, Path(arguments.out))
    if arguments.out and not arguments.check:
        _write(file, Path(arguments.out))
    if arguments.json:
        show.document({"file_format": arguments.format, "files": [{"name": file.name, "content": file.content}]})
    elif arguments.out:
        path = Path(arguments.out) / file.name
        show.text(f"{path}{' differs' if changed else ' is as it should be'}" if arguments.check else str(path))
    else:
        show.text(file.content.rstrip())
    return changed and arguments.check


def rendered_file(arguments: Namespace) -> File:
    """The file of the format that the command line names. Raises Refused for a target that needs none.

    Without `--offline` it signs in and asks Azure.

    Several environments have one file, the values of the Airflow that they share. With `--offline` ids that only
    Azure knows are left as placeholders.
    """
    named = references(Namespace(environments=[arguments.environment, *arguments.others], all=False))
    if len(named) == 1:
        arguments.environment = named[0]
        return FORMATS[arguments.format](_deployment(arguments, environment_of(arguments)))
    if arguments.format != "helm":
        remedy = "Add --format helm, or run the command once for each environment"
        raise Refused("render", "several environments become one file only as values of Helm", remedy)
    each = {one: environment_of(Namespace(**{**vars(arguments), "environment": one})) for one in named}
    return merged_helm_values({one: _deployment(arguments, environment) for one, environment in each.items()})


def _deployment(arguments: Namespace, environment: Environment) -> Deployment:
    declared = _declared(environment, environment.tenant or LATER)
    if declared is None:
        raise Refused("--format", "`provision` itself sets what this Airflow needs", "Leave it out")
    return declared if arguments.offline else _read_deployment(arguments, environment)


def local_airflow_workload(arguments: Namespace, environment: Environment) -> tuple[str, dict[str, Any]] | None:
    """Name and settings of an Airflow that the local Azure can run for the environment; None if it has none such.

    Signs in and asks Azure for its client id. Raises Refused before a provision.

    Its variables are what `render --format env` prints. One that signs in with a secret, or as an identity of its
    machines, is not among them: nothing there copies a secret to the workers or answers as such machines do.
    """
    declared = _declared(environment, LATER)
    if declared is None or not declared.subject:
        return None
    deployment = _read_deployment(arguments, environment)
    return deployment.name, {
        "issuer": deployment.issuer,
        "subject": deployment.subject,
        "version": environment.airflow.version,
        "requirements": list(deployment.requirements),
        "variables": env_file(deployment).content,
        "dags": deployment.dags,
    }


def _declared(environment: Environment, tenant_id: str) -> Deployment | None:
    return declared_targets(environment, names_of(environment, tenant_id)).airflow.deployment


def _read_deployment(arguments: Namespace, environment: Environment) -> Deployment:
    """What Airflow runs with, and the ids that only Azure knows. Raises Refused before a provision."""
    with opened(arguments, environment) as run:
        airflow = client_id(environment, "airflow")
        found, deployment = run.deployed.read_output(airflow), run.deployed.targets.airflow.deployment
    if deployment is None or not found:
        raise Refused(str(airflow.address), "does not exist", "Run `provisioner provision` first, or add --offline")
    return deployment.with_client_id(found)


def _write(file: File, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_text(file.content, encoding="utf-8")
    except OSError as error:
        raise Refused(str(folder), f"cannot be written: {error.strerror}", "Choose another folder for --out") from None


def differs(file: File, folder: Path) -> bool:
    """Whether the folder has not this file as it is now. Raises Refused."""
    path = folder / file.name
    try:
        return not path.exists() or path.read_text(encoding="utf-8") != file.content
    except (OSError, UnicodeDecodeError):
        raise Refused(str(path), "cannot be read", "Choose another folder for --out") from None
