"""Checks of the principals as a task uses them: Airflow's reads its variables in the vault, the API's the cluster."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provisioner.cloud.cloud import Cloud
from provisioner.errors import CloudError, NotAuthorized, NotYetVisible
from provisioner.kinds import application
from provisioner.model import Address
from provisioner.spec.model import secret_name
from provisioner.spec.resource_id import last_name
from provisioner.verify.check import failed, passed, unanswered, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.transport.session import Session
    from provisioner.secret import Secret
    from provisioner.spec.principals import Principal
    from provisioner.verify.check import Check
    from provisioner.verify.deployed import DeployedEnvironment

AIRFLOW, API, CLUSTER = "airflow signs in", "flink-api signs in", "flink-api may use the Flink cluster"
ANSWERS = "Flink answers"
KWARGS = "AIRFLOW__SECRETS__BACKEND_KWARGS"
SIGN_IN = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
THREADS = 16


@dataclass(frozen=True, kw_only=True)
class SecretsBackend:
    """Where Airflow's secrets backend looks: the vault's name, and the prefixes of variables and of connections."""

    vault: str
    variables_prefix: str
    connections_prefix: str


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """A variable or connection that a task may ask for. key: of a variable; secret: the vault secret that has it."""

    key: str
    check_name: str
    secret: str


@dataclass(kw_only=True)
class AirflowChecks:
    """The checks of Airflow's principal, and the variables that it could read."""

    checks: list[Check] = field(default_factory=list["Check"])
    variables: dict[str, Secret] = field(default_factory=dict[str, "Secret"], repr=False)


def check_principals(deployed: DeployedEnvironment) -> list[Check]:
    """Airflow's sign-in, each variable and connection, the API's sign-in and rights, further principals' sign-in."""
    airflow, environment = _check_airflow(deployed), deployed.environment
    api = _check_api(deployed, airflow) if environment.flink.uses_api_principal else [_check_flink(deployed)]
    further = (_check_further(deployed, airflow, name) for name in environment.principals.further)
    return [*airflow.checks, *api, *further]


def _check_airflow(deployed: DeployedEnvironment) -> AirflowChecks:
    """Sign in with what Airflow's runtime has, and read what its tasks read. Raises nothing: a failure is a check."""
    host = deployed.targets.airflow
    try:
        observed = deployed.read_observed(deployed.node(host.address))
    except CloudError as error:
        return AirflowChecks(checks=[unanswered(AIRFLOW, error)])
    if observed is None:
        detail = f"{host.address} is not there; run `provisioner provision`"
        return AirflowChecks(checks=[failed(AIRFLOW, detail, precondition=True)])
    if (principal := deployed.environment.principals.airflow).secretless:
        return AirflowChecks(checks=[unknown(AIRFLOW, _reason_not_tried_here(principal))])
    settings = host.settings(observed)
    if missing := [name for name in SIGN_IN if name not in settings]:
        detail = f"its settings lack {', '.join(missing)}; run `provisioner provision`"
        return AirflowChecks(checks=[failed(AIRFLOW, detail, precondition=True)])
    tenant, client, secret = (settings[name] for name in SIGN_IN)
    if tenant is None or client is None or secret is None:
        return AirflowChecks(checks=[unknown(AIRFLOW, "its runtime hides what it signs in with")])
    with closing(deployed.cloud.session.open_for_principal(tenant.reveal(), client.reveal(), secret)) as session:
        refused = _sign_in_refused(session, AIRFLOW, "airflow")
        return AirflowChecks(checks=[refused]) if refused else _check_lookups(deployed, Cloud(session), settings)


def _reason_not_tried_here(principal: Principal) -> str:
    if principal.federation is not None:
        return f"it signs in with tokens of {principal.federation.every_subject[0]}, which only its platform has"
    return f"it signs in as {last_name(principal.managed_identity)}, as which only machines that have it assigned can"


def _sign_in_refused(session: Session, check_name: str, principal: str) -> Check | None:
    """The check that says why the principal gets no token; None if it gets one."""
    try:
        claims = session.claims
    except (NotAuthorized, NotYetVisible) as error:  # the latter of a secret that Entra does not know
        remedy = (
            f"`provisioner status` shows its secret; `provisioner rotate --only {principal} --force` makes a new one"
        )
        return failed(check_name, f"{error.code}: {error.message}. {remedy}", precondition=True)
    except CloudError as error:
        return unanswered(check_name, error)
    return None if claims.get("appid") else unknown(check_name, "its token does not say whose it is")


def _check_lookups(deployed: DeployedEnvironment, cloud: Cloud, settings: Mapping[str, Secret | None]) -> AirflowChecks:
    """Each variable and connection, looked up as Airflow's backend does with the settings that are deployed."""
    client = str(cloud.session.claims.get("appid", ""))
    found = AirflowChecks(checks=[passed(AIRFLOW, f"as {client}, with what its runtime has")])
    backend = _backend(deployed, settings)
    if not isinstance(backend, SecretsBackend):
        found.checks.append(failed("airflow reads its variables", backend, precondition=True))
        return found
    with ThreadPoolExecutor(THREADS, thread_name_prefix="variables") as pool:
        lookups = list(_lookups(deployed, backend))
        checked = pool.map(partial(_check_lookup, cloud, backend.vault), lookups)
        for lookup, (check, value) in zip(lookups, checked, strict=True):
            found.checks.append(check)
            if value is not None:
                found.variables[lookup.key] = value
    return found


def _backend(deployed: DeployedEnvironment, settings: Mapping[str, Secret | None]) -> SecretsBackend | str:
    """The deployed configuration of the secrets backend, or what is wrong with it. Hidden settings: the spec's."""
    airflow = deployed.environment.airflow
    text = settings.get(KWARGS)
    if text is None and KWARGS in settings:
        return SecretsBackend(
            vault=deployed.environment.vault_name,
            variables_prefix=airflow.variables_prefix,
            connections_prefix=airflow.connections_prefix,
        )
    try:
        kwargs: dict[str, Any] = json.loads(text.reveal()) if text else {}
        vault = str(urlsplit(str(kwargs["vault_url"])).hostname).partition(".")[0]
        return SecretsBackend(
            vault=vault,
            variables_prefix=str(kwargs.get("variables_prefix", "airflow-variables")),
            connections_prefix=str(kwargs.get("connections_prefix", "airflow-connections")),
        )
    except (ValueError, KeyError, TypeError):
        return f"{KWARGS} names no vault, so Airflow asks none; run `provisioner provision`"


def _lookups(deployed: DeployedEnvironment, backend: SecretsBackend) -> Iterator[Lookup]:
    environment = deployed.environment
    begin = environment.airflow.own_prefix
    further = (environment.principal_variable_keys(name) for name in environment.principals.further)
    for key in (*environment.tool_variable_keys, *(key for keys in further for key in keys), *environment.variables):
        yield Lookup(key=key, check_name=f"variable {key}", secret=secret_name(backend.variables_prefix, begin + key))
    for key in (*environment.connections, *environment.flink.connections):
        secret = secret_name(backend.connections_prefix, begin + key)
        yield Lookup(key="", check_name=f"connection {key}", secret=secret)


def _check_lookup(cloud: Cloud, vault: str, lookup: Lookup) -> tuple[Check, Secret | None]:
    try:
        found = cloud.secrets.find_secret(vault, lookup.secret)
    except CloudError as error:
        if error.status == 0 or error.status >= 500:
            return unanswered(lookup.check_name, error), None
        reason = f"airflow cannot read {vault}/{lookup.secret}: {error.code}: {error.message}"
        detail = f"{reason}. Run `provisioner provision`"
        return failed(lookup.check_name, detail, precondition=isinstance(error, NotAuthorized)), None
    if found is None or found.value is None:
        detail = f"{vault} has no secret {lookup.secret}; run `provisioner provision`"
        return failed(lookup.check_name, detail, precondition=True), None
    return passed(lookup.check_name, f"{vault}/{lookup.secret}"), found.value


def _check_api(deployed: DeployedEnvironment, airflow: AirflowChecks) -> Iterator[Check]:
    """Sign in as the API's principal with the variables that Airflow gives a task, and look at the cluster."""
    if (principal := deployed.environment.principals.flink_api).secretless:
        yield unknown(API, _reason_not_tried_here(principal))
        scope = deployed.environment.flink.scope
        yield unknown(CLUSTER, "it does not sign in from here") if scope else _check_flink(deployed)
        return
    tenant, client, secret = (airflow.variables.get(key) for key in ("tenant-id", "api-client-id", "api-secret"))
    if tenant is None or client is None or secret is None:
        reason = "airflow could not read what it signs in with"
        yield unknown(API, reason)
        yield unknown(CLUSTER, reason) if deployed.environment.flink.scope else _check_flink(deployed)
        return
    with closing(deployed.cloud.session.open_for_principal(tenant.reveal(), client.reveal(), secret)) as session:
        refused = _sign_in_refused(session, API, "flink-api")
        yield refused or passed(API, f"as {session.claims.get('appid', '')}, with what the vault has")
        if not deployed.environment.flink.scope:
            yield _check_flink(deployed)
        else:
            yield unknown(CLUSTER, "it does not sign in") if refused else _check_cluster(deployed, Cloud(session))


def _check_further(deployed: DeployedEnvironment, airflow: AirflowChecks, name: str) -> Check:
    """Sign in as a further principal, with what a task reads in its variables, else with its first vault secret."""
    check_name = f"{name} signs in"
    if (principal := deployed.environment.principals.further[name]).secretless:
        return unknown(check_name, _reason_not_tried_here(principal))
    try:
        client, secret = _further_credential(deployed, airflow, name)
    except CloudError as error:
        return unanswered(check_name, error)
    if not client or secret is None:
        return unknown(check_name, "what it signs in with could not be read")
    with closing(deployed.cloud.session.open_for_principal(deployed.names.tenant_id, client, secret)) as session:
        refused = _sign_in_refused(session, check_name, name)
        return refused or passed(check_name, f"as {client}, with what the vault has")


def _further_credential(deployed: DeployedEnvironment, airflow: AirflowChecks, name: str) -> tuple[str, Secret | None]:
    """Client id and secret of a further principal."""
    keys = deployed.environment.principal_variable_keys(name)
    if keys:
        client, secret = (airflow.variables.get(key) for key in keys)
        return client.reveal() if client else "", secret
    secrets = deployed.environment.principals.further[name].secrets
    found = deployed.cloud.secrets.find_secret(deployed.environment.vault_name, secrets[0])
    client_id = application.Outputs.client_id.of(Address("application", name))
    return deployed.read_output(client_id), found.value if found else None


def _check_cluster(deployed: DeployedEnvironment, cloud: Cloud) -> Check:
    """Whether the principal of this cloud reads the cluster, and its roles allow what the DAG does there."""
    flink, scope = deployed.targets.flink, deployed.environment.flink.scope
    try:
        if deployed.read_observed(deployed.node(flink.address), cloud) is None:
            return failed(CLUSTER, "the cluster is not there; correct `flink`", precondition=True)
        missing = [action for action in flink.actions if cloud.caller_rights.remedy_if_missing(scope, action)]
    except NotAuthorized as error:
        detail = f"it cannot read the cluster: {error.code}. Run `provisioner provision`"
        return failed(CLUSTER, detail, precondition=True)
    except CloudError as error:
        return unanswered(CLUSTER, error)
    if missing:
        detail = f"its roles lack {', '.join(missing)}; correct `principals.flink-api.role`"
        return failed(CLUSTER, detail, precondition=True)
    return passed(CLUSTER, f"{scope.rpartition('/')[2]}: it reads it, its jobs, and may submit some")


def _check_flink(deployed: DeployedEnvironment) -> Check:
    """Whether Flink's own API answers this machine, where Azure knows nothing of it."""
    flink = deployed.targets.flink
    try:
        observed = deployed.read_observed(deployed.node(flink.address))
    except CloudError as error:
        return unanswered(ANSWERS, error)
    if observed is None:
        return failed(ANSWERS, f"{flink.address} is not there; correct `flink`", precondition=True)
    reason = flink.unreachable(observed)
    return unknown(ANSWERS, reason) if reason else passed(ANSWERS, f"as {flink.address}")
