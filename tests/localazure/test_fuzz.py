"""Fuzzing: no route answers a 500, whatever is sent to it. The requests are seeded, the same in every run."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from localazure.discovery import find_services
from tests.localazure import lake as lakes
from tests.resource_manager import VAULT, Manager

if TYPE_CHECKING:
    from localazure.app.service import Route, Service
    from tests.emulator import LocalAzure

REQUESTS_PER_ROUTE = 4
TEXTS = ["x", "ä ö", "a" * 300, "%", "..", "0", "-1", "²", "o'brien", "<x>", "a\x00b", "😀", "null", "\u2028", ""]
MEMBERS = re.findall(
    r"\S+",
    "properties location tags sku name type identity value attributes exp contentType accessPolicies permissions "
    "roleDefinitionId principalId actions assignableScopes typeProperties airflowProperties displayName appId "
    "passwordCredential keyId requests ids issuer audiences metadata action leaseDuration operation",
)
QUERY = re.findall(
    r"\S+",
    "$filter $top $select $orderby $count $skiptoken $search maxresults marker prefix delimiter include comp restype "
    "resource action position continuation recursive beginFrom startFrom "
    "maxRecords mode blockid sig sv se sp sr directory maxpagesize",
)
HEADERS = re.findall(
    r"\S+",
    "If-Match If-None-Match If-Modified-Since Range x-ms-lease-action x-ms-lease-id x-ms-lease-duration x-ms-blob-type "
    "x-ms-copy-source x-ms-rename-source x-ms-properties x-ms-acl x-ms-permissions x-ms-version Content-MD5 "
    "ConsistencyLevel Prefer x-ms-meta-a x-ms-access-tier Content-Type x-ms-content-crc64 x-ms-expiry-option "
    "x-ms-expiry-time x-ms-proposed-lease-id x-ms-rehydrate-priority x-ms-source-range x-ms-blob-condition-maxsize",
)
HOSTS = {"*.vault.azure.net": "kv-one.vault.azure.net", "*.*.airflow.svc.datafactory.azure.com": ""}


class Fuzzer:
    """Random requests from a seeded generator, for existing resources where a parameter's name is known."""

    def __init__(self, azure: LocalAzure, seed: str) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - nothing is secret in nonsense
        self.known = {
            "subscription": azure.subscription_id,
            "group": "rg-one",
            "tenant": azure.tenant_id,
            "name": "kv-one",
            "vault": "kv-one",
            "account": "testlake1",
            "container": "data",
            "path": "a/b",
            "scope": azure.subscription,
            "resource": f"{azure.subscription}/resourceGroups/rg-one",
        }

    def text(self) -> str:
        return self.chance.choice(TEXTS)

    def value(self, depth: int = 0) -> Any:
        kind = self.chance.randrange(4 if depth > 3 else 6)
        if kind < 2:
            return self.text()
        if kind < 4:
            return self.chance.choice([None, True, 0, -1, 2**70, 1.5])
        if kind == 4:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(3))]
        return self.members(depth + 1)

    def members(self, depth: int = 0) -> dict[str, Any]:
        return {self.chance.choice(MEMBERS): self.value(depth) for _ in range(self.chance.randrange(5))}

    def path(self, route: Route) -> str:
        def fill(match: re.Match[str]) -> str:
            value = self.known.get(match[1].partition(":")[0])
            return value if value and self.chance.random() < 0.8 else self.text()

        return "/" + quote(re.sub(r"\{([^}]*)\}", fill, route.path).lstrip("/"), safe="/()$'")

    def query(self, route: Route) -> str:
        items = {name: value or self.text() for name, value in route.query.items()}
        more = self.chance.sample(QUERY, self.chance.randrange(3))
        items = {"api-version": "2021-04-01", **{name: self.text() for name in more}, **items}
        return "&".join(f"{name}={quote(value)}" for name, value in items.items())

    def headers(self) -> dict[str, str]:
        names = self.chance.sample(HEADERS, self.chance.randrange(3))
        plain = [text for text in TEXTS if text.isascii() and "\x00" not in text]
        return {"x-ms-version": "2021-06-08", **{name: self.chance.choice(plain) for name in names}}

    def body(self, method: str) -> bytes | None:
        if method in {"GET", "HEAD", "DELETE"}:
            return None
        if self.chance.random() < 0.2:
            return self.chance.choice([b"", b"{", b"[]", b"\xff", b'{"a":NaN}', b'"\\ud800"', b"<BlockList>"])
        return json.dumps({"location": "westeurope", "properties": self.members(), **self.members()}).encode()


def _token(azure: LocalAzure, host: str) -> str:
    if host.endswith(".vault.azure.net"):
        return azure.token(VAULT)
    if host.endswith(".core.windows.net"):
        return azure.token(lakes.STORAGE)
    return azure.token(f"https://{host}") if host.startswith(("graph", "management")) else ""


@pytest.mark.parametrize("service", list(find_services()), ids=lambda service: service.name)
def test_random_requests_cause_no_internal_error(azure: LocalAzure, service: Service) -> None:
    azure.lift_limits()
    arm, lake = Manager(azure=azure), lakes.create_lake(azure)
    assert arm.grant(arm.vault(), "Key Vault Secrets Officer").status == 201
    lake.call("PUT", f"{lake.blob}/data?restype=container")
    host = HOSTS.get(service.hosts[0], service.hosts[0].replace("*", lake.name))
    fuzzer = Fuzzer(azure, service.name)
    for route in service.routes * REQUESTS_PER_ROUTE if host else ():
        if route.method == "PUT" and fuzzer.chance.random() < 0.5:
            lake.call("PUT", f"{lake.blob}/data/a/b", b"hello", headers={"x-ms-blob-type": "BlockBlob"})
        url, body = f"https://{host}{fuzzer.path(route)}?{fuzzer.query(route)}", fuzzer.body(route.method)
        response = azure.request(route.method, url, body, headers=fuzzer.headers(), token=_token(azure, host))
        assert response.status < 500, (route.method, url, body)
        if response.body and "json" in response.headers.get("content-type", ""):
            response.json()
