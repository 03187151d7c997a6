"""Who works in either environment of a migration: Airflow's workers with what their holders name, as each task does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tests.emulator import ARM, LOGIN, TENANT
from tests.localazure.fabric.workspace import JOBS, Fabric
from tests.migration.moving import FABRIC_JOB, FABRIC_URL
from tests.rotation.workers import ASSERTION, service_account_token

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli
    from tests.emulator import LocalAzure
    from tests.migration.moving import Moving

VAULT = "https://vault.azure.net"
RUNTIMES = "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/flink-factory-local"
API = "api://airflow.example"
DATA_FACTORY = "5d13f7d7-0567-429c-9880-320e9555e5fc"
OWN_PREFIX = "moved-"
BACKEND = "AIRFLOW__SECRETS__BACKEND_KWARGS"


def runtime(cli: Cli) -> dict[str, Any]:
    """What Azure shows of an Airflow in Data Factory; empty without it."""
    where = f"{RUNTIMES}/integrationruntimes/{cli.spec['airflow']['runtime']}?api-version=2018-06-01"
    answer = cli.azure.request("GET", f"{ARM}{cli.azure.subscription}{where}")
    if answer.status != 200:
        return {}
    return dict(answer.json()["properties"]["typeProperties"]["airflowProperties"])


def variables_of_runtime(cli: Cli) -> dict[str, str]:
    """What the workers of an Airflow in Data Factory have; empty without it."""
    return dict(runtime(cli).get("airflowEnvironmentVariables", {}))


def variables_of_text(rendered: str) -> dict[str, str]:
    """What `render --format env` prints."""
    return dict(line.split("=", 1) for line in rendered.splitlines() if "=" in line and not line.startswith("#"))


def variables_of_platform(cli: Cli, folder: Path) -> dict[str, str]:
    """What the workers of one's own Airflow have: what `render` prints, and what the cluster gives its pods."""
    token = folder / "token"
    token.write_text(service_account_token(cli.azure))
    return {**variables_of_text(cli.done("render", "--format", "env").out), "AZURE_FEDERATED_TOKEN_FILE": str(token)}


def job_in_fabric(azure: LocalAzure) -> str:
    """The path of the new environment's job."""
    listed = Fabric(azure=azure)("GET", JOBS).json()["value"]
    (job,) = [one["id"] for one in listed if one["displayName"] == FABRIC_JOB]
    return f"{JOBS}/{job}"


def settings_of_job(azure: LocalAzure) -> dict[str, str]:
    """What the workers of the job in Fabric are to have in their environment."""
    settings = Fabric(azure=azure)("GET", f"{job_in_fabric(azure)}/environment/settings?beta=true").json()
    both = settings["environmentVariables"], settings["airflowConfigurationOverrides"]
    return {one["name"]: str(one["value"]) for each in both for one in each}


def variables_of_job(azure: LocalAzure) -> dict[str, str]:
    """The same, and apart the credential that is in the backend's arguments."""
    found = settings_of_job(azure)
    backend = json.loads(found[BACKEND])
    return {**found, "AZURE_CLIENT_ID": backend["client_id"], "AZURE_CLIENT_SECRET": backend["client_secret"]}


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a task does with these variables before it does its work. Without a secret in them it has a pod's token.

    own_prefix: of the names of its DAGs and of the variables that they read, where the Airflow is shared.
    """

    azure: LocalAzure
    variables: dict[str, str]
    own_prefix: str = ""

    def complaint(self) -> str:
        """What does not work now; empty if all does."""
        own = self._sign_in(self.variables.get("AZURE_CLIENT_ID", ""), self._secret, VAULT)
        if not own:
            return "airflow cannot sign in"
        client_id = self._value("api-client-id", own)
        if not client_id:
            return "airflow cannot read api-client-id"
        secret = self._value("api-secret", own) if self._secret else ""
        return "" if self._sign_in(client_id, secret, ARM) else "flink-api cannot sign in"

    @property
    def _secret(self) -> str:
        return self.variables.get("AZURE_CLIENT_SECRET", "")

    def _value(self, name: str, token: str) -> str:
        backend: dict[str, Any] = json.loads(self.variables[BACKEND])
        secret = f"{backend['variables_prefix']}-{self.own_prefix}{name}"
        url = f"{backend['vault_url'].rstrip('/')}/secrets/{secret}?api-version=7.4"
        answer = self.azure.request("GET", url, token=token)
        return str(answer.json()["value"]) if answer.status == 200 else ""

    def _sign_in(self, client_id: str, secret: str, resource: str) -> str:
        form = {"client_id": client_id, "grant_type": "client_credentials", "scope": f"{resource}/.default"}
        if secret:
            form["client_secret"] = secret
        else:
            form |= {"client_assertion_type": ASSERTION, "client_assertion": service_account_token(self.azure)}
        answer = self.azure.post_form(f"{LOGIN}/{TENANT}/oauth2/v2.0/token", form)
        return str(answer.json()["access_token"]) if answer.status == 200 else ""


@dataclass
class Readers:
    """The workers of both: the new ones once their DAG may run, the old ones until then. refused: what went wrong."""

    moving: Moving
    dag: str = "FlinkWordCountExample"
    refused: list[str] = field(default_factory=list[str])
    looked: dict[str, int] = field(default_factory=lambda: {"old": 0, "new": 0})

    def look(self) -> None:
        """Sign in and read as whoever may work now."""
        who = "new" if self._new_runs() else "old"
        complaint = self._complaint_of_new() if who == "new" else self._old_worker().complaint()
        self.looked[who] += 1
        if complaint and (who == "new" or not self._new_runs()):
            self.refused.append(f"{self.moving.azure.control('GET', '/clock')['now']} {who}: {complaint}")

    def pass_minutes(self, count: int) -> None:
        """Let time pass, and look in each minute."""
        for _ in range(count):
            self.moving.advance(60.0)
            self.look()

    def _new_runs(self) -> bool:
        """Whether the new Airflow begins runs of the DAG."""
        azure = self.moving.azure
        if self.moving.to_fabric:
            url, audience = f"{FABRIC_URL}/api/v1/dags/{self.dag}", DATA_FACTORY
        elif self.moving.to_data_factory:
            there = str(runtime(self.moving.new).get("airflowWebUrl", "")).removesuffix("/login/")
            if not there:
                return False
            url, audience = f"{there}/api/v1/dags/{self.dag}", ARM
        else:
            url, audience = f"https://moved.airflow.example/api/v2/dags/{OWN_PREFIX}{self.dag}", API
        answer = azure.request("GET", url, token=azure.token(audience))
        return answer.status == 200 and not answer.json()["is_paused"]

    def _old_worker(self) -> Worker:
        return Worker(azure=self.moving.azure, variables=variables_of_runtime(self.moving.old))

    def _complaint_of_new(self) -> str:
        if self.moving.to_data_factory:
            return Worker(azure=self.moving.azure, variables=variables_of_runtime(self.moving.new)).complaint()
        if not self.moving.to_fabric:
            return self._new_worker().complaint()
        jobs: list[dict[str, Any]] = self.moving.azure.control("GET", "/airflow-jobs")
        (signs_in,) = [one["signs_in"] for one in jobs if one["name"] == FABRIC_JOB]
        if not signs_in:  # with the settings that have been rolled out to them
            return "airflow cannot sign in"
        return Worker(azure=self.moving.azure, variables=variables_of_job(self.moving.azure)).complaint()

    def _new_worker(self) -> Worker:
        listed: list[dict[str, Any]] = self.moving.azure.graph("GET", "applications?$top=999").json()["value"]
        own = next(str(one["appId"]) for one in listed if one["displayName"] == "moved airflow")
        return Worker(
            azure=self.moving.azure, variables={**self._rendered, "AZURE_CLIENT_ID": own}, own_prefix=OWN_PREFIX
        )

    @cached_property
    def _rendered(self) -> dict[str, str]:
        return variables_of_text(self.moving.rendered())
