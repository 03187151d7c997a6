"""Creates an Airflow runtime, sets and removes managed settings in it. Other values are sent back as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotFound, Refused
from provisioner.kind import require_resolved
from provisioner.kinds.airflow_runtime.decide import (
    managed_after_write,
    masked_without_value,
    refusals,
    requirements_after_update,
)
from provisioner.kinds.airflow_runtime.records import (
    CLIENT_SECRET,
    ENVIRONMENT,
    KEY_ID,
    KEYS,
    PREVIOUS_KEY_ID,
    PUBLISHED_AT,
    RECORDS,
    REQUIREMENT,
    AirflowRuntime,
    ObservedAirflowRuntime,
    data_factory_client,
    observed_of,
    package,
    require_secret,
)
from provisioner.model import Ref
from provisioner.secret import Secret

if TYPE_CHECKING:
    from provisioner.cloud.clients.data_factory import AirflowRuntime as Answer
    from provisioner.cloud.cloud import Cloud

CHANGED_MEANWHILE = 412
LATEST = 3  # perhaps so new that Entra does not list them yet


def create(cloud: Cloud, desired: AirflowRuntime) -> None:
    """Create the runtime, or set the settings in it if an earlier attempt has created it."""
    if data_factory_client(cloud).find_runtime_now(desired.id) is not None:
        _reread_and_write(cloud, desired)
    else:
        keys = {*desired.settings, *(f"{REQUIREMENT}{name}" for name in desired.requirements_by_package)}
        variables = {name: require_secret(value) for name, value in desired.settings.items()}
        data_factory_client(cloud).set_runtime(
            desired.id,
            None,
            variables={
                **variables,
                ENVIRONMENT: Secret(desired.environment),
                KEYS: _managed_settings_record(desired, keys),
                **_variables_recording_new_key(cloud, desired, ()),
            },
            requirements=desired.requirements,
            supplied={},
            airflow={"airflowVersion": desired.version, "enableAADIntegration": True},
            compute={**_compute_properties(desired), "location": require_resolved(desired.location)},
        )
    data_factory_client(cloud).await_runtime(desired.id)


def update(cloud: Cloud, desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> None:
    """Set managed settings only. If somebody has written meanwhile, write once more on top of that."""
    try:
        _write(cloud, desired, observed)
    except Conflict as error:
        if error.status != CHANGED_MEANWHILE:
            raise
        _reread_and_write(cloud, desired)
    data_factory_client(cloud).await_runtime(desired.id)


def _reread_and_write(cloud: Cloud, desired: AirflowRuntime) -> None:
    """Read the runtime again and write. Raises Refused if it cannot be changed, Conflict if it changes again."""
    runtime = data_factory_client(cloud).find_runtime_now(desired.id)
    if runtime is None:
        raise NotFound(operation=f"GET {desired.id}", code="IntegrationRuntimeNotFound")
    observed = observed_of(desired, runtime)
    for refused in refusals(desired, observed):
        raise Refused(desired.id, f"{refused.field} is {refused.before}", refused.reason)
    _write(cloud, desired, observed)


def _write(cloud: Cloud, desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> None:
    managed = managed_after_write(desired, observed)
    settings = {name: value for name, value in desired.settings.items() if name in managed}
    if desired.key_id == observed.key_id and isinstance(settings.get(CLIENT_SECRET), Ref):
        del settings[CLIENT_SECRET]  # the key did not change, nor does its text
    removed = dict.fromkeys(
        n for n in observed.managed_settings - desired.settings.keys() if not n.startswith(REQUIREMENT)
    )
    data_factory_client(cloud).set_runtime(
        desired.id,
        observed.runtime,
        variables={
            **removed,
            **{name: require_secret(value) for name, value in settings.items()},
            KEYS: _managed_settings_record(desired, managed),
            **_variables_recording_new_key(cloud, desired, (observed.key_id, *observed.previous_key_ids)),
        },
        requirements=requirements_after_update(desired, observed),
        supplied=desired.supplied,
        compute=_compute_properties(desired) if observed.owned else {},
    )


def _compute_properties(desired: AirflowRuntime) -> dict[str, str | int]:
    return {"computeSize": desired.compute_size, "extraNodes": desired.extra_nodes}


def _managed_settings_record(desired: AirflowRuntime, setting_names: set[str] | frozenset[str]) -> Secret:
    return Secret(" ".join((desired.environment, *sorted(setting_names))))


def _variables_recording_new_key(
    cloud: Cloud, desired: AirflowRuntime, published_key_ids: tuple[str, ...]
) -> dict[str, Secret | None]:
    """Record the current and earlier keys: running workers may use any that is still valid."""
    new = require_resolved(desired.key_id)
    if published_key_ids and published_key_ids[0] == new:
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


def delete(cloud: Cloud, observed: ObservedAirflowRuntime) -> None:
    """Delete an owned runtime; in an adopted one remove the managed settings only."""
    resource_id = observed.runtime.resource_id
    if observed.owned:
        data_factory_client(cloud).delete_runtime(resource_id)
        return
    try:
        _remove_settings(cloud, observed)
    except Conflict as error:
        runtime = data_factory_client(cloud).find_runtime_now(resource_id)
        if error.status != CHANGED_MEANWHILE or runtime is None:
            raise
        _remove_settings(cloud, _observed_again(observed, runtime))


def _observed_again(observed: ObservedAirflowRuntime, runtime: Answer) -> ObservedAirflowRuntime:
    return ObservedAirflowRuntime(
        owned=False,
        version=runtime.etag,
        environment=observed.environment,
        credential=observed.credential,
        supplied=observed.supplied,
        runtime=runtime,
    )


def _remove_settings(cloud: Cloud, observed: ObservedAirflowRuntime) -> None:
    if observed.settings_owner != observed.environment and not observed.is_masked(KEYS):
        return
    managed = {name for name in observed.managed_settings if not name.startswith(REQUIREMENT)}
    for location in masked_without_value(observed, managed):
        raise Refused(observed.runtime.resource_id, f"Azure hides {location}", "Supply it in the spec's `airflow`.")
    lines = observed.runtime.requirements
    data_factory_client(cloud).set_runtime(
        observed.runtime.resource_id,
        observed.runtime,
        variables=dict.fromkeys((*managed, *RECORDS)),
        requirements=[line for line in lines if f"{REQUIREMENT}{package(line)}" not in observed.managed_settings],
        supplied=observed.supplied,
    )
