"""Airflow's settings in an integration runtime of a data factory, and the runtime itself if it is absent.

PROVISIONER_ENVIRONMENT is the owner tag of a runtime, PROVISIONER_KEYS lists the managed settings in it.
https://learn.microsoft.com/azure/data-factory/rest-apis-for-airflow-integrated-runtime
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provisioner.errors import NotFound
from provisioner.key_probe import Probe, Publication, usage_by_probe_run, usage_so_far
from provisioner.kind import Checked, Container, Holder, Kind, Preflight, Proofs, Right, Verdict
from provisioner.kinds.airflow_runtime.decide import diff
from provisioner.kinds.airflow_runtime.records import (
    CLIENT_SECRET,
    ENVIRONMENT,
    RECORDS,
    REQUIREMENT,
    AirflowRuntime,
    ObservedAirflowRuntime,
    data_factory_client,
    observed_of,
    package,
)
from provisioner.kinds.airflow_runtime.write import create, delete, update
from provisioner.model import Address, KeyReference, Output, Proof, Published, ReadBy, Usage, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.secret import Secret

__all__ = ["KIND", "AirflowRuntime", "ObservedAirflowRuntime", "Outputs", "Probe", "worker_variables"]


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to. web_url: of its web server."""

    id: Output[str] = Output()
    web_url: Output[str] = Output()


def _read(cloud: Cloud, desired: AirflowRuntime) -> ObservedAirflowRuntime | None:
    runtime = data_factory_client(cloud).find_runtime(desired.id)
    if runtime is None:
        return None
    observed = observed_of(desired, runtime)
    if observed.probe is None or not observed.previous_key_ids:
        return observed
    return replace(observed, usage=usage_so_far(cloud, observed.probe, runtime.web_url, _publication(observed)))


def _publication(observed: ObservedAirflowRuntime) -> Publication:
    return Publication(key_id=observed.key_id, since=observed.published_at)


def _probe_usage(cloud: Cloud, observed: ObservedAirflowRuntime) -> Usage:
    if observed.probe is None:
        return Usage(unknown_reason="it has no probe DAG")
    return usage_by_probe_run(cloud, observed.probe, observed.runtime.web_url, _publication(observed))


def _ready(_cloud: Cloud, desired: AirflowRuntime, observed: ObservedAirflowRuntime | None) -> Iterator[Checked]:
    """Check whether it runs, and whether its Airflow supports the requested provider package.

    A newer one would upgrade Airflow, or fail.
    """
    if observed is not None and observed.note:
        yield Checked(verdict=Verdict.STOPS, what=observed.note, remedy="Start it in Data Factory Studio, or delete it")
    name, newest = desired.newest_provider.partition("==")[::2]
    requested = desired.requirements_by_package.get(package(desired.newest_provider), "").partition("==")[2]
    if not requested:
        return
    what = f"{name} {requested} on Airflow {desired.version}"
    if _numbers(requested) > _numbers(newest):
        remedy = f"Write `provider_version: {newest}`, or leave it out"
        yield Checked(verdict=Verdict.STOPS, what=f"{what} asks for a newer Airflow", remedy=remedy)
    else:
        yield Checked(verdict=Verdict.HOLDS, what=what)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _publish(observed: ObservedAirflowRuntime, _view: View | None) -> Outputs:
    return Outputs(id=observed.runtime.resource_id, web_url=observed.runtime.web_url)


def worker_variables(observed: ObservedAirflowRuntime) -> Mapping[str, Secret | None]:
    """The variables that its workers run with; None for one that GET hides."""
    variables = observed.runtime.variables
    return {name: None if observed.is_masked(name) else value for name, value in variables.items()}


def _holds(observed: ObservedAirflowRuntime) -> Mapping[Address, tuple[KeyReference, ...]]:
    """The rollout cannot be observed, so it is counted from the recorded time."""
    since, keys = observed.published_at, list[KeyReference]()
    settled = since + observed.rollout if since else None
    if observed.key_id and CLIENT_SECRET in observed.runtime.variables:
        readable = not observed.is_masked(CLIENT_SECRET)
        usage = observed.usage
        keys.append(
            KeyReference(
                key_id=observed.key_id, since=since, settled=settled, readable=readable, usage=usage, unversioned=True
            )
        )
    keys += [KeyReference(key_id=key_id, since=since, current=False) for key_id in observed.previous_key_ids]
    return {observed.credential: tuple(keys)} if keys else {}


def _reveal(_cloud: Cloud, observed: ObservedAirflowRuntime, key_id: str) -> Secret:
    secret = observed.runtime.variables.get(CLIENT_SECRET)
    if secret is None or key_id != observed.key_id:
        raise NotFound(operation=f"read key {key_id}", code="KeyNotHeld")
    return secret


def _unmanaged(_cloud: Cloud, observed: ObservedAirflowRuntime) -> tuple[str, ...]:
    managed = {ENVIRONMENT, *RECORDS, *observed.managed_settings}
    variables = (f"variable {name}" for name in sorted(observed.runtime.variables.keys() - managed))
    lines = (name for name in map(package, observed.runtime.requirements) if f"{REQUIREMENT}{name}" not in managed)
    return (*variables, *(f"requirement {name}" for name in lines), *observed.runtime.others)


def _prove(
    cloud: Cloud, desired: AirflowRuntime, _observed: ObservedAirflowRuntime, _made: Published, _reader: ReadBy | None
) -> Proof:
    runtime = data_factory_client(cloud).find_runtime_now(desired.id)
    return Proof.USABLE if runtime is not None and runtime.ready else Proof.NOT_YET


KIND: Kind[AirflowRuntime, ObservedAirflowRuntime] = Kind(
    diff=diff,
    publish=_publish,
    read=_read,
    create=create,
    update=update,
    delete=delete,
    preflight=Preflight(
        right=lambda desired: Right("Microsoft.DataFactory/factories/integrationruntimes/write", desired.id),
        ready=_ready,
    ),
    proofs=Proofs(written=_prove),
    container=Container(unmanaged=_unmanaged),
    holder=Holder(holds=_holds, reveal=_reveal, probe_usage=_probe_usage),
)
