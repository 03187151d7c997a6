"""`flink.target: rest`: the address, the way in, and what follows for principals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.spec.targets.flink.rest import RestFlink
from tests.environment_files import loaded, problems
from tests.render.rendered_dag import constants, dag_text

if TYPE_CHECKING:
    from pathlib import Path

PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
KEY = PEM.replace("CERTIFICATE", "PRIVATE KEY")
ENTRA = "auth: {entra: {scope: api://flink/.default}}"


def rest(more: str = "", url: str = "https://flink.example.com/session-a/") -> str:
    return f"{{target: rest, url: '{url}'{', ' if more else ''}{more}}}"


def flink(folder: Path, more: str = "", url: str = "https://flink.example.com/session-a/") -> RestFlink:
    found = loaded(folder, flink=rest(more, url)).flink
    assert isinstance(found, RestFlink)
    return found


@pytest.mark.parametrize("url", ["ftp://x", "https://", "https://a b", "https://x/?q", "https://user@x", "x"])
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    assert [*problems(tmp_path, flink=rest(url=url))] == ["flink.url"]


@pytest.mark.parametrize("auth", ["{}", "{bearer: x, basic: {username: a, password: b}}"])
def test_there_is_one_way_to_sign_in(tmp_path: Path, auth: str) -> None:
    assert "one of" in problems(tmp_path, flink=rest(f"auth: {auth}"))["flink.auth"].right


@pytest.mark.parametrize(
    ("auth", "path"),
    [
        ("{basic: {username: 'a:b', password: x}}", "flink.auth.basic.username"),
        ("{basic: {username: a}}", "flink.auth.basic.password"),
        ("{entra: {scope: api://flink}}", "flink.auth.entra.scope"),
        (f"{{certificate: {PEM!r}}}", "flink.auth.certificate"),
        ("{berer: x}", "flink.auth.berer"),
    ],
)
def test_a_way_in_that_cannot_be_is_refused(tmp_path: Path, auth: str, path: str) -> None:
    assert path in problems(tmp_path, flink=rest(f"auth: {auth}"))


def test_a_certificate_comes_with_its_key(tmp_path: Path) -> None:
    environ = {"CLIENT": PEM + KEY}
    found = loaded(tmp_path, environ=environ, flink=rest("auth: {certificate: '${CLIENT}'}")).flink
    assert isinstance(found, RestFlink)
    assert found.auth is not None
    assert found.auth.certificate is not None
    assert found.auth.certificate.reveal() == PEM + KEY


def test_a_credential_does_not_go_over_plain_http(tmp_path: Path) -> None:
    assert "unencrypted" in problems(tmp_path, flink=rest("auth: {bearer: x}", "http://flink"))["flink.url"].wrong
    assert flink(tmp_path, url="http://flink").base_url == "http://flink"


def test_a_header_has_a_name(tmp_path: Path) -> None:
    assert [*problems(tmp_path, flink=rest("headers: {'a b': x}"))] == ["flink.headers.a b"]
    assert [*flink(tmp_path, "headers: {X-Team: x}").headers] == ["X-Team"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [(None, "cannot be read"), (b"\xff", "cannot be read"), (b"x" * 20_000, "larger"), (b"x", "no certificate")],
)
def test_a_ca_bundle_that_cannot_be_used_is_refused(tmp_path: Path, text: bytes | None, wrong: str) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_bytes(text)
    assert wrong in problems(tmp_path, flink=rest("ca_bundle: ca.pem"))["flink.ca_bundle"].wrong


def test_a_ca_bundle_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(PEM)
    assert flink(tmp_path, "ca_bundle: ca.pem").ca_text == PEM
    assert flink(tmp_path).ca_text == ""


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://flink.example.com", False),
        ("https://8.8.8.8:8081", False),
        ("https://10.1.2.3", True),
        ("http://[::1]:8081", True),
        ("http://flink-rest:8081", True),
        ("http://flink.jobs.svc.cluster.local:8081", True),
    ],
)
def test_an_address_is_private_if_the_internet_does_not_reach_it(tmp_path: Path, url: str, *, private: bool) -> None:
    assert flink(tmp_path, url=url).is_private is private


def test_the_principal_for_the_api_is_there_where_it_takes_a_token(tmp_path: Path) -> None:
    signed, other = loaded(tmp_path, flink=rest(ENTRA)), loaded(tmp_path, flink=rest("auth: {bearer: x}"))
    assert [*signed.principals_in_use] == ["airflow", "flink-api"]
    assert signed.tool_variable_keys == ("api-client-id", "api-secret", "tenant-id")
    assert ([*other.principals_in_use], other.tool_variable_keys) == (["airflow"], ("tenant-id",))
    more = "principals: {flink-api: {role: Reader}}"
    assert "nothing to sign in to" in problems(tmp_path, more, flink=rest())["principals.flink-api"].wrong


def test_further_principals_say_what_their_role_is_on(tmp_path: Path) -> None:
    more = "principals: {ci: {role: Reader%s}}"
    assert "add `scope" in problems(tmp_path, more % "", flink=rest())["principals.ci"].right
    group = f"/subscriptions/{loaded(tmp_path).subscription}/resourceGroups/rg"
    loaded(tmp_path, more % f", scope: {group}", flink=rest())


def test_the_connection_is_the_tools_own(tmp_path: Path) -> None:
    found = problems(tmp_path, "connections: {flink_api: x}", flink=rest())
    assert "the connection flink-api that provisioner sets" in found["connections.flink_api"].wrong


@pytest.mark.parametrize("way", ["", ENTRA, "auth: {bearer: x}"])
def test_its_dag_is_for_python_3_8_and_holds_no_credential(tmp_path: Path, way: str) -> None:
    environment = loaded(tmp_path, flink=rest(way))
    found = constants(dag_text(environment))
    assert found["CONNECTION"] == "flink-api"
    assert found.get("SCOPE") == ("api://flink/.default" if way == ENTRA else None)
    assert found["PARAMS"] == {"jarName": "job.jar", "jarDirectory": ""}
