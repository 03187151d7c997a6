"""The output of `render`: the Airflow settings and the DAGs as they would be deployed. No network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.commands.run import names_of
from provisioner.recipe.recipe import declared_targets
from provisioner.render.airflow_settings import LATER
from provisioner.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.spec.model import Environment


def render_document(environment: Environment) -> dict[str, Any]:
    """The document of `render --json`; secrets are hidden."""
    names = names_of(environment, LATER)
    declared = declared_targets(environment, names)
    settings = declared.airflow.rendered
    dags = [{"file": f"dags/{dag.name}", "content": dag.content} for dag in declared.dags]
    return {
        "environment": environment.name,
        "airflow": {
            "configuration_overrides": _with_secrets_hidden(settings.overrides),
            "environment_variables": _with_secret(_with_secrets_hidden(settings.environment)),
            "requirements": list(settings.requirements),
        },
        **({"dag": dags[0]} if len(dags) == 1 else {"dags": dags}),
    }


def render_text(found: Mapping[str, Any]) -> str:
    """The same for people."""
    airflow, dags = found["airflow"], found.get("dags") or [found["dag"]]
    lines = ["# Airflow configuration overrides"]
    lines += [f"{name}={value}" for name, value in airflow["configuration_overrides"].items()]
    lines += ["", "# Environment variables"]
    lines += [f"{name}={value}" for name, value in airflow["environment_variables"].items()]
    lines += ["", "# Airflow requirements", *airflow["requirements"]]
    for dag in dags:
        lines += ["", f"# {dag['file']}", dag["content"].rstrip()]
    return "\n".join(lines)


def _with_secret(variables: dict[str, str]) -> dict[str, str]:
    """With a placeholder for the secret, where the principal signs in with what these variables say."""
    return {**variables, "AZURE_CLIENT_SECRET": HIDDEN} if "AZURE_CLIENT_ID" in variables else variables


def _with_secrets_hidden(values: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: HIDDEN if isinstance(value, Secret) else value for name, value in values.items()}
