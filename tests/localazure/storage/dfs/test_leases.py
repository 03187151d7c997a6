"""Leases that create, append and flush calls acquire, renew or release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

_LEASE_ID, _OTHER_LEASE_ID = "c7a6f1a2-0000-4000-8000-000000000001", "c7a6f1a2-0000-4000-8000-000000000002"
_PROPOSED_LEASE = {"x-ms-proposed-lease-id": _LEASE_ID, "x-ms-lease-duration": "15"}


def _status_and_code(response: Answer) -> tuple[int, str]:
    return response.status, response.headers.get("x-ms-error-code", "")


def test_a_file_is_created_with_a_lease(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    lake.files().create_file_system("data")
    url = f"{lake.dfs}/data/file"
    assert lake.call("PUT", f"{url}?resource=file", headers=_PROPOSED_LEASE).status == 201
    assert lake.call("HEAD", url).headers["x-ms-lease-state"] == "leased"
    assert _status_and_code(lake.call("DELETE", url)) == (412, "LeaseIdMissing")
    azure_env.advance(20)
    assert lake.call("DELETE", url).status == 200


def test_an_append_acquires_renews_and_releases_a_lease(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    lake.files().create_file_system("data").create_file("file")
    url, lease_header = f"{lake.dfs}/data/file", {"x-ms-lease-id": _LEASE_ID}

    def append(position: int, action: str, headers: dict[str, str]) -> tuple[int, str]:
        sent = {"x-ms-lease-action": action, **headers}
        return _status_and_code(
            lake.call("PATCH", f"{url}?action=append&flush=true&position={position}", b"abc", headers=sent)
        )

    assert append(0, "acquire", _PROPOSED_LEASE) == (202, "")
    assert append(3, "acquire", {**_PROPOSED_LEASE, "x-ms-proposed-lease-id": _OTHER_LEASE_ID}) == (
        409,
        "LeaseAlreadyPresent",
    )
    assert append(3, "auto-renew", {}) == (412, "LeaseIdMissing")
    azure_env.advance(10)
    assert append(3, "auto-renew", lease_header) == (202, "")
    azure_env.advance(10)
    assert lake.call("HEAD", url).headers["x-ms-lease-state"] == "leased"
    assert append(6, "release", lease_header) == (202, "")
    assert append(9, "acquire-release", _PROPOSED_LEASE) == (202, "")
    assert append(12, "seize", lease_header) == (400, "InvalidHeaderValue")
    acquire = {**_PROPOSED_LEASE, "x-ms-lease-action": "acquire"}
    flushed = lake.call("PATCH", f"{url}?action=flush&position=12", headers=acquire)
    assert flushed.status == 200
    assert lake.call("HEAD", url).headers["x-ms-lease-state"] == "leased"
