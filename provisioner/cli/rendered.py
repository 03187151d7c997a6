"""What `render` tells: the Airflow settings and the DAG as they would be deployed. No network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.cloud.profile import PROFILES
from provisioner.render.airflow_settings import airflow_settings
from provisioner.render.dag import Hosts, render_dag
from provisioner.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.spec.model import Environment


def rendered(environment: Environment) -> dict[str, Any]:
    """The document of `render --json`; secrets show as such."""
    profile = PROFILES[environment.cloud]
    hosts = Hosts(management=profile.arm, login=profile.authority, dfs_suffix=profile.dfs_suffix)
    vault_url = f"https://{environment.vault_name}.{profile.vault_suffix}/"
    settings = airflow_settings(environment, vault_url=vault_url)
    return {
        "environment": environment.name,
        "airflow": {
            "configuration_overrides": _shown(settings.overrides),
            "environment_variables": {**_shown(settings.environment), "AZURE_CLIENT_SECRET": HIDDEN},
            "requirements": list(settings.requirements),
        },
        "dag": {"file": f"dags/{environment.dag.file}", "content": render_dag(environment, hosts)},
    }


def rendered_text(found: Mapping[str, Any]) -> str:
    """The same for people."""
    airflow, dag = found["airflow"], found["dag"]
    lines = ["# Airflow configuration overrides"]
    lines += [f"{name}={value}" for name, value in airflow["configuration_overrides"].items()]
    lines += ["", "# Environment variables"]
    lines += [f"{name}={value}" for name, value in airflow["environment_variables"].items()]
    lines += ["", "# Airflow requirements", *airflow["requirements"], "", f"# {dag['file']}", dag["content"].rstrip()]
    return "\n".join(lines)


def _shown(values: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: HIDDEN if isinstance(value, Secret) else value for name, value in values.items()}
