"""Signing in to the API of an Airflow that somebody runs, in each of Airflow's own ways."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cloud.cloud import Cloud
from provisioner.cloud.transport.connections import Route
from provisioner.errors import NotAuthorized, NotFound, Unexpected
from provisioner.model import AirflowApi, AirflowSignIn
from provisioner.secret import Secret
from tests.airflow_server import USER, VERSIONS, WORD, AirflowServer, airflow_server, direct_cloud
from tests.kinds.azure_setup import VAULT, cloud_of, make_vault
from tests.proxied_airflow import URL, proxied_airflow

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from provisioner.cloud.clients.airflow import Airflow
    from tests.emulator import LocalAzure


@pytest.fixture
def server() -> Generator[AirflowServer]:
    with airflow_server() as airflow:
        yield airflow


@pytest.fixture
def cloud() -> Generator[Cloud]:
    with direct_cloud() as direct:
        yield direct


def client(cloud: Cloud, server: AirflowServer, way: Any, word: str = WORD, version: str = "3.3.2") -> Airflow:
    sign_in = AirflowSignIn(way=way, user=USER, secret=Secret(word))
    return cloud.airflow(
        server.url, AirflowApi(version=version, right="a role", setting="airflow.api", sign_in=sign_in)
    )


def test_whoever_may_not_ask_is_told_which_right_lets_them_in(cloud: Cloud, server: AirflowServer) -> None:
    server.versions = {"apache-airflow": "3.3.2"}
    with pytest.raises(NotAuthorized) as refused:
        client(cloud, server, "token").package_versions()
    assert (refused.value.status, "Airflow lets in who has a role" in str(refused.value)) == (403, True)


@pytest.mark.parametrize("way", ["token", "client_credentials"])
def test_a_token_is_fetched_once_for_many_requests(cloud: Cloud, server: AirflowServer, way: str) -> None:
    airflow = client(cloud, server, way)
    assert [airflow.find_dag("a"), airflow.find_dag("b")] != [None, None]
    assert [(method, path) for method, path, _ in server.calls] == [
        ("POST", "/auth/token"),
        ("GET", "/api/v2/dags/a"),
        ("GET", "/api/v2/dags/b"),
    ]


def test_a_token_that_has_ended_is_replaced_once(cloud: Cloud, server: AirflowServer) -> None:
    airflow = client(cloud, server, "token")
    airflow.find_dag("a")
    server.tokens.clear()
    dag = airflow.find_dag("a")
    assert dag is not None
    assert [path for _, path, _ in server.calls].count("/auth/token") == 2


def test_a_wrong_password_names_the_field_and_never_itself(cloud: Cloud, server: AirflowServer) -> None:
    with pytest.raises(NotAuthorized) as caught:
        client(cloud, server, "token", "sentinel-wrong").find_dag("a")
    assert "Correct `airflow.api`" in str(caught.value)
    assert "sentinel" not in str(caught.value)
    assert len(server.calls) == 1


def test_a_token_that_stays_the_same_is_sent_as_it_is(cloud: Cloud, server: AirflowServer) -> None:
    server.tokens.add("astro")
    assert client(cloud, server, "bearer", "astro").find_dag("a") is not None
    with pytest.raises(NotAuthorized, match=r"Correct `airflow.api`"):
        client(cloud, server, "bearer", "other").find_dag("a")
    assert [path for _, path, _ in server.calls] == ["/api/v2/dags/a", "/api/v2/dags/a"]


def test_airflow_2_takes_the_user_in_each_request(cloud: Cloud, server: AirflowServer) -> None:
    assert client(cloud, server, "basic", version="2.10.5").find_dag("a") is not None
    assert [path for _, path, _ in server.calls] == ["/api/v1/dags/a"]


@pytest.mark.parametrize(("version", "way", "asked"), [("3.3.2", "token", "?limit=100"), ("2.10.5", "basic", "")])
def test_each_airflow_tells_its_versions(
    cloud: Cloud, server: AirflowServer, version: str, way: str, asked: str
) -> None:
    assert client(cloud, server, way, version=version).package_versions() == VERSIONS
    assert server.calls[-1][1].partition("/providers")[2].partition("&")[0] == asked


def test_an_answer_without_a_token_is_no_sign_in(cloud: Cloud, server: AirflowServer) -> None:
    server.token_name = "other"
    with pytest.raises(Unexpected, match="the answer holds no token"):
        client(cloud, server, "token").find_dag("a")


def test_a_run_of_airflow_3_is_created_without_a_logical_date(cloud: Cloud, server: AirflowServer) -> None:
    assert client(cloud, server, "token").create_run("a", "run-1", {"keyId": "k"})
    method, path, body = server.calls[-1]
    assert (method, path, body["logical_date"]) == ("POST", "/api/v2/dags/a/dagRuns", None)


def test_a_credential_in_the_users_netrc_is_not_sent_instead(
    server: AirflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server.tokens.add("astro")
    with direct_cloud(Route()) as cloud:  # by the proxies and the CA bundle of the environment, as against Azure
        assert client(cloud, server, "bearer", "astro").find_dag("a") is not None


def stored(azure: LocalAzure, token: str) -> None:
    """The token in the vault, as a person puts it there."""
    url = f"https://{VAULT}.vault.azure.net/secrets/astro?api-version=7.4"
    assert azure.request("PUT", url, {"value": token}, token=azure.token("https://vault.azure.net")).status == 200


def test_a_token_in_the_vault_is_read_when_it_is_needed_and_anew_once_it_is_refused(azure: LocalAzure) -> None:
    make_vault(azure)
    sign_in = AirflowSignIn(way="bearer", stored=(VAULT, "astro"))
    api = AirflowApi(version="3.3.2", right="a role", setting="airflow.api", sign_in=sign_in)
    with proxied_airflow(azure) as (proxied, server), closing(cloud_of(proxied).session) as session:
        airflow = Cloud(session).airflow(URL, api)
        with pytest.raises(NotFound, match=f"GET secret {VAULT}/astro"):
            airflow.find_dag("a")

        for token in ("first", "second"):
            stored(azure, token)
            server.tokens = {token}
            assert [airflow.find_dag("a"), airflow.find_dag("b")] != [None, None]
        server.tokens = {"third"}
        with pytest.raises(NotAuthorized, match=r"Correct `airflow.api`"):
            airflow.find_dag("a")

    host = f"{VAULT}.vault.azure.net"
    reads = [one for one in azure.control("GET", "/calls")["calls"] if one["host"] == host and one["method"] == "GET"]
    assert len(reads) == 4  # none, first, second once first was refused, second again
