"""Flink behind its REST API: what is granted, what the connection says, what is noted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.commands.run import NO_TENANT, names_of
from provisioner.recipe.recipe import declared_targets, recipe
from provisioner.recipe.targets.flink.rest import airflow_connection_json
from provisioner.spec.targets.flink.rest import RestFlink
from tests.environment_files import SUBSCRIPTION, loaded
from tests.spec.targets.test_rest import ENTRA, KEY, PEM, rest

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.spec.model import Environment


def document(environment: Environment) -> dict[str, Any]:
    assert isinstance(environment.flink, RestFlink)
    return json.loads(airflow_connection_json(environment.flink).reveal())


def grants(environment: Environment) -> list[str]:
    nodes = recipe(environment, names_of(environment, NO_TENANT)).nodes
    return [node.address.name for node in nodes if node.address.kind == "role_assignment"]


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("", {}),
        (ENTRA, {}),
        ("auth: {bearer: s3cret}", {"extra": {"bearer": "s3cret"}}),
        ("auth: {basic: {username: a, password: s3cret}}", {"login": "a", "password": "s3cret"}),
        ("auth: {certificate: '${CLIENT}'}", {"extra": {"certificate": PEM + KEY}}),
        ("ca_bundle: ca.pem", {"extra": {"ca": PEM}}),
        ("headers: {X-Team: a}", {"extra": {"headers": {"X-Team": "a"}}}),
    ],
)
def test_the_connection_holds_the_way_in(tmp_path: Path, auth: str, expected: dict[str, Any]) -> None:
    (tmp_path / "ca.pem").write_text(PEM)
    found = document(loaded(tmp_path, environ={"CLIENT": PEM + KEY}, flink=rest(auth)))
    base: dict[str, Any] = {"conn_type": "http", "host": "https://flink.example.com/session-a", "extra": {}}
    assert found == {**base, **expected}


def test_airflow_reads_the_jar_and_an_identity_gets_the_jobs_role(tmp_path: Path) -> None:
    alone = loaded(tmp_path, flink=rest())
    assert grants(alone) == [
        "airflow.key-vault-secrets-officer",
        "flink-jar.storage-blob-data-reader",
        "data-factory.storage-blob-data-reader",
    ]
    both = loaded(tmp_path, flink=rest(f"identity: {SUBSCRIPTION}"))
    assert grants(both)[1:3] == ["flink-jar.storage-blob-data-reader", "flink.storage-blob-data-owner"]
    assert any("job.role" in note for note in declared_targets(both, names_of(both, NO_TENANT)).flink.notes)


@pytest.mark.parametrize(
    ("more", "url", "noted"),
    [("", "https://flink.example.com", True), ("", "http://10.0.0.1", False), (ENTRA, "https://flink.io", False)],
)
def test_a_cluster_that_is_open_to_the_internet_is_noted(tmp_path: Path, more: str, url: str, *, noted: bool) -> None:
    environment = loaded(tmp_path, flink=rest(more, url))
    notes = declared_targets(environment, names_of(environment, NO_TENANT)).flink.notes
    assert any("runs code there" in note for note in notes) is noted
