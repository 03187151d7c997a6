"""Leases that come and go with the calls that create, append and flush."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

_ONE, _OTHER = "c7a6f1a2-0000-4000-8000-000000000001", "c7a6f1a2-0000-4000-8000-000000000002"
_PROPOSED = {"x-ms-proposed-lease-id": _ONE, "x-ms-lease-duration": "15"}


def _code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.headers.get("x-ms-error-code", "")


def test_a_file_is_created_with_a_lease(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    lake.files().create_file_system("data")
    url = f"{lake.dfs}/data/file"
    assert lake.call("PUT", f"{url}?resource=file", headers=_PROPOSED).status == 201
    assert lake.call("HEAD", url).headers["x-ms-lease-state"] == "leased"
    assert _code(lake.call("DELETE", url)) == (412, "LeaseIdMissing")
    azure_env.advance(20)
    assert lake.call("DELETE", url).status == 200


def test_a_lease_is_taken_prolonged_and_given_back_with_appended_bytes(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    lake.files().create_file_system("data").create_file("file")
    url, held = f"{lake.dfs}/data/file", {"x-ms-lease-id": _ONE}

    def append(position: int, action: str, headers: dict[str, str]) -> tuple[int, str]:
        sent = {"x-ms-lease-action": action, **headers}
        return _code(lake.call("PATCH", f"{url}?action=append&flush=true&position={position}", b"abc", headers=sent))

    assert append(0, "acquire", _PROPOSED) == (202, "")
    assert append(3, "acquire", {**_PROPOSED, "x-ms-proposed-lease-id": _OTHER}) == (409, "LeaseAlreadyPresent")
    assert append(3, "auto-renew", {}) == (412, "LeaseIdMissing")
    azure_env.advance(10)
    assert append(3, "auto-renew", held) == (202, "")
    azure_env.advance(10)
    assert lake.call("HEAD", url).headers["x-ms-lease-state"] == "leased"
    assert append(6, "release", held) == (202, "")
    assert append(9, "acquire-release", _PROPOSED) == (202, "")
    assert append(12, "seize", held) == (400, "InvalidHeaderValue")
    taken = {**_PROPOSED, "x-ms-lease-action": "acquire"}
    flushed = lake.call("PATCH", f"{url}?action=flush&position=12", headers=taken)
    assert flushed.status == 200
    assert lake.call("HEAD", url).headers["x-ms-lease-state"] == "leased"
