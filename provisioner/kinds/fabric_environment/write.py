"""Sets and removes managed settings in the environment of an Airflow job. Other values are sent back as they came.

An update replaces all settings and no condition guards it, so they are read again right before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.errors import NotFound, Refused
from provisioner.kind import require_resolved
from provisioner.kinds.fabric_environment.decide import differing_settings, managed_after_write, refusals
from provisioner.kinds.fabric_environment.records import (
    BACKEND,
    KEY_ID,
    KEYS,
    KWARGS,
    PREVIOUS_KEY_ID,
    PUBLISHED_AT,
    RECORDS,
    REQUIREMENT,
    FabricEnvironment,
    ObservedFabricEnvironment,
    backend_kwargs_json,
    fabric,
    observed_of,
    package,
)
from provisioner.model import Ref
from provisioner.secret import Secret

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud

LATEST = 3  # perhaps so new that Entra does not list them yet


def create(cloud: Cloud, desired: FabricEnvironment) -> None:
    """Start it, as only one that runs takes requirements, then write what differs. Raises Refused.

    Settings come first: they list what is managed, the requirement too.
    """
    job = require_resolved(desired.job)
    fabric(cloud).start_environment(job)
    observed = _observed_now(cloud, desired, job)
    for refused in refusals(desired, observed):
        raise Refused(desired.name, f"{refused.field} is {refused.before}", refused.reason)
    _write_settings(cloud, desired, observed)
    fabric(cloud).start_environment(job)
    if f"{REQUIREMENT}{desired.package}" in {*differing_settings(desired, observed)}:
        others = _installed_requirements(_observed_now(cloud, desired, job), without_package=desired.package)
        fabric(cloud).deploy_requirements(job, (*others, desired.requirement))
        fabric(cloud).start_environment(job)


def update(cloud: Cloud, desired: FabricEnvironment, _observed: ObservedFabricEnvironment) -> None:
    """As `create`: it is read again in any case."""
    create(cloud, desired)


def _observed_now(
    cloud: Cloud, expected: FabricEnvironment | ObservedFabricEnvironment, job: str
) -> ObservedFabricEnvironment:
    """Read it again: a start takes minutes, in which others may have changed what is sent back."""
    return observed_of(expected, job, fabric(cloud).get_environment_now(job))


def _write_settings(cloud: Cloud, desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> None:
    """Write settings and records, unless only the requirement differs."""
    managed = managed_after_write(desired, observed)
    publication = _variables_recording_new_key(cloud, desired, (observed.key_id, *observed.previous_key_ids))
    different = {*differing_settings(desired, observed)} & {BACKEND, KWARGS}
    if not different and not publication and managed == observed.managed_settings:
        return
    overrides = {**observed.found.overrides, BACKEND: Secret(desired.backend)}
    if different or publication:
        overrides[KWARGS] = _backend_kwargs_keeping_secret(desired, observed)
    listing = Secret(" ".join((desired.environment, *sorted(managed))))
    written = {**observed.found.variables, KEYS: listing, **publication}
    variables = {name: value for name, value in written.items() if value is not None}
    fabric(cloud).set_settings(observed.job, observed.found, variables=variables, overrides=overrides)


def _backend_kwargs_keeping_secret(desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> Secret:
    """`backend_kwargs_json`, with the client secret that is there if its key stays and nobody knows its text."""
    if isinstance(desired.client_secret, Ref) and desired.key_id == observed.key_id and observed.secret is not None:
        return backend_kwargs_json(replace(desired, client_secret=observed.secret))
    return backend_kwargs_json(desired)


def _variables_recording_new_key(
    cloud: Cloud, desired: FabricEnvironment, published_key_ids: tuple[str, ...]
) -> dict[str, Secret | None]:
    """Record the current and earlier keys: running workers may use any that is still valid."""
    new = require_resolved(desired.key_id)
    if published_key_ids[0] == new:
        return {}
    published = cloud.session.clock.recording_time().isoformat(timespec="seconds")
    known_active = desired.active_key_ids if isinstance(desired.active_key_ids, tuple) else published_key_ids
    active = {*published_key_ids[:LATEST], *known_active} - {"", new}
    previous = " ".join(key_id for key_id in published_key_ids if key_id in active)
    return {
        KEY_ID: Secret(new),
        PREVIOUS_KEY_ID: Secret(previous) if previous else None,
        PUBLISHED_AT: Secret(published),
    }


def _installed_requirements(observed: ObservedFabricEnvironment, *, without_package: str) -> tuple[str, ...]:
    """Requirement lines of all that is installed but one package, with the versions that are installed."""
    every = observed.found.libraries.items()
    return tuple(
        f"{name}=={version}" if version else name for name, version in every if package(name) != without_package
    )


def delete(cloud: Cloud, observed: ObservedFabricEnvironment) -> None:
    """Remove the managed settings, the requirement first: the settings list it.

    It stays where nothing runs: only for that nobody waits until Airflow has started.
    """
    try:
        now = _observed_now(cloud, observed, observed.job)
    except NotFound:
        return
    if not now.managed_keys:
        return
    if hidden := [name for name in now.found.masked if name not in now.managed_settings]:
        raise Refused(observed.job, f"Fabric hides {hidden[0]}", "Remove it on the job's page first.")
    requirements = {one.removeprefix(REQUIREMENT) for one in now.managed_settings if one.startswith(REQUIREMENT)}
    installed = {package(name) for name in now.found.libraries}
    for name in requirements & installed if now.found.started else ():
        fabric(cloud).deploy_requirements(observed.job, _installed_requirements(now, without_package=name))
        fabric(cloud).start_environment(observed.job)
        now = _observed_now(cloud, observed, observed.job)
    removed = {*now.managed_settings, *RECORDS}
    variables = {name: value for name, value in now.found.variables.items() if name not in removed}
    overrides = {name: value for name, value in now.found.overrides.items() if name not in removed}
    fabric(cloud).set_settings(observed.job, now.found, variables=variables, overrides=overrides)
