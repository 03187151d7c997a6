"""Files that end at a time: set at their creation or later, shown, and then gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure
    from tests.localazure.lake import Lake


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    made = lakes.make(azure_env)
    made.files().create_file_system("data").create_directory("folder")
    return made


def _expiry(option: str, time: str = "") -> dict[str, str]:
    return {"x-ms-expiry-option": option, **({"x-ms-expiry-time": time} if time else {})}


def test_a_file_ends_when_it_was_told_to_at_its_creation(lake: Lake) -> None:
    url = f"{lake.dfs}/data/file"
    assert lake.call("PUT", f"{url}?resource=file", headers=_expiry("RelativeToNow", "60000")).status == 201
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
        _expiry("RelativeToNow", "60000"),
        _expiry("RelativeToCreation", "60000"),
        _expiry("Absolute", "Thu, 01 Jan 2099 00:00:00 GMT"),
    ],
)
def test_an_end_is_set_and_taken_back(lake: Lake, headers: dict[str, str]) -> None:
    lake.files().get_file_client("data", "file").create_file()
    url = f"{lake.blob}/data/file"
    assert lake.call("PUT", f"{url}?comp=expiry", headers=headers).status == 200
    assert "x-ms-expiry-time" in lake.call("HEAD", url).headers
    assert lake.call("PUT", f"{url}?comp=expiry", headers=_expiry("NeverExpire")).status == 200
    assert "x-ms-expiry-time" not in lake.call("HEAD", url).headers


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("file", {}),
        ("file", _expiry("Someday", "1")),
        ("file", _expiry("RelativeToNow", "soon")),
        ("file", _expiry("RelativeToNow", "9" * 400)),
        ("file", _expiry("Absolute", "soon")),
        ("file", _expiry("Absolute", "Thu, 01 Jan 1998 00:00:00 GMT")),
        ("folder", _expiry("NeverExpire")),
    ],
)
def test_an_end_that_makes_no_sense_is_refused(lake: Lake, path: str, headers: dict[str, str]) -> None:
    lake.files().get_file_client("data", "file").create_file()
    answer = lake.call("PUT", f"{lake.blob}/data/{path}?comp=expiry", headers=headers)
    assert (answer.status, answer.headers["x-ms-error-code"]) == (400, "InvalidHeaderValue")
