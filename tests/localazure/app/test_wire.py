"""What all services share on the wire: request ids, malformed bodies, and secrets kept out of reprs."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from localazure.app.call import Call, Reply
from localazure.app.clock import Clock
from localazure.app.signing import Signer
from localazure.app.store import Store
from localazure.app.tenant import Tenant
from localazure.app.wire import Request
from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulator import LocalAzure

GROUPS = "/resourcegroups?api-version=2021-04-01"
GRAPH = "https://graph.microsoft.com/v1.0"


def test_arm_responses_have_request_ids_and_remaining_calls(azure: LocalAzure) -> None:
    url = f"https://management.azure.com{azure.subscription}{GROUPS}"
    answer = azure.request("GET", url, headers={"x-ms-correlation-request-id": "abc"})
    assert answer.headers["x-ms-correlation-request-id"] == "abc"
    assert {"x-ms-request-id", "x-ms-routing-request-id", "x-ms-ratelimit-remaining-subscription-reads"} <= set(
        answer.headers
    )


def test_arm_returns_the_client_request_id_on_demand(azure: LocalAzure) -> None:
    url = f"https://management.azure.com{azure.subscription}{GROUPS}"
    sent = {"x-ms-client-request-id": "mine"}
    assert "x-ms-client-request-id" not in azure.request("GET", url, headers=sent).headers
    sent["x-ms-return-client-request-id"] = "true"
    assert azure.request("GET", url, headers=sent).headers["x-ms-client-request-id"] == "mine"


@pytest.mark.parametrize("url", ["https://kv.vault.azure.net/secrets", "https://lake.blob.core.windows.net/"])
def test_data_planes_always_return_the_client_request_id(azure: LocalAzure, url: str) -> None:
    answer = azure.request("GET", url, headers={"x-ms-client-request-id": "mine"}, token="")
    assert answer.headers["x-ms-client-request-id"] == "mine"


def test_graph_returns_the_client_request_id_under_its_own_name(azure: LocalAzure) -> None:
    answer = azure.graph("GET", "applications", client_request_id="mine")
    assert (answer.headers["client-request-id"], "request-id" in answer.headers) == ("mine", True)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"location": NaN}', b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_a_400(azure: LocalAzure, body: bytes) -> None:
    url = f"https://management.azure.com{azure.subscription}/resourcegroups/rg?api-version=2021-04-01"
    assert code(azure.request("PUT", url, body)) == (400, "InvalidRequestContent")


def test_half_a_surrogate_pair_becomes_a_replacement_character(azure: LocalAzure) -> None:
    body = json.dumps({"displayName": "a\ud800b \U0001f600"}).encode()
    kind = {"Content-Type": "application/json"}
    created = azure.request("POST", f"{GRAPH}/applications", body, headers=kind, token=azure.token(GRAPH[:-5]))
    assert created.json()["displayName"] == "a\ufffdb \U0001f600"


def test_head_shows_whether_a_resource_exists(azure: LocalAzure) -> None:
    arm = Manager(azure=azure)
    path = arm.vault()
    assert [arm("HEAD", one).status for one in (path, path + "x")] == [204, 404]


@pytest.mark.parametrize("top", ["-1", "0", "x", "²"])
def test_a_page_of_arm_has_a_whole_number_of_items(azure: LocalAzure, top: str) -> None:
    arm = Manager(azure=azure)
    url = f"https://management.azure.com{azure.subscription}{GROUPS}&$top={quote(top)}"
    assert azure.request("GET", url).status == 400
    assert len(arm("GET", "/resourcegroups").json()["value"]) == 1


def test_search_in_graph_finds_words_and_needs_consistency(azure: LocalAzure) -> None:
    for name in ("flink api", "airflow"):
        azure.graph("POST", "applications", {"displayName": name})
    query = "applications?$search=%22displayName:api%22&$count=true"
    matches = azure.graph("GET", query, ConsistencyLevel="eventual").json()
    assert [one["displayName"] for one in matches["value"]] == ["flink api"]
    assert azure.graph("GET", query).status == 400
    assert azure.graph("GET", "applications?$search=api", ConsistencyLevel="eventual").status == 400


SENTINEL = "sentinel-of-a-call"


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    tenant = Tenant(store=Store(tmp_path / "store"), clock=Clock(), signer=Signer())
    yield tenant
    tenant.store.close()


def test_the_repr_of_a_request_call_or_reply_contains_no_secret(tenant: Tenant) -> None:
    secrets = {"authorization": f"Bearer {SENTINEL}", "sig": SENTINEL}
    carried: dict[str, Any] = {"query": secrets, "headers": secrets, "body": SENTINEL.encode()}
    request = Request(method="POST", host="h", path="/p", target=f"/p?sig={SENTINEL}", **carried)
    call = Call(method="POST", host="h", path="/p", tenant=tenant, **carried)

    for one in (request, call, Reply(body={"secretText": SENTINEL}, headers=secrets)):
        assert SENTINEL not in f"{one!r} {one}"
        with pytest.raises(TypeError, match="secrets"):
            pickle.dumps(one)
    assert "POST" in repr(request)
