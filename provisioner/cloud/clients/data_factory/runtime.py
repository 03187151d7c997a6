"""An Airflow runtime as GET returns it, and the body that changes it at our keys only. Pure.

GET echoes environment variables, so all of it is secret from the first line on.
https://learn.microsoft.com/azure/data-factory/rest-apis-for-airflow-integrated-runtime
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VARIABLES = "airflowEnvironmentVariables"
OVERRIDES = "airflowConfigurationOverrides"
MASK = re.compile(r"[*\u2022]{3,}")
# What a person may supply for a PUT, by its place in airflowProperties.
SUPPLIED = {"credential": ("gitSyncProperties", "credential"), "password": ("password",)}
NOT_READY = frozenset({"initial", "starting"})
# What no waiting changes: https://learn.microsoft.com/rest/api/datafactory/integration-runtimes/get-status
# (IntegrationRuntimeState), and `Failed`, which the page of Workflow Orchestration Manager shows.
FAILED = frozenset({"accessdenied", "failed", "needregistration", "offline", "stopped", "stopping"})


@dataclass(frozen=True, kw_only=True)
class AirflowRuntime:
    """One integration runtime.

    variables: what stands in airflowEnvironmentVariables. overrides: names in airflowConfigurationOverrides, a field
    that no document names but that is kept where GET returns it. masked: what GET hides and a PUT would destroy, by
    the name in SUPPLIED or else its place. others: what somebody set besides variables and requirements.
    """

    resource_id: str
    etag: str
    type: str
    state: str
    version: str
    compute_size: str
    extra_nodes: int
    web_url: str
    variables: Mapping[str, Secret] = field(repr=False)
    overrides: tuple[str, ...]
    requirements: tuple[str, ...]
    masked: tuple[str, ...]
    others: tuple[str, ...]
    document: Secret

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        return self.state.lower() not in NOT_READY and not self.failed

    @property
    def every_setting(self) -> dict[str, Secret]:
        """The variables, and the configuration overrides with their values."""
        document: dict[str, Any] = json.loads(self.document.reveal())
        airflow = _object(_object(_object(document, "properties"), "typeProperties"), "airflowProperties")
        overrides = {name: Secret(_text(value)) for name, value in _object(airflow, OVERRIDES).items()}
        return {**overrides, **self.variables}

    @property
    def failed(self) -> bool:
        """Whether it is in a state in which Airflow does not run, and that waiting does not end."""
        return self.state.lower() in FAILED


@dataclass(frozen=True, kw_only=True)
class RuntimeEdit:
    """What a PUT changes. variables: None removes one. airflow, compute: further fields by Azure's names."""

    variables: Mapping[str, Secret | None] = field(repr=False)
    requirements: Sequence[str]
    supplied: Mapping[str, Secret] = field(default_factory=dict[str, Secret], repr=False)
    airflow: Mapping[str, Any] = field(default_factory=dict[str, Any])
    compute: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_runtime(document: Mapping[str, Any]) -> AirflowRuntime:
    """From the body of a GET."""
    properties = _object(document, "properties")
    settings = _object(properties, "typeProperties")
    airflow, compute = _object(settings, "airflowProperties"), _object(settings, "computeProperties")
    return AirflowRuntime(
        resource_id=str(document.get("id", "")),
        etag=str(document.get("etag") or ""),
        type=str(properties.get("type", "")),
        state=str(properties.get("state") or ""),
        version=str(airflow.get("airflowVersion") or ""),
        compute_size=str(compute.get("computeSize") or ""),
        extra_nodes=int(compute.get("extraNodes") or 0),
        web_url=str(airflow.get("airflowWebUrl") or ""),
        variables={name: Secret(_text(value)) for name, value in _object(airflow, VARIABLES).items()},
        overrides=tuple(_object(airflow, OVERRIDES)),
        requirements=tuple(map(str, airflow.get("airflowRequirements") or ())),
        masked=tuple(_masked(airflow)),
        others=tuple(_unmanaged_settings(airflow)),
        document=Secret(json.dumps(document)),
    )


def edited_body(runtime: AirflowRuntime | None, edit: RuntimeEdit) -> dict[str, Any]:
    """The body of a PUT: all that GET returned, with the edit; for a new runtime the edit alone."""
    document: dict[str, Any] = json.loads(runtime.document.reveal()) if runtime else {}
    properties = document.setdefault("properties", {})
    properties.setdefault("type", "Airflow")
    settings = _ensure_object(properties, "typeProperties")
    airflow = _ensure_object(settings, "airflowProperties")
    _ensure_object(settings, "computeProperties").update(edit.compute)
    airflow.update(edit.airflow)
    airflow["airflowRequirements"] = list(edit.requirements)
    _set_variables(_ensure_object(airflow, VARIABLES), edit.variables)
    for name, secret in edit.supplied.items():
        *above, last = SUPPLIED[name]
        place = airflow.get(above[0]) if above else airflow
        if isinstance(place, dict) and name in (runtime.masked if runtime else ()):
            place[last] = secret.reveal()
    return {"properties": properties}


def _set_variables(variables: dict[str, Any], changes: Mapping[str, Secret | None]) -> None:
    for name, value in changes.items():
        if value is None:
            variables.pop(name, None)
        else:
            variables[name] = value.reveal()


def _ensure_object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    """The object of that name in `parent`, set to an empty one if missing or null."""
    if not isinstance(parent.get(name), dict):
        parent[name] = {}
    return parent[name]


def _object(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A copy of the object of that name; empty where it is missing or null."""
    value: Any = parent.get(name)
    return {**value} if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _masked(airflow: Mapping[str, Any]) -> Iterator[str]:
    """Secrets that GET does not give back. Airflow's sign-in with a password, git's with a token or a secret."""
    git = _object(airflow, "gitSyncProperties")
    if (
        git.get("repo")
        and git.get("gitCredentialType", "None") not in {"None", None}
        and _hidden(git.get("credential"))
    ):
        yield "credential"
    if airflow.get("enableAADIntegration") is False and _hidden(airflow.get("password")):
        yield "password"
    known = {"gitSyncProperties.credential", "password"}
    yield from (place for place in _stars(airflow, "") if place not in known)


def _hidden(value: Any) -> bool:
    return not value or bool(MASK.fullmatch(str(value)))


def _stars(value: Any, place: str) -> Iterator[str]:
    """The location of every value that is all stars."""
    if isinstance(value, str) and MASK.fullmatch(value):
        yield place
    inside: dict[str, Any] = {}
    if isinstance(value, dict):
        inside = {**value}
    elif isinstance(value, list):
        several: list[Any] = [*value]
        inside = {str(index): inner for index, inner in enumerate(several)}
    for name, inner in inside.items():
        yield from _stars(inner, f"{place}.{name}".lstrip("."))


def _unmanaged_settings(airflow: Mapping[str, Any]) -> Iterator[str]:
    """Settings that we never make: a teardown that finds any keeps the runtime."""
    git = _object(airflow, "gitSyncProperties")
    if git.get("repo"):
        yield f"git sync from {git['repo']}"
    yield from (f"override {name}" for name in _object(airflow, OVERRIDES))
    if airflow.get("airflowEntityReferences"):
        yield "references to other entities"
