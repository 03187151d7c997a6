"""Many requests in one: blobs deleted by the SDK, Graph's JSON batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


@pytest.mark.parametrize("keyed", [False, True], ids=["by token", "by key"])
def test_blobs_are_deleted_in_one_batch(azure_env: LocalAzure, *, keyed: bool) -> None:
    lake = lakes.make(azure_env)
    service = lake.blobs(lakes.key_of(lake) if keyed else "")
    container = service.create_container("data")
    for name in ("a", "b c/ü", "kept"):
        container.upload_blob(name, b"x")
    answers = list(container.delete_blobs("a", "b c/ü", "none", raise_on_any_failure=False))
    assert [answer.status_code for answer in answers] == [202, 202, 404]
    assert [answer.reason for answer in answers] == ["Accepted", "Accepted", "The specified blob does not exist."]
    assert "kept" in {blob.name for blob in container.list_blobs()}
    assert "a" not in {blob.name for blob in container.list_blobs()}


def test_each_part_of_a_batch_needs_its_own_right(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env, role=lakes.READER)
    container = lake.blobs(lakes.key_of(lake)).create_container("data")
    container.upload_blob("a", b"x")
    answers = list(lake.blobs().get_container_client("data").delete_blobs("a", raise_on_any_failure=False))
    assert [answer.status_code for answer in answers] == [403]
    with pytest.raises(HttpResponseError):
        lake.blobs().get_container_client("data").delete_blobs(*[str(n) for n in range(257)])


def test_a_body_that_is_no_batch_is_refused(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    for kind, body in (
        ("text/plain", b"x"),
        ("multipart/mixed; boundary=b", b"x"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx"),
    ):
        answer = lake.call("POST", f"{lake.blob}/?comp=batch", body, headers={"Content-Type": kind})
        assert answer.status == 400, answer.body


def _batch(azure: LocalAzure, *requests: dict[str, Any]) -> Any:
    answer = azure.graph("POST", "$batch", {"requests": list(requests)})
    return {one["id"]: one for one in answer.json()["responses"]}


def test_graph_answers_each_request_of_a_batch(azure: LocalAzure) -> None:
    made = {"id": "1", "method": "POST", "url": "/applications", "body": {"displayName": "one"}}
    made["headers"] = {"Content-Type": "application/json"}
    listed = {"id": "2", "method": "GET", "url": "/applications?$filter=displayName eq 'one'&$select=id"}
    missing = {"id": "3", "method": "GET", "url": "/applications/nothing"}
    waiting = {"id": "4", "method": "GET", "url": "/organization", "dependsOn": ["3"]}
    answers = _batch(azure, made, listed, missing, waiting)
    assert [answers[key]["status"] for key in "1234"] == [201, 200, 404, 424]
    assert answers["2"]["body"]["value"] == [{"id": answers["1"]["body"]["id"]}]
    assert answers["3"]["body"]["error"]["code"] == "Request_ResourceNotFound"


def test_graph_refuses_a_batch_that_is_none(azure: LocalAzure) -> None:
    one = {"id": "1", "method": "GET", "url": "/organization"}
    wrongs: list[dict[str, Any]] = [
        {},
        {"requests": []},
        {"requests": [5]},
        {"requests": [one, one]},
        {"requests": [{**one, "url": 5}]},
    ]
    for wrong in wrongs:
        assert azure.graph("POST", "$batch", wrong).status == 400, wrong
    many = {"requests": [{**one, "id": str(number)} for number in range(21)]}
    assert azure.graph("POST", "$batch", many).json()["error"]["code"] == "MaximumValueExceeded"
