"""Helm values for several environments in one Airflow, since Helm replaces lists where it merges files of values.

One Airflow reads one vault as one principal, so all must say the same of both. Pure.
"""

from __future__ import annotations

import json
from itertools import combinations
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.render.airflow_settings import LATER
from provisioner.render.deployment import BACKEND, BUNDLES, CLIENT_ID, PLACEHOLDERS, RENDERED, File, chart_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.render.deployment import Deployment

NAME = "airflow-values.yaml"
CREDENTIAL = "principals.airflow.credential"
APPLICATION = "principals.airflow.application"
# What decides on a variable that two environments could have with different values.
FIELDS = {"AZURE_AUTHORITY_HOST": "cloud", "AZURE_TENANT_ID": "tenant", CLIENT_ID: APPLICATION}


def merged_helm_values(deployments: Mapping[str, Deployment]) -> File:
    """The values of all environments, in an order of their own. Raises Refused for two that one Airflow cannot have."""
    found = sorted(deployments.items(), key=lambda one: one[1].name)
    for (one, first), (other, second) in combinations(found, 2):
        _require_one_airflow(f"{one} and {other}", first, second)
    variables: dict[str, str] = {}
    for _, deployment in found:
        known = {name: value for name, value in deployment.all_variables.items() if value != PLACEHOLDERS.get(name)}
        variables = {**deployment.all_variables, **variables, **known}
    variables[RENDERED] = ",".join(deployment.settings_hash for _, deployment in found)
    bundles = [bundle for _, one in found for bundle in json.loads(one.variables.get(BUNDLES, "[]"))]
    if bundles:
        variables[BUNDLES] = json.dumps(bundles)
    return File(name=NAME, content=chart_values(found[0][1], variables))


def _require_one_airflow(both: str, one: Deployment, other: Deployment) -> None:
    if one.secret or other.secret:
        remedy = f"Let both sign in without one: `{CREDENTIAL}: {{federated: …}}` or `{{managed_identity: …}}`"
        raise Refused(both, "would each need its own client secret, and one Airflow has one", remedy)
    if one.name == other.name:
        raise Refused(both, "have the same `airflow.key_prefix`", "Write another `airflow.key_prefix` into one file")
    field = _differing_field(one, other)
    if field:
        same = f"Let `{field}` of both say the same"
        remedy = f"{same}: the client id of the application that one of them made" if field == APPLICATION else same
        reason = f"cannot share one Airflow, as `{field}` is different"
        raise Refused(both, reason, f"{remedy}; or give each an Airflow of its own")


def _differing_field(one: Deployment, other: Deployment) -> str:
    """The first field of which one Airflow cannot have two values; empty if there is none."""
    if (one.subject, one.issuer, one.identity) != (other.subject, other.issuer, other.identity):
        return CREDENTIAL
    for variable, field in FIELDS.items():
        values = {one.variables.get(variable), other.variables.get(variable)}
        if len(values) > 1 and LATER not in values:
            return field
    if (BUNDLES in one.variables) != (BUNDLES in other.variables):
        return "airflow.dags.delivery"
    settings, others = (json.loads(each.variables[BACKEND[1]]) for each in (one, other))
    different = (name for name in settings if settings[name] != others[name])
    name = next(different, "")
    return {"": "", "vault_url": "vault"}.get(name, f"airflow.{name}")
