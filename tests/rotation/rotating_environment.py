"""An environment whose credentials rotate on the local Azure: runs in this process, and its consumers signing in.

The consumers are Airflow's workers, who hold what is in use in their runtime, and whoever reads the vault's latest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from provisioner import commands
from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import PROFILES
from provisioner.cloud.transport.session import open_session
from provisioner.cloud.transport.sign_in import LocalSettings
from provisioner.cloud.transport.waits import WaitLimits
from provisioner.model import Intent, Outcome, Request, Result, Step
from provisioner.render.dag_problems import dag_problems
from provisioner.secret import Secret
from provisioner.spec.loader import load
from tests.emulator import ARM
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from provisioner.commands import Report, Run
    from provisioner.model import Plan
    from provisioner.spec.model import Environment
    from tests.emulator import LocalAzure

T = TypeVar("T")
ID = "0a05bbc5-f0cb-5d6b-a02d-2b390f031b4c"  # of environments/local.yaml in the local tenant
VAULT = "https://kv-flink-local.vault.azure.net"
API_SECRET = "hdinsight-aks-variables-api-secret"
FACTORY = "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/flink-factory-local"
RUNTIME = f"{FACTORY}/integrationruntimes/airflow-local"
NAMES = ("airflow", "flink-api")
ROTATE = Request(intent=Intent.ROTATE)
DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a consumer signs in with at a moment, and whether it works. key_id: None if Entra has no such key."""

    name: str
    key_id: str | None
    works: bool


@dataclass
class RotatingEnvironment:
    """One environment; each run gets a session of its own. watched: who is told of every step of every run."""

    azure: LocalAzure
    spec: Path
    journal: Path
    watched: Callable[[Step, Outcome | None], None] = field(default=lambda _step, _outcome: None)

    @cached_property
    def environment(self) -> Environment:
        """What the spec says."""
        return load(str(self.spec), dag_problems=dag_problems)

    @cached_property
    def vault_url(self) -> str:
        """Of its vault."""
        return f"https://{self.environment.vault_name}.vault.azure.net"

    def provision(self) -> Report:
        """As `provisioner provision`."""
        return self._run("provision", commands.provision)

    def rotate(self, asked: Request = ROTATE, *, plan_only: bool = False) -> Report:
        """As `provisioner rotate`."""
        return self._run("rotate", lambda run: commands.rotate(run, asked, plan_only=plan_only))

    def status(self) -> Plan:
        """What `provisioner status` looks at."""
        return self._run("status", commands.make_plan)

    def _run(self, verb: str, command: Callable[[Run], T]) -> T:
        azure, environment = self.azure, self.environment
        local = LocalSettings(
            proxy=azure.proxy,
            ca_bundle=azure.ca_bundle,
            tenant_id=azure.tenant_id,
            client_id=azure.operator_client_id,
            client_secret=tool_secret(azure.operator_secret),
        )
        session = open_session(
            PROFILES[environment.cloud],
            subscription=environment.subscription,
            tenant=environment.tenant,
            local=local,
            wait_limits=WaitLimits(visible_seconds=environment.waits.visible.total_seconds()),
        )
        try:
            session.sign_in()
            run = commands.Run(
                environment=environment,
                cloud=Cloud(session),
                clock=time.perf_counter,
                journal=self.journal,
                verb=verb,
                watch=self.watched,
            )
            return command(run)
        finally:
            session.close()

    def with_rollout(self, rollout: timedelta) -> RotatingEnvironment:
        """The same where the spec says that Airflow's workers take so long."""
        changed = replace(self)
        airflow = self.environment.airflow.model_copy(update={"rollout": rollout})
        changed.environment = self.environment.model_copy(update={"airflow": airflow})
        return changed

    def with_visible(self, visible: timedelta) -> RotatingEnvironment:
        """The same where the spec says that what was written is seen everywhere so soon."""
        changed = replace(self)
        waits = self.environment.waits.model_copy(update={"visible": visible})
        changed.environment = self.environment.model_copy(update={"waits": waits})
        return changed

    def now(self) -> datetime:
        """The local Azure's time."""
        return datetime.fromisoformat(self.azure.control("GET", "/clock")["now"])

    def advance(self, seconds: float) -> None:
        """Let time pass; tokens of before have ended."""
        self.azure.advance(seconds)
        self.azure.tokens.clear()

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until then."""
        self.advance((moment - self.now()).total_seconds())

    def uses(self) -> tuple[Use, Use]:
        """What Airflow's workers and the readers of the vault sign in with now, tried for real."""
        workers, variable = self.workers(), self.environment.variable_secret_name
        client_id, secret = self.read(variable("api-client-id")).reveal(), self.read(variable("api-secret"))
        held = [one for one in self.passwords("flink-api") if secret.reveal().startswith(one["hint"])]
        api = Use(
            name="flink-api",
            key_id=held[0]["keyId"] if held else None,
            works=self.azure.sign_in(client_id, secret).status == 200,
        )
        return Use(name="airflow", key_id=workers["key_id"], works=workers["signs_in"]), api

    def workers(self) -> dict[str, Any]:
        """What Airflow's workers sign in with now, and whether it works."""
        (workers,) = self.azure.control("GET", "/sign-ins")
        return workers

    def read(self, name: str, version: str = "") -> Secret:
        """A secret's value as the operator reads it."""
        return Secret(self.vault("GET", f"secrets/{name}/{version}").json()["value"])

    def vault(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the vault as the operator."""
        token = self.azure.token("https://vault.azure.net")
        return self.azure.request(method, f"{self.vault_url}/{path}?api-version=7.4", body, token=token)

    def versions(self, name: str = "") -> list[dict[str, Any]]:
        """Every version of a secret, without values; of the API's by default."""
        name = name or self.environment.variable_secret_name("api-secret")
        return list(self.vault("GET", f"secrets/{name}/versions").json()["value"])

    def runtime(self) -> dict[str, str]:
        """The runtime's variables as GET shows them."""
        path = f"{self.azure.subscription}{RUNTIME}?api-version=2018-06-01"
        runtime = self.azure.request("GET", f"{ARM}{path}").json()
        return runtime["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]

    def airflow_url(self, path: str) -> str:
        """Of the REST API of the Airflow 3 behind the runtime."""
        url = f"{ARM}{self.azure.subscription}{RUNTIME}?api-version=2018-06-01"
        told = self.azure.request("GET", url).json()["properties"]["typeProperties"]["airflowProperties"]
        return str(told["airflowWebUrl"]).replace("/login/", f"/api/v2/{path}")

    def application(self, name: str) -> dict[str, Any]:
        """An application of ours."""
        mark = self.environment.environment_id(self.azure.tenant_id)
        return self.azure.graph("GET", f"applications(uniqueName='provisioner-{mark}-{name}')").json()

    def passwords(self, name: str) -> list[dict[str, Any]]:
        """Its passwords, without their texts."""
        return list(self.application(name)["passwordCredentials"])

    def key_ids(self) -> dict[str, set[str]]:
        """The key ids that Entra has, by principal."""
        return {name: {one["keyId"] for one in self.passwords(name)} for name in NAMES}

    def writes(self) -> list[str]:
        """What the local Azure was asked to change since `forget_calls`, signing in left out."""
        calls = self.azure.control("GET", "/calls")["calls"]
        asked = [call for call in calls if call["method"] not in {"GET", "HEAD"}]
        return [f"{c['method']} {c['host']}{c['path']}" for c in asked if not c["host"].startswith("login.")]

    def forget_calls(self) -> None:
        """Count calls from here."""
        self.azure.control("DELETE", "/calls")


def failed(report: Report) -> list[str]:
    """What went wrong in a run."""
    return [f"{o.step.address}: {o.error}" for o in report.outcomes if o.result in (Result.FAILED, Result.BLOCKED)]


def done(report: Report) -> list[str]:
    """What a run did, as `rotate client_secret/airflow`."""
    return [f"{o.step.action} {o.step.address}" for o in report.outcomes if o.result is Result.DONE]


def moment(text: str) -> datetime:
    """A date of Graph's."""
    return datetime.fromisoformat(text).astimezone(UTC)


def active_keys(rotations: RotatingEnvironment) -> Iterator[tuple[str, str, datetime, datetime]]:
    """Each password of ours: principal, key id, from when, until when."""
    for name in NAMES:
        for one in rotations.passwords(name):
            yield name, one["keyId"], moment(one["startDateTime"]), moment(one["endDateTime"])
