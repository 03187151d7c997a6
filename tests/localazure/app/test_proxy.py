"""The proxy answers for Azure's host names and refuses all others."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from localazure.app import process
from localazure.app.certificates import Certificates

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure


def _send_to_proxy(azure: LocalAzure, line: str) -> bytes:
    proxy = urlsplit(azure.proxy)
    with socket.create_connection((str(proxy.hostname), proxy.port), timeout=10) as connection:
        connection.sendall(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return connection.recv(4096)


@pytest.mark.parametrize(
    "target",
    [
        "example.com:443",
        "management.azure.com:80",
        "management.azure.com.example.com:443",
        "evil-graph.microsoft.com:443",
        "a.b.vault.azure.net:443",
        "vault.azure.net:443",
        "127.0.0.1:443",
        "[::1]:443",
        "20.50.2.1:443",
        "onelabel.airflow.svc.datafactory.azure.com:443",
        f"{'a' * 64}.vault.azure.net:443",
        f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 63}.airflow.svc.datafactory.azure.com:443",
        "a_b.vault.azure.net:443",
        "",
    ],
)
def test_every_other_host_and_port_is_refused(azure: LocalAzure, target: str) -> None:
    answer = _send_to_proxy(azure, f"CONNECT {target}")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"local Azure does not answer" in answer


def test_the_refusal_of_a_plain_request_tells_azure_identity_that_there_is_no_managed_identity(
    azure: LocalAzure,
) -> None:
    answer = _send_to_proxy(azure, "GET http://169.254.169.254/metadata/identity/oauth2/token")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"unreachable" in answer


def test_a_request_head_that_is_too_long_is_a_431(azure: LocalAzure) -> None:
    proxy = urlsplit(azure.proxy)
    with socket.create_connection((str(proxy.hostname), proxy.port), timeout=10) as connection:
        connection.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\nX: " + b"y" * 20_000)
        assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")


def test_a_label_of_63_characters_is_answered(azure: LocalAzure) -> None:
    connection = azure.connect(f"{'a' * 63}.vault.azure.net")
    connection.request("GET", "/secrets?api-version=7.4")
    assert connection.getresponse().status == 401
    connection.close()


def test_the_certificates_used_longest_ago_are_deleted(tmp_path: Path) -> None:
    (tmp_path / "alive.lock").touch()  # a state folder, where private keys may be
    folder = tmp_path / "tls"
    certificates = Certificates(folder, most=2)
    for host in ("a.test", "b.test", "a.test", "c.test"):
        certificates.context(host)
    assert {file.stem for file in (folder / "hosts").iterdir()} == {"a.test", "c.test"}
    assert certificates.context("a.test") is certificates.context("a.test")
    Certificates(folder, most=1)
    assert len(list((folder / "hosts").iterdir())) == 1


@pytest.mark.parametrize("host", ["management.azure.com", "graph.microsoft.com", "MANAGEMENT.AZURE.COM"])
def test_an_allowed_host_has_a_certificate_that_strict_clients_accept(azure: LocalAzure, host: str) -> None:
    connection = azure.connect(host)
    trust = ssl.create_default_context(cafile=azure.ca_bundle)
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    connection._context = trust  # pyright: ignore[reportAttributeAccessIssue] - http.client has no other way
    connection.request("GET", "/")
    assert connection.getresponse().status in {400, 401, 404}
    connection.close()


def test_a_client_that_trusts_only_public_authorities_rejects_the_certificate(azure: LocalAzure) -> None:
    proxy = urlsplit(azure.proxy)
    connection = http.client.HTTPSConnection(str(proxy.hostname), proxy.port, timeout=10)
    connection.set_tunnel("management.azure.com", 443)
    with pytest.raises(ssl.SSLError):
        connection.request("GET", "/")


def test_a_connection_serves_many_requests(azure: LocalAzure) -> None:
    connection = azure.connect("login.microsoftonline.com")
    for _ in range(3):
        connection.request("GET", "/common/discovery/keys")
        answer = connection.getresponse()
        assert answer.read()
        assert answer.status == 200
    sock = connection.sock
    connection.request("GET", "/common/discovery/keys")
    assert connection.sock is sock
    connection.close()


def test_a_request_for_another_host_than_the_tunnel_s_is_not_answered(azure: LocalAzure) -> None:
    connection = azure.connect("management.azure.com")
    connection.request("GET", "/v1.0/applications", headers={"Host": "graph.microsoft.com"})
    assert connection.getresponse().status == 404
    connection.close()


def test_a_request_that_is_no_http_is_a_400(azure: LocalAzure) -> None:
    connection = azure.connect("management.azure.com")
    connection.connect()
    connection.sock.sendall(b"nonsense\r\n\r\n")
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 400 ")
    connection.close()


def test_hostile_proxy_variables_are_overruled(azure: LocalAzure) -> None:
    hostile = {
        "https_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "all_proxy": "socks5://127.0.0.1:9",
        "NO_PROXY": ".azure.com,.microsoftonline.com,*",
        "no_proxy": "*",
        "AZURE_AUTHORITY_HOST": "https://login.example.com",
        "AZURE_CLIENT_CERTIFICATE_PATH": "/nonexistent",
        "AZURE_USERNAME": "somebody",
    }
    environment = process.with_client_variables({**os.environ, **hostile}, azure.state)
    code = (
        "from azure.identity import DefaultAzureCredential as C;"
        "print(len(C().get_token('https://management.azure.com/.default').token))"
    )
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 100
