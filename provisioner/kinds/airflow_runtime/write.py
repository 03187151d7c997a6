"""Make an Airflow runtime, set our keys in it, take them out again. Values of others are sent back as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotFound, Refused
from provisioner.kind import known
from provisioner.kinds.airflow_runtime.decide import claims, lost, merged, refusals
from provisioner.kinds.airflow_runtime.records import (
    BOOKKEEPING,
    CLIENT_SECRET,
    ENVIRONMENT,
    KEY_ID,
    KEYS,
    PREVIOUS_KEY_ID,
    PUBLISHED_AT,
    REQUIREMENT,
    AirflowRuntime,
    ObservedAirflowRuntime,
    observed_of,
    package,
    secret_of,
)
from provisioner.model import Ref
from provisioner.secret import Secret

if TYPE_CHECKING:
    from provisioner.cloud.clients.data_factory import AirflowRuntime as Answer
    from provisioner.cloud.cloud import Cloud

CHANGED_MEANWHILE = 412
LATEST = 3  # made so lately, perhaps, that Entra does not list them among the living yet


def create(cloud: Cloud, desired: AirflowRuntime) -> None:
    """A second try finds what the first one made."""
    if cloud.data_factory.find_runtime_now(desired.id) is not None:
        _again(cloud, desired)
    else:
        keys = {*desired.settings, *(f"{REQUIREMENT}{name}" for name in desired.packages)}
        variables = {name: secret_of(value) for name, value in desired.settings.items()}
        cloud.data_factory.set_runtime(
            desired.id,
            None,
            variables={
                **variables,
                ENVIRONMENT: Secret(desired.environment),
                KEYS: _listing(desired, keys),
                **_publication(cloud, desired, ()),
            },
            requirements=desired.requirements,
            supplied={},
            airflow={"airflowVersion": desired.version, "enableAADIntegration": True},
            compute={**_compute(desired), "location": known(desired.location)},
        )
    cloud.data_factory.await_runtime(desired.id)


def update(cloud: Cloud, desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> None:
    """Our keys only; where somebody wrote meanwhile, once more on what they wrote."""
    try:
        _write(cloud, desired, observed)
    except Conflict as error:
        if error.status != CHANGED_MEANWHILE:
            raise
        _again(cloud, desired)
    cloud.data_factory.await_runtime(desired.id)


def _again(cloud: Cloud, desired: AirflowRuntime) -> None:
    """Write on what stands there by now. Raises Refused if that does not admit it, Conflict if it changes again."""
    found = cloud.data_factory.find_runtime_now(desired.id)
    if found is None:
        raise NotFound(operation=f"GET {desired.id}", code="IntegrationRuntimeNotFound")
    observed = observed_of(desired, found)
    for refused in refusals(desired, observed):
        raise Refused(desired.id, f"{refused.field} is {refused.before}", refused.reason)
    _write(cloud, desired, observed)


def _write(cloud: Cloud, desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> None:
    ours = claims(desired, observed)
    wanted = {name: value for name, value in desired.settings.items() if name in ours}
    if desired.key_id == observed.key_id and isinstance(wanted.get(CLIENT_SECRET), Ref):
        del wanted[CLIENT_SECRET]  # the key did not change, nor does its text
    gone = dict.fromkeys(n for n in observed.keys - desired.settings.keys() if not n.startswith(REQUIREMENT))
    cloud.data_factory.set_runtime(
        desired.id,
        observed.runtime,
        variables={
            **gone,
            **{name: secret_of(value) for name, value in wanted.items()},
            KEYS: _listing(desired, ours),
            **_publication(cloud, desired, (observed.key_id, *observed.previous_key_ids)),
        },
        requirements=merged(desired, observed),
        supplied=desired.supplied,
        compute=_compute(desired) if observed.owned else {},
    )


def _compute(desired: AirflowRuntime) -> dict[str, str | int]:
    return {"computeSize": desired.compute_size, "extraNodes": desired.extra_nodes}


def _listing(desired: AirflowRuntime, keys: set[str] | frozenset[str]) -> Secret:
    return Secret(" ".join((desired.environment, *sorted(keys))))


def _publication(cloud: Cloud, desired: AirflowRuntime, before: tuple[str, ...]) -> dict[str, Secret | None]:
    """Which key is there now, and which were before: workers that run may hold any that still lives."""
    new = known(desired.key_id)
    if before and before[0] == new:
        return {}
    published = cloud.session.clock.moment().isoformat(timespec="seconds")
    known_living = desired.living if isinstance(desired.living, tuple) else before
    living = {*before[:LATEST], *known_living} - {"", new}
    previous = " ".join(key_id for key_id in before if key_id in living)
    return {
        KEY_ID: Secret(new),
        PREVIOUS_KEY_ID: Secret(previous) if previous else None,
        PUBLISHED_AT: Secret(published),
    }


def delete(cloud: Cloud, observed: ObservedAirflowRuntime) -> None:
    """One that we made goes; in another's only our keys do."""
    resource_id = observed.runtime.resource_id
    if observed.owned:
        cloud.data_factory.delete_runtime(resource_id)
        return
    try:
        _withdraw(cloud, observed)
    except Conflict as error:
        found = cloud.data_factory.find_runtime_now(resource_id)
        if error.status != CHANGED_MEANWHILE or found is None:
            raise
        _withdraw(cloud, _now(observed, found))


def _now(observed: ObservedAirflowRuntime, found: Answer) -> ObservedAirflowRuntime:
    return ObservedAirflowRuntime(
        owned=False,
        version=found.etag,
        environment=observed.environment,
        credential=observed.credential,
        supplied=observed.supplied,
        runtime=found,
    )


def _withdraw(cloud: Cloud, observed: ObservedAirflowRuntime) -> None:
    if observed.held_by != observed.environment and not observed.is_masked(KEYS):
        return
    ours = {name for name in observed.keys if not name.startswith(REQUIREMENT)}
    for place in lost(observed, ours):
        raise Refused(observed.runtime.resource_id, f"Azure hides {place}", "Supply it in the spec's `airflow`.")
    lines = observed.runtime.requirements
    cloud.data_factory.set_runtime(
        observed.runtime.resource_id,
        observed.runtime,
        variables=dict.fromkeys((*ours, *BOOKKEEPING)),
        requirements=[line for line in lines if f"{REQUIREMENT}{package(line)}" not in observed.keys],
        supplied=observed.supplied,
    )
