"""The two principals as a task has them: Airflow's reads its variables in the vault, the API's reads the cluster."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provisioner.cloud.cloud import Cloud
from provisioner.errors import CloudError, NotAuthorized
from provisioner.model import Address, Ref
from provisioner.spec.checks import OURS
from provisioner.spec.model import secret_name
from provisioner.verify.check import failed, not_asked, ok, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.transport.session import Session
    from provisioner.secret import Secret
    from provisioner.verify.check import Finding
    from provisioner.verify.deployed import Links

AIRFLOW, API, CLUSTER = "airflow signs in", "flink-api signs in", "flink-api may use the Flink cluster"
KWARGS = "AIRFLOW__SECRETS__BACKEND_KWARGS"
SIGN_IN = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
THREADS = 16


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where Airflow's backend looks: the vault's name, and what it puts before variables and connections."""

    vault: str
    variables: str
    connections: str


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One key that a task may ask for: of a variable, what it is for people, the vault's secret."""

    key: str
    what: str
    secret: str


@dataclass(kw_only=True)
class Read:
    """What was found out, and the variables that were read on the way."""

    findings: list[Finding] = field(default_factory=list["Finding"])
    values: dict[str, Secret] = field(default_factory=dict[str, "Secret"], repr=False)


def prove(links: Links) -> list[Finding]:
    """Airflow's sign-in, each variable and connection, the API's sign-in, what it may do, the further ones' sign-in."""
    read = _as_airflow(links)
    further = (_further(links, read, name) for name in links.environment.principals.further)
    return [*read.findings, *_as_api(links, read), *further]


def _as_airflow(links: Links) -> Read:
    """What its own principal meets. Raises nothing: what fails is a finding."""
    host = links.targets.airflow
    try:
        observed = links.observed(links.node(host.address))
    except CloudError as error:
        return Read(findings=[not_asked(AIRFLOW, error)])
    if observed is None:
        return Read(findings=[failed(AIRFLOW, f"{host.address} is not there; run `provisioner provision`", right=True)])
    settings = host.settings(observed)
    if lacks := [name for name in SIGN_IN if name not in settings]:
        told = f"its settings lack {', '.join(lacks)}; run `provisioner provision`"
        return Read(findings=[failed(AIRFLOW, told, right=True)])
    tenant, client, secret = (settings[name] for name in SIGN_IN)
    if tenant is None or client is None or secret is None:
        return Read(findings=[unknown(AIRFLOW, "its runtime hides what it signs in with")])
    with closing(links.cloud.session.acting_as(tenant.reveal(), client.reveal(), secret)) as session:
        refused = _refused(session, AIRFLOW, "airflow")
        return Read(findings=[refused]) if refused else _with_vault(links, Cloud(session), settings)


def _refused(session: Session, what: str, name: str) -> Finding | None:
    """Why it gets no token, if so."""
    try:
        claims = session.claims
    except NotAuthorized as error:
        remedy = f"`provisioner status` shows its secret; `provisioner rotate --only {name} --force` makes a new one"
        return failed(what, f"{error.code}: {error.message}. {remedy}", right=True)
    except CloudError as error:
        return not_asked(what, error)
    return None if claims.get("appid") else unknown(what, "its token does not say whose it is")


def _with_vault(links: Links, cloud: Cloud, settings: Mapping[str, Secret | None]) -> Read:
    """The keys that a task may ask for, resolved as the backend does with the settings that are deployed."""
    client = str(cloud.session.claims.get("appid", ""))
    read = Read(findings=[ok(AIRFLOW, f"as {client}, with what its runtime has")])
    place = _place(links, settings)
    if not isinstance(place, Place):
        read.findings.append(failed("airflow reads its variables", place, right=True))
        return read
    with ThreadPoolExecutor(THREADS, thread_name_prefix="variables") as pool:
        wanted = list(_wanted(links, place))
        for one, (finding, value) in zip(wanted, pool.map(partial(_resolved, cloud, place.vault), wanted), strict=True):
            read.findings.append(finding)
            if value is not None:
                read.values[one.key] = value
    return read


def _place(links: Links, settings: Mapping[str, Secret | None]) -> Place | str:
    """Where the backend looks, or why it looks nowhere. Hidden settings: where the spec says."""
    environment = links.environment
    given = settings.get(KWARGS)
    if given is None and KWARGS in settings:
        names = (environment.airflow.variables_prefix, environment.airflow.connections_prefix)
        return Place(vault=environment.vault_name, variables=names[0], connections=names[1])
    try:
        told: dict[str, Any] = json.loads(given.reveal()) if given else {}
        vault = str(urlsplit(str(told["vault_url"])).hostname).partition(".")[0]
        return Place(
            vault=vault,
            variables=str(told.get("variables_prefix", "airflow-variables")),
            connections=str(told.get("connections_prefix", "airflow-connections")),
        )
    except (ValueError, KeyError, TypeError):
        return f"{KWARGS} names no vault, so Airflow asks none; run `provisioner provision`"


def _wanted(links: Links, place: Place) -> Iterator[Wanted]:
    environment = links.environment
    further = (environment.principal_variables(name) or () for name in environment.principals.further)
    for key in (*OURS, *(key for pair in further for key in pair), *environment.variables):
        yield Wanted(key=key, what=f"variable {key}", secret=secret_name(place.variables, key))
    for key in environment.connections:
        yield Wanted(key="", what=f"connection {key}", secret=secret_name(place.connections, key))


def _resolved(cloud: Cloud, vault: str, wanted: Wanted) -> tuple[Finding, Secret | None]:
    what, name = wanted.what, wanted.secret
    try:
        found = cloud.secrets.find_secret(vault, name)
    except CloudError as error:
        if error.status == 0 or error.status >= 500:
            return not_asked(what, error), None
        told = f"airflow cannot read {vault}/{name}: {error.code}: {error.message}. Run `provisioner provision`"
        return failed(what, told, right=isinstance(error, NotAuthorized)), None
    if found is None or found.value is None:
        return failed(what, f"{vault} has no secret {name}; run `provisioner provision`", right=True), None
    return ok(what, f"{vault}/{name}"), found.value


def _as_api(links: Links, read: Read) -> Iterator[Finding]:
    """What the API's principal meets, with what Airflow would give a task."""
    values = [read.values.get(key) for key in ("tenant-id", "api-client-id", "api-secret")]
    tenant, client, secret = values
    if tenant is None or client is None or secret is None:
        because = "airflow could not read what it signs in with"
        yield unknown(API, because)
        yield unknown(CLUSTER, because)
        return
    with closing(links.cloud.session.acting_as(tenant.reveal(), client.reveal(), secret)) as session:
        refused = _refused(session, API, "flink-api")
        yield refused or ok(API, f"as {session.claims.get('appid', '')}, with what the vault has")
        yield unknown(CLUSTER, "it does not sign in") if refused else _cluster(links, Cloud(session))


def _further(links: Links, read: Read, name: str) -> Finding:
    """One more principal, with what a task reads in its variables, else what the first of its vault secrets has."""
    what = f"{name} signs in"
    try:
        client, secret = _held(links, read, name)
    except CloudError as error:
        return not_asked(what, error)
    if not client or secret is None:
        return unknown(what, "what it signs in with could not be read")
    with closing(links.cloud.session.acting_as(links.names.tenant_id, client, secret)) as session:
        return _refused(session, what, name) or ok(what, f"as {client}, with what the vault has")


def _held(links: Links, read: Read, name: str) -> tuple[str, Secret | None]:
    """Client id and secret of a further principal."""
    keys = links.environment.principal_variables(name)
    if keys is not None:
        client, secret = (read.values.get(key) for key in keys)
        return client.reveal() if client else "", secret
    secrets = links.environment.principals.further[name].secrets
    found = links.cloud.secrets.find_secret(links.environment.vault_name, secrets[0])
    return links.published(Ref(Address("application", name), "client_id")), found.value if found else None


def _cluster(links: Links, cloud: Cloud) -> Finding:
    """It reads the cluster, and its roles allow what the DAG does there."""
    flink = links.targets.flink
    try:
        if links.observed(links.node(flink.address), cloud) is None:
            return failed(CLUSTER, "the cluster is not there; correct `flink`", right=True)
        lacks = [action for action in flink.actions if cloud.caller.lacks(flink.scope, action)]
    except NotAuthorized as error:
        return failed(CLUSTER, f"it cannot read the cluster: {error.code}. Run `provisioner provision`", right=True)
    except CloudError as error:
        return not_asked(CLUSTER, error)
    if lacks:
        return failed(CLUSTER, f"its roles lack {', '.join(lacks)}; correct `principals.flink-api.role`", right=True)
    return ok(CLUSTER, f"{flink.scope.rpartition('/')[2]}: it reads it, its jobs, and may submit some")
