"""The switch from a client secret to a federation and back, run by run, killed at a write, while workers sign in.

For the test and for `make reliability`, which kills at every write.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from provisioner import commands, model
from provisioner.cloud.lease import LEASE_SECONDS
from provisioner.commands.run import names_of
from provisioner.recipe.recipe import declared_targets
from tests import emulator
from tests.airflow_server import USER, WORD
from tests.child import FORKS, KILLED, Process
from tests.command_line import ROOT
from tests.proxied_airflow import URL, proxied_airflow
from tests.rotation.rotating_environment import NAMES, RotatingEnvironment, failed
from tests.rotation.workers import CLUSTER, COPY_MINUTES, MINUTE, Workers

if TYPE_CHECKING:
    from collections.abc import Generator
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from provisioner.commands import Report
    from provisioner.render.deployment import Deployment
    from provisioner.verify.check import Check
    from tests.airflow_server import AirflowServer
    from tests.emulator import LocalAzure

WRITES = {"method": "PUT,POST,PATCH,DELETE", "host": r"^(?!login\.|airflow\.)"}
DAG = "https://stflinklocal.dfs.core.windows.net/airflow/dags/flink_wordcount.py"
FORCED = model.Request(intent=model.Intent.ROTATE, force=True)
LEASE_MINUTES = int(LEASE_SECONDS // MINUTE) + 1
IN_FLIGHT_MINUTES = 61 - LEASE_MINUTES - COPY_MINUTES  # until a key that was published nowhere is known to be lost


class Switching(RotatingEnvironment):
    """One whose Airflow somebody runs."""

    def stands(self) -> set[tuple[bool, bool, bool]]:
        """Of each principal whether it has a federation, passwords, and a vault secret with one."""
        stored = {one["id"].rpartition("/")[2] for one in self.vault("GET", "secrets").json()["value"]}
        holders = {"airflow": "local-airflow-client-secret", "flink-api": "airflow-variables-local-api-secret"}
        return {(self.trusted(name), bool(self.passwords(name)), holders[name] in stored) for name in NAMES}

    def trusted(self, name: str) -> bool:
        """Whether tokens of a service account sign a principal in."""
        path = f"applications/{self.application(name)['id']}/federatedIdentityCredentials"
        return bool(self.azure.graph("GET", path).json()["value"])

    def verify(self) -> list[Check]:
        """As `provisioner verify`."""
        return list(self._run("verify", commands.verify))

    def deployment(self) -> Deployment:
        """What `render` prints for its platform."""
        names = names_of(self.environment, self.azure.tenant_id)
        found = declared_targets(self.environment, names).airflow.deployment
        assert found is not None
        return found.with_client_id(self.application("airflow")["appId"])


@dataclass(frozen=True, kw_only=True)
class Step:
    """One run of the switch. deployed: the platform deploys an hour before it, and the probe DAG reports.

    ends: what each principal has in the end: a federation, passwords, a vault secret with one.
    """

    name: str
    credential: str
    ends: tuple[bool, bool, bool]
    verb: str = "provision"
    deployed: bool = False


STEPS = (
    Step(name="rotated", credential="secret", verb="force", ends=(False, True, True)),
    Step(name="federated", credential="federated", ends=(True, True, True)),
    Step(name="cleared", credential="federated", deployed=True, ends=(True, False, False)),
    Step(name="secret", credential="secret", ends=(True, True, True)),
    Step(name="distrusted", credential="secret", deployed=True, ends=(False, True, True)),
)


Moment = tuple[Workers, float, str, dict[str, dict[str, Any]]]


@dataclass(kw_only=True)
class Switch:
    """The environment in both forms, its platform, and the moments before each step."""

    forms: dict[str, Switching]
    airflow: AirflowServer
    workers: Workers
    moments: dict[str, Moment] = field(default_factory=dict[str, Moment])

    @property
    def azure(self) -> LocalAzure:
        return self.workers.azure

    def prepare(self, step: Step) -> None:
        """Let the platform deploy what the last run rendered, and save the moment before the run."""
        if step.deployed:
            self.workers.deploy(self.forms[step.credential].deployment())
            self.workers.pass_minutes(61)
            self.verify()
        self.azure.control("PUT", f"/snapshots/switch-{step.name}")
        offset = self.azure.control("GET", "/clock")["offset_seconds"]
        self.moments[step.name] = (replace(self.workers), offset, self.airflow.report, dict(self.airflow.runs))

    def verify(self) -> None:
        """A run of the probe DAG reports what workers run with now."""
        began = self.azure.control("GET", "/clock")["now"]
        self.airflow.runs["one"] = {"dag_run_id": "one", "state": "success", "start_date": began}
        self.airflow.report = self.workers.report()

    def restore(self, step: Step) -> None:
        """Back to the moment before the run."""
        workers, offset, self.airflow.report, self.airflow.runs = self.moments[step.name]
        self.workers = replace(workers, refused=[])
        self.azure.control("DELETE", "/faults")
        self.azure.control("POST", f"/snapshots/switch-{step.name}")
        self.azure.control("PUT", "/clock", {"offset_seconds": offset})
        self.azure.tokens.clear()

    def run(self, step: Step, verb: str) -> None:
        """A run that goes well, before and after each of whose steps workers sign in."""
        form = self.forms[step.credential]
        form.watched = self._watch
        unfinished = failed(_report(form, verb))
        assert unfinished == [], unfinished

    def _watch(self, step: model.Step, _outcome: model.Outcome | None) -> None:
        if step.action not in (model.Action.KEEP, model.Action.DEFER):
            self.workers.sign_in()

    def kill(self, step: Step, number: int, *, after: bool) -> bool:
        """Whether the run was killed at that write, or None was left."""
        form, go = self.forms[step.credential], FORKS.Event()
        arguments = (form.azure.state, form.azure.proxy, form.spec, form.journal, step.verb, go)
        process = Process(target=_run, args=arguments)
        process.start()
        self.azure.fault(fault="kill", pid=process.pid, after=after, skip=number, **WRITES)
        go.set()
        process.join()
        self.azure.control("DELETE", "/faults")
        assert process.exitcode in (0, KILLED), process.exitcode
        return process.exitcode == KILLED

    def meet(self, step: Step, number: int, *, after: bool) -> tuple[bool, list[str]]:
        """Kill the run at that write, and let others follow. Returns whether it was killed, and what is wrong then."""
        self.restore(step)
        killed = self.kill(step, number, after=after)
        self.workers.sign_in()
        self.finish(step)
        stands = self.forms[step.credential].stands()
        return killed, [*self.workers.refused, *(f"it ends as {one}" for one in stands - {step.ends})]

    def finish(self, step: Step) -> None:
        """Runs as the schedule would make them, while workers sign in every minute."""
        for minutes in (LEASE_MINUTES, COPY_MINUTES, IN_FLIGHT_MINUTES):
            self.workers.pass_minutes(minutes)
            self.run(step, "rotate" if step.verb == "force" else step.verb)
        self.workers.pass_minutes(1)


def _report(form: Switching, verb: str) -> Report:
    if verb == "provision":
        return form.provision()
    return form.rotate(FORCED) if verb == "force" else form.rotate()


def _run(state: Path, proxy: str, spec: Path, journal: Path, verb: str, go: Event) -> None:
    form = Switching(azure=replace(emulator.running(state), proxy=proxy), spec=spec, journal=journal)
    assert form.environment.cloud == "local"
    go.wait()
    assert failed(_report(form, verb)) == []


@contextmanager
def switches(azure: LocalAzure, folder: Path) -> Generator[Switch]:
    """Provisioned with a secret that its workers have."""
    with proxied_airflow(azure) as (proxied, airflow):
        forms = {name: _form(name, proxied, folder) for name in ("secret", "federated")}
        assert failed(forms["secret"].provision()) == []
        workers = Workers(
            azure=azure, vault=forms["secret"].vault_url, dag_url=DAG, settings=forms["secret"].deployment()
        )
        workers.secret = forms["secret"].read(workers.settings.secret).reveal()
        workers.copy()
        made = Switch(forms=forms, airflow=airflow, workers=workers)
        workers.pass_minutes(1)
        assert workers.refused == []
        yield made


def _form(name: str, azure: LocalAzure, folder: Path) -> Switching:
    spec = yaml.safe_load((ROOT / "environments/local.yaml").read_text())
    api = {"token": {"username": USER, "password": WORD}}
    spec["airflow"] = {"target": "self-managed", "version": "3.3.2", "url": URL, "api": api}
    spec["job"] = str(ROOT / "templates/jobs/wordcount/wordcount.jar")
    account = {"aks": azure.subscription + CLUSTER, "namespace": "airflow", "service_account": "airflow"}
    spec["principals"] = {"airflow": {"credential": {"federated": account} if name == "federated" else "secret"}}
    file = folder / name / "local.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(spec))
    return Switching(azure=azure, spec=file, journal=folder / "journal")


def switched(switch: Switch) -> list[tuple[Step, int]]:
    """The switch there and back, undisturbed; how many writes each run of it makes. Nobody is refused."""
    writes: list[tuple[Step, int]] = []
    for step in STEPS:
        switch.prepare(step)
        switch.azure.control("DELETE", "/calls")
        switch.run(step, step.verb)
        calls = switch.azure.control("GET", "/calls")["calls"]
        hosts = [str(call["host"]) for call in calls if call["method"] not in {"GET", "HEAD"}]
        writes.append((step, sum(not host.startswith("login.") and "azmk8s" not in host for host in hosts)))
    assert switch.workers.refused == []
    return writes
