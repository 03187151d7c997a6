"""Batches: blobs deleted by the SDK, Graph's JSON batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


@pytest.mark.parametrize("with_key", [False, True], ids=["by token", "by key"])
def test_blobs_are_deleted_in_one_batch(azure_env: LocalAzure, *, with_key: bool) -> None:
    lake = lakes.create_lake(azure_env)
    service = lake.blobs(lakes.account_key(lake) if with_key else "")
    container = service.create_container("data")
    for name in ("a", "b c/ü", "kept"):
        container.upload_blob(name, b"x")
    responses = list(container.delete_blobs("a", "b c/ü", "none", raise_on_any_failure=False))
    assert [response.status_code for response in responses] == [202, 202, 404]
    assert [response.reason for response in responses] == ["Accepted", "Accepted", "The specified blob does not exist."]
    assert "kept" in {blob.name for blob in container.list_blobs()}
    assert "a" not in {blob.name for blob in container.list_blobs()}


def test_each_request_of_a_batch_is_authorized_by_itself(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, role=lakes.READER)
    container = lake.blobs(lakes.account_key(lake)).create_container("data")
    container.upload_blob("a", b"x")
    responses = list(lake.blobs().get_container_client("data").delete_blobs("a", raise_on_any_failure=False))
    assert [response.status_code for response in responses] == [403]
    with pytest.raises(HttpResponseError):
        lake.blobs().get_container_client("data").delete_blobs(*[str(n) for n in range(257)])


def test_a_malformed_batch_is_refused(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    for content_type, body in (
        ("text/plain", b"x"),
        ("multipart/mixed; boundary=b", b"x"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx"),
    ):
        response = lake.call("POST", f"{lake.blob}/?comp=batch", body, headers={"Content-Type": content_type})
        assert response.status == 400, response.body


def _graph_responses(azure: LocalAzure, *requests: dict[str, Any]) -> Any:
    """Graph's responses to a batch, by request id."""
    response = azure.graph("POST", "$batch", {"requests": list(requests)})
    return {item["id"]: item for item in response.json()["responses"]}


def test_graph_answers_each_request_of_a_batch(azure: LocalAzure) -> None:
    create = {"id": "1", "method": "POST", "url": "/applications", "body": {"displayName": "one"}}
    create["headers"] = {"Content-Type": "application/json"}
    list_created = {"id": "2", "method": "GET", "url": "/applications?$filter=displayName eq 'one'&$select=id"}
    missing = {"id": "3", "method": "GET", "url": "/applications/nothing"}
    dependent = {"id": "4", "method": "GET", "url": "/organization", "dependsOn": ["3"]}
    responses = _graph_responses(azure, create, list_created, missing, dependent)
    assert [responses[key]["status"] for key in "1234"] == [201, 200, 404, 424]
    assert responses["2"]["body"]["value"] == [{"id": responses["1"]["body"]["id"]}]
    assert responses["3"]["body"]["error"]["code"] == "Request_ResourceNotFound"


def test_a_malformed_graph_batch_is_a_400(azure: LocalAzure) -> None:
    request = {"id": "1", "method": "GET", "url": "/organization"}
    invalid: list[dict[str, Any]] = [
        {},
        {"requests": []},
        {"requests": [5]},
        {"requests": [request, request]},
        {"requests": [{**request, "url": 5}]},
    ]
    for body in invalid:
        assert azure.graph("POST", "$batch", body).status == 400, body
    many = {"requests": [{**request, "id": str(number)} for number in range(21)]}
    assert azure.graph("POST", "$batch", many).json()["error"]["code"] == "MaximumValueExceeded"
