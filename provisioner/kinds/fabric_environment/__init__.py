"""What the Airflow of a Fabric job runs with: its secrets backend with the credential, the provider's package, its key.

PROVISIONER_KEYS lists the managed settings. The credential is among the backend's arguments, since Fabric reserves
AZURE_CLIENT_ID: https://learn.microsoft.com/fabric/data-factory/apache-airflow-jobs-workspace-identity
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.errors import NotFound
from provisioner.key_probe import UNANSWERED, Publication, usage_by_probe_run, usage_so_far
from provisioner.kind import (
    OWNER_TAG,
    Checked,
    Holder,
    Kind,
    Preflight,
    Proofs,
    Verdict,
    publish_nothing,
    require_resolved,
)
from provisioner.kinds.fabric_environment.decide import diff
from provisioner.kinds.fabric_environment.records import (
    CREDENTIAL,
    KWARGS,
    FabricEnvironment,
    ObservedFabricEnvironment,
    fabric,
    observed_of,
)
from provisioner.kinds.fabric_environment.write import create, delete, update
from provisioner.model import (
    Address,
    KeyReference,
    Proof,
    Published,
    ReadBy,
    Usage,
    closed_to,
    is_network_restricted,
)
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.cloud import Cloud

__all__ = ["KIND", "FabricEnvironment", "ObservedFabricEnvironment", "worker_variables"]
IN_ITS_JOB = "it is part of its job, and lists in a variable what is managed in it"
# learn.microsoft.com/fabric/data-factory/apache-airflow-jobs-concepts: no private network
NETWORK = "Airflow in Fabric has no private network and no addresses of its own to admit"


def _read(cloud: Cloud, desired: FabricEnvironment) -> ObservedFabricEnvironment:
    job = require_resolved(desired.job)
    observed = observed_of(desired, job, fabric(cloud).get_environment(job))
    observed = replace(observed, runs=_dag_runs_under_way(cloud, observed))
    if observed.probe is None or not observed.previous_key_ids:
        return observed
    return replace(observed, usage=usage_so_far(cloud, observed.probe, observed.web_url, _publication(observed)))


def _dag_runs_under_way(cloud: Cloud, observed: ObservedFabricEnvironment) -> tuple[str, ...] | None:
    """DAG runs under way, once per pass; None if nobody can be asked."""
    probe, url = observed.probe, observed.web_url
    if not observed.found.started:
        return ()
    if probe is None or not url:
        return None
    try:
        airflow = cloud.airflow(url, probe.api, retry=False)
        return cloud.session.reads.get(("runs under way", url), airflow.unfinished_run_names)
    except UNANSWERED:
        return None


def _publication(observed: ObservedFabricEnvironment) -> Publication:
    return Publication(key_id=observed.key_id, since=observed.published_at)


def _probe_usage(cloud: Cloud, observed: ObservedFabricEnvironment) -> Usage:
    if observed.probe is None:
        return Usage(unknown_reason="it has no probe DAG")
    return usage_by_probe_run(cloud, observed.probe, observed.web_url, _publication(observed))


def _ready(cloud: Cloud, desired: FabricEnvironment, observed: ObservedFabricEnvironment | None) -> Iterator[Checked]:
    """Check whether it runs, whether its Airflow supports the provider, whether it reaches the vault."""
    if observed is not None and observed.note:
        yield Checked(verdict=Verdict.STOPS, what=observed.note, remedy="Restart it on the job's page in Fabric")
    yield _provider(desired)
    vault, name = cloud.key_vaults.find_vault(desired.vault_id), desired.vault_id.rpartition("/")[2]
    managed = vault is None or vault.tags.get(OWNER_TAG) == desired.environment
    there = desired.vault_network.applied(vault.network if vault else {}, managed=managed)
    if is_network_restricted(there):
        closed = closed_to(there, trusted=False)
        what = f"Airflow cannot read its secrets: {closed or 'its firewall admits some networks only'}; {NETWORK}"
        remedy = f"`az keyvault update --name {name} --public-network-access Enabled --default-action Allow`"
        if is_network_restricted(desired.vault_network.properties()):
            remedy = "Leave `public_network_access` and `network_rules` of `vault` out of the spec"
        verdict = Verdict.STOPS if closed else Verdict.NOTE
        yield Checked(verdict=verdict, what=what, remedy=remedy, about=f"key_vault/{name}")


def _provider(desired: FabricEnvironment) -> Checked:
    """A newer one would upgrade Airflow, or fail."""
    newest = desired.newest.partition("==")[2]
    what = f"{desired.package} {desired.provider_version}"
    if _numbers(desired.provider_version) <= _numbers(newest):
        return Checked(verdict=Verdict.HOLDS, what=f"{what} on Fabric's Airflow")
    remedy = f"Write `provider_version: {newest}`, or leave it out"
    return Checked(verdict=Verdict.STOPS, what=f"{what} asks for a newer Airflow than Fabric has", remedy=remedy)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def worker_variables(observed: ObservedFabricEnvironment) -> Mapping[str, Secret | None]:
    """What its workers read variables with, and sign in with as the variables are called elsewhere; None: hidden."""
    if KWARGS in observed.found.masked:
        return dict.fromkeys((KWARGS, *map(_variable, CREDENTIAL)))
    given = {
        _variable(name): Secret(str(observed.backend_kwargs[name]))
        for name in CREDENTIAL
        if name in observed.backend_kwargs
    }
    return {**observed.found.variables, **observed.found.overrides, **given}


def _variable(argument: str) -> str:
    return f"AZURE_{argument.upper()}"


def _holds(observed: ObservedFabricEnvironment) -> Mapping[Address, tuple[KeyReference, ...]]:
    """The rollout cannot be observed, so it is counted from the recorded time."""
    since, keys = observed.published_at, list[KeyReference]()
    settled = since + observed.rollout if since else None
    if observed.key_id and KWARGS in observed.found.overrides:
        readable = observed.secret is not None
        usage = observed.usage
        keys.append(
            KeyReference(
                key_id=observed.key_id, since=since, settled=settled, readable=readable, usage=usage, unversioned=True
            )
        )
    keys += [KeyReference(key_id=key_id, since=since, current=False) for key_id in observed.previous_key_ids]
    return {observed.credential: tuple(keys)} if keys else {}


def _reveal(_cloud: Cloud, observed: ObservedFabricEnvironment, key_id: str) -> Secret:
    secret = observed.secret
    if secret is None or key_id != observed.key_id:
        raise NotFound(operation=f"read key {key_id}", code="KeyNotHeld")
    return secret


def _prove(
    cloud: Cloud, desired: FabricEnvironment, _observed: ObservedFabricEnvironment, _made: Published, _by: ReadBy | None
) -> Proof:
    started = fabric(cloud).get_environment_now(require_resolved(desired.job)).started
    return Proof.USABLE if started else Proof.NOT_YET


KIND: Kind[FabricEnvironment, ObservedFabricEnvironment] = Kind(
    diff=diff,
    publish=publish_nothing,
    read=_read,
    owned=IN_ITS_JOB,
    create=create,
    update=update,
    delete=delete,
    preflight=Preflight(ready=_ready),
    proofs=Proofs(written=_prove),
    holder=Holder(holds=_holds, reveal=_reveal, probe_usage=_probe_usage),
)
