"""How the platform of an Airflow that you run differs from the spec, as far as that Airflow tells."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.commands.run import NO_TENANT, names_of
from provisioner.key_probe import NO_REPORT
from provisioner.model import Platform
from provisioner.recipe.recipe import declared_targets
from tests.airflow_server import MOMENT, USER, WORD, airflow_server, direct_cloud
from tests.environment_files import loaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioner.cloud.cloud import Cloud
    from provisioner.recipe.targets.contract import Airflow
    from tests.airflow_server import AirflowServer

PROVIDER = "apache-airflow-providers-microsoft-azure"


@pytest.fixture
def airflow() -> Iterator[tuple[AirflowServer, Cloud]]:
    with ExitStack() as stack:
        server = stack.enter_context(airflow_server())
        server.source = None
        yield server, stack.enter_context(direct_cloud())


def platform(place: Path, server: AirflowServer, cloud: Cloud) -> Platform:
    return declared(place, server).platform(cloud)


def declared(place: Path, server: AirflowServer, word: str = WORD, dags: str = "{}") -> Airflow:
    """Its Airflow, as the recipe has it. word: the password by which the tool signs in."""
    api = f"{{token: {{username: {USER}, password: {word}}}}}"
    section = f"{{target: self-managed, version: 3.3.2, url: '{server.url}', api: {api}, dags: {dags}}}"
    environment = loaded(place, "variables: {greeting: hi}", cloud="local", airflow=section)
    return declared_targets(environment, names_of(environment, NO_TENANT)).airflow


def test_versions_are_compared_also_without_a_report(tmp_path: Path, airflow: tuple[AirflowServer, Cloud]) -> None:
    server, cloud = airflow
    assert platform(tmp_path, server, cloud) == Platform(unknown=NO_REPORT)
    server.versions["apache-airflow"] = "3.3.1"
    drift = "Airflow is 3.3.1, not 3.3.2; change its image, or correct `airflow`"
    assert platform(tmp_path, server, cloud) == Platform(drift=drift, unknown=NO_REPORT)


def test_all_differences_are_told_at_once(tmp_path: Path, airflow: tuple[AirflowServer, Cloud]) -> None:
    server, cloud = airflow
    server.runs["one"] = {"dag_run_id": "one", "state": "success", "start_date": MOMENT}
    server.report = '{"rendered": "old", "secrets": [], "refused": ""}'
    assert platform(tmp_path, server, cloud).drift.startswith("workers run with the settings old, not ")
    server.versions |= {"apache-airflow": "3.3.1"}
    told = platform(tmp_path, server, cloud).drift
    assert told.startswith("Airflow is 3.3.1, not 3.3.2; change its image, or correct `airflow`; workers run with")


def test_what_airflow_does_not_tell_is_not_known_once(tmp_path: Path, airflow: tuple[AirflowServer, Cloud]) -> None:
    server, cloud = airflow
    del server.versions[PROVIDER]  # then it refuses to list providers
    assert platform(tmp_path, server, cloud) == Platform(unknown=NO_REPORT)
    server.runs["one"] = {"dag_run_id": "one", "state": "success", "start_date": MOMENT}
    server.report = '{"rendered": "old", "secrets": [], "refused": ""}'
    found = platform(tmp_path, server, cloud)
    assert (found.drift[:21], found.unknown[:34]) == ("workers run with the ", "Airflow does not tell its versions")
    assert any("/dagSources/" in path for _, path, _ in server.calls)  # its DAGs are looked at all the same


def test_a_variable_that_stands_in_airflows_own_store_too_is_a_note(
    tmp_path: Path, airflow: tuple[AirflowServer, Cloud]
) -> None:
    server, cloud = airflow
    server.variables = ["dev-greeting", "greeting", "other-greeting", "dev-tenant-id"]
    notes = declared(tmp_path, server).notes_beside(cloud)
    told = [note.partition(" also ")[0] for note in notes]
    assert told == ["the variable dev-greeting", "the variable dev-tenant-id"]
    assert declared(tmp_path, server, "another").notes_beside(cloud) == ()


BACKEND = "airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend"
KWARGS = {
    "connections_prefix": "airflow-connections",
    "variables_prefix": "airflow-variables",
    "vault_url": "https://kv-dev.vault.azure.net/",
    "config_prefix": None,
}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({"core": {}}, []),
        ({"secrets": {"backend": BACKEND, "backend_kwargs": "< hidden >"}}, []),
        (
            {
                "secrets": {
                    "backend": BACKEND,
                    "backend_kwargs": json.dumps({**KWARGS, "variables_lookup_pattern": "a"}),
                }
            },
            [],
        ),
        ({"secrets": {"backend": "other.Backend"}}, ["[secrets] backend"]),
        ({"secrets": {"backend_kwargs": "{"}}, ["[secrets] backend_kwargs"]),
        ({"secrets": {"backend_kwargs": "[]"}}, ["[secrets] backend_kwargs"]),
        (
            {"secrets": {"backend": "", "backend_kwargs": '{"vault_url": "hush"}'}},
            ["[secrets] backend", "[secrets] backend_kwargs"],
        ),
        ({"dag_processor": {"dag_bundle_config_list": "[]"}}, []),
    ],
)
def test_settings_that_airflow_shows_otherwise_are_drift(
    tmp_path: Path, airflow: tuple[AirflowServer, Cloud], settings: dict[str, dict[str, str]], named: list[str]
) -> None:
    server, cloud = airflow
    server.settings = settings
    found = platform(tmp_path, server, cloud)
    assert found.unknown == NO_REPORT
    told = [f"{name} of Airflow is not what `provisioner render` prints; deploy that" for name in named]
    assert found.drift == "; ".join(told)


def test_a_list_of_bundles_has_the_environments_own_beside_others(
    tmp_path: Path, airflow: tuple[AirflowServer, Cloud]
) -> None:
    server, cloud = airflow
    one = declared(tmp_path, server, dags="{delivery: bundle}")
    assert one.deployment is not None
    own = json.loads(one.deployment.variables["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    other: Any = {"name": "other-dags", "classpath": "a.B", "kwargs": {}}
    drift: list[bool] = []
    every: tuple[Any, ...] = ([other, *own], [other], {})
    for shown in every:
        server.settings = {"dag_processor": {"dag_bundle_config_list": json.dumps(shown)}}
        drift.append("[dag_processor] dag_bundle_config_list" in one.platform(cloud).drift)
    assert drift == [False, True, True]
