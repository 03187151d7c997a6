"""Files with an expiry time: set at their creation or later, returned, and then gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure
    from tests.localazure.lake import Lake


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    lake = lakes.create_lake(azure_env)
    lake.files().create_file_system("data").create_directory("folder")
    return lake


def _expiry_headers(option: str, time: str = "") -> dict[str, str]:
    return {"x-ms-expiry-option": option, **({"x-ms-expiry-time": time} if time else {})}


def test_a_file_expires_at_the_time_set_at_its_creation(lake: Lake) -> None:
    url = f"{lake.dfs}/data/file"
    assert lake.call("PUT", f"{url}?resource=file", headers=_expiry_headers("RelativeToNow", "60000")).status == 201
    assert "x-ms-expiry-time" in lake.call("HEAD", url).headers
    (listed,) = (path for path in lake.files().get_file_system_client("data").get_paths() if path.name == "file")
    assert listed.expiry_time
    lake.azure.advance(61)
    assert lake.call("HEAD", url).status == 404
    assert [path.name for path in lake.files().get_file_system_client("data").get_paths()] == ["folder"]
    assert lake.call("PUT", f"{url}?resource=file").status == 201
    assert "x-ms-expiry-time" not in lake.call("HEAD", url).headers


@pytest.mark.parametrize(
    "headers",
    [
        _expiry_headers("RelativeToNow", "60000"),
        _expiry_headers("RelativeToCreation", "60000"),
        _expiry_headers("Absolute", "Thu, 01 Jan 2099 00:00:00 GMT"),
    ],
)
def test_an_expiry_time_is_set_and_removed(lake: Lake, headers: dict[str, str]) -> None:
    lake.files().get_file_client("data", "file").create_file()
    url = f"{lake.blob}/data/file"
    assert lake.call("PUT", f"{url}?comp=expiry", headers=headers).status == 200
    assert "x-ms-expiry-time" in lake.call("HEAD", url).headers
    assert lake.call("PUT", f"{url}?comp=expiry", headers=_expiry_headers("NeverExpire")).status == 200
    assert "x-ms-expiry-time" not in lake.call("HEAD", url).headers


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("file", {}),
        ("file", _expiry_headers("Someday", "1")),
        ("file", _expiry_headers("RelativeToNow", "soon")),
        ("file", _expiry_headers("RelativeToNow", "9" * 400)),
        ("file", _expiry_headers("Absolute", "soon")),
        ("file", _expiry_headers("Absolute", "Thu, 01 Jan 1998 00:00:00 GMT")),
        ("folder", _expiry_headers("NeverExpire")),
    ],
)
def test_an_invalid_expiry_time_is_refused(lake: Lake, path: str, headers: dict[str, str]) -> None:
    lake.files().get_file_client("data", "file").create_file()
    response = lake.call("PUT", f"{lake.blob}/data/{path}?comp=expiry", headers=headers)
    assert (response.status, response.headers["x-ms-error-code"]) == (400, "InvalidHeaderValue")
