"""The probe DAG on a worker that signs in by the token of its platform, with azure-identity and the local Azure."""

from __future__ import annotations

import json
import logging
import os
import sys
from configparser import ConfigParser
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import TENANT
from tests.environment_files import load
from tests.render.rendered_dag import constants, dag_text, define
from tests.resource_manager import Manager
from tests.rotation.workers import CLUSTER, service_account_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

SPEC = Path(__file__).parents[2] / "environments/self-managed.yaml"
TEXT = dag_text(load(str(SPEC)))
SUBJECT = "system:serviceaccount:airflow:airflow"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
LAG_SECONDS = 600


class Worker:
    """What the task's function finds where it runs.

    reported: why it cannot sign in, of each report. api_client_id: of `flink-api`; that of Airflow by default.
    """

    def __init__(self) -> None:
        self.reported: list[str] = []
        self.api_client_id = os.environ["AZURE_CLIENT_ID"]
        self.names: dict[str, Any] = {
            "Variable": SimpleNamespace(get=self.variable),
            "SECRETLESS": constants(TEXT)["SECRETLESS"],
            "worker_report": str,
            "datetime": SimpleNamespace(now={UTC: NOW}.get),
            "log": logging.getLogger(__name__),
            "os": os,
            "timedelta": timedelta,
            "timezone": timezone,
        }
        define(self.names, TEXT, "has_key", "is_too_soon", "sign_in_refused")

    def variable(self, key: str) -> str:
        """Airflow's, which another replica of Entra let read the vault."""
        return {"self-managed-api-client-id": self.api_client_id, "self-managed-tenant-id": TENANT}[key]

    def looks(self, *, seconds_ago: float = 0.0, **conf: int) -> bool:
        """Whether the task ends with this look, in a run that began so long ago."""
        run = SimpleNamespace(conf=conf, start_date=NOW - timedelta(seconds=seconds_ago))
        return bool(self.names["has_key"](dag_run=run, ti=SimpleNamespace(xcom_push=self.push)))

    def push(self, *, key: str, value: str) -> None:
        """Take the report, as Airflow does."""
        assert key == "report"
        self.reported.append(value)


@pytest.fixture
def worker(azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Whose application trusts its service account, as was just written: no replica shows it yet."""
    app = azure.graph("POST", "applications", {"displayName": "one"}).json()
    assert azure.graph("POST", "servicePrincipals", {"appId": app["appId"]}).status == 201
    (tmp_path / "token").write_text(service_account_token(azure))
    cluster = Manager(azure=azure, version="2025-10-01")("GET", CLUSTER).json()["properties"]
    azure.advance(LAG_SECONDS + 1)
    azure.control("PUT", "/faults", {"secret_lag_seconds": LAG_SECONDS})
    trust = {"issuer": cluster["oidcIssuerProfile"]["issuerURL"], "subject": SUBJECT}
    trust |= {"name": "main", "audiences": ["api://AzureADTokenExchange"]}
    assert azure.graph("POST", f"applications/{app['id']}/federatedIdentityCredentials", trust).status == 201
    variables = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": app["appId"]}
    for name, value in (azure.env | variables | {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}).items():
        monkeypatch.setenv(name, value)
    yield Worker()
    (tmp_path / "token").unlink()


def test_it_looks_again_while_entra_may_not_know_what_was_just_written(worker: Worker, azure: LocalAzure) -> None:
    assert not worker.looks(acceptedWithin=60)
    assert worker.reported == []

    azure.advance(LAG_SECONDS + 1)

    assert worker.looks(acceptedWithin=60)
    assert worker.reported == [""]


@pytest.mark.parametrize(
    ("seconds_ago", "conf"), [(0.0, {}), (61.0, {"acceptedWithin": 60})], ids=["nothing-written", "longer-ago"]
)
def test_a_refusal_is_reported_at_once_where_nothing_was_written_lately(
    worker: Worker, seconds_ago: float, conf: dict[str, int]
) -> None:
    assert worker.looks(seconds_ago=seconds_ago, **conf)
    assert "AADSTS70025" in worker.reported[0]


def test_who_cannot_sign_in_is_named_though_airflow_itself_can(worker: Worker, azure: LocalAzure) -> None:
    azure.advance(LAG_SECONDS + 1)
    worker.api_client_id = "11111111-2222-3333-4444-555555555555"
    assert worker.looks()
    assert worker.reported[0].startswith("flink-api: ClientAuthenticationError: ")
    assert "AADSTS700016" in worker.reported[0]


def test_an_azure_identity_that_is_too_old_is_reported(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", ModuleType("azure.identity"))
    assert worker.looks()
    assert worker.reported[0].startswith("airflow: ImportError: cannot import name ")


def test_another_refusal_is_reported_at_once(worker: Worker, azure: LocalAzure) -> None:
    azure.advance(LAG_SECONDS + 3601)
    assert worker.looks(acceptedWithin=60)
    assert "AADSTS700024" in worker.reported[0]  # the token has ended


@pytest.mark.parametrize(
    ("variable", "arguments", "left"),
    [
        ("", {}, []),
        ("a-secret", {}, ["AZURE_CLIENT_SECRET"]),
        ("", {"client_secret": "a-secret"}, ["client_secret in the settings of its secrets backend"]),
    ],
    ids=["nothing", "variable", "backend"],
)
def test_it_reports_the_client_secrets_that_are_left_to_a_worker(
    monkeypatch: pytest.MonkeyPatch, variable: str, arguments: dict[str, str], left: list[str]
) -> None:
    configuration = ConfigParser()
    configuration["secrets"] = {"backend_kwargs": json.dumps(arguments)}
    monkeypatch.setitem(sys.modules, "airflow", ModuleType("airflow"))
    monkeypatch.setitem(sys.modules, "airflow.configuration", SimpleNamespace(conf=configuration))
    monkeypatch.setenv("AZURE_CLIENT_SECRET", variable)
    monkeypatch.setenv("PROVISIONER_RENDERED", "0123")
    names: dict[str, Any] = {"os": os, "json": json}
    define(names, TEXT, "worker_report")

    report = json.loads(names["worker_report"]("no token"))

    assert (report["rendered"], report["secrets"], report["refused"]) == ("0123", left, "no token")
    assert "a-secret" not in str(report)
