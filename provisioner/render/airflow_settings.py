"""The settings that make Airflow read its variables from the vault, the spec's own settings included."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.render.template import render_text
from provisioner.spec import airflow_version
from provisioner.spec.templates import find_template

if TYPE_CHECKING:
    from provisioner.secret import Secret
    from provisioner.spec.targets.contract import AirflowTarget

LATER = "(known after apply)"


@dataclass(frozen=True, kw_only=True)
class AirflowSettings:
    """The settings of Airflow, the spec's own included."""

    overrides: dict[str, str | Secret]
    environment: dict[str, str | Secret]
    requirements: tuple[str, ...]


def airflow_settings(
    airflow: AirflowTarget,
    own: AirflowSettings,
    *,
    vault_url: str,
    tenant_id: str = LATER,
    client_id: str = LATER,
    login: str = "",
) -> AirflowSettings:
    """The settings that make Airflow read its variables from the vault.

    own: the spec's. login: the authority, for clouds other than the public one. The client secret is not among them.
    """
    values = {
        "client_id": client_id,
        "connections_prefix": airflow.connections_prefix,
        "login": login,
        "provider": f"{airflow_version.PACKAGE}=={airflow.provider_version}",
        "tenant_id": tenant_id,
        "variables_prefix": airflow.variables_prefix,
        "vault_url": vault_url,
    }
    template = find_template("airflow/settings.json.j2").read_text(encoding="utf-8")
    rendered = json.loads(render_text(template, values))
    return AirflowSettings(
        overrides={**own.overrides, **rendered["overrides"]},
        environment={**own.environment, **rendered["environment"]},
        requirements=(*rendered["requirements"], *own.requirements),
    )
