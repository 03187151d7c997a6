"""A filesystem with more blobs of others than one listing holds: what a run asks does not depend on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.foreign_blobs import add_foreign_blobs

if TYPE_CHECKING:
    from tests.command_line import Cli

MORE_THAN_A_PAGE = 6000
FILESYSTEM = "stflinklocal/jobs"
ENVIRONMENT_NOTE = "provisioner_folders_"


def calls(cli: Cli, verb: str, *options: str) -> list[str]:
    """What a command asks of the account."""
    cli.forget_calls()
    cli.done(verb, *options)
    seen = cli.azure.control("GET", "/calls")["calls"]
    asked = [call for call in seen if call["host"].endswith(".core.windows.net")]
    return sorted(f"{call['method']} {call['host']}{call['path']}?{call['query']}" for call in asked)


def metadata(cli: Cli, filesystem: str) -> dict[str, str]:
    path = "/resourceGroups/flink-local/providers/Microsoft.Storage/storageAccounts/stflinklocal"
    url = f"https://management.azure.com{cli.azure.subscription}{path}/blobServices/default/containers/{filesystem}"
    found = cli.azure.request("GET", f"{url}?api-version=2023-05-01").json()
    return found["properties"].get("metadata") or {}


def notes(cli: Cli, filesystem: str) -> list[str]:
    return [text for name, text in metadata(cli, filesystem).items() if name.startswith(ENVIRONMENT_NOTE)]


@pytest.mark.parametrize(("verb", "options"), [("plan", ()), ("rotate", ("--force", "--yes")), ("status", ())])
def test_calls_are_the_same_with_and_without_them(provisioned: Cli, verb: str, options: tuple[str, ...]) -> None:
    provisioned.azure.control("PUT", "/snapshots/before")
    before = calls(provisioned, verb, *options)
    provisioned.azure.control("POST", "/snapshots/before")
    add_foreign_blobs(provisioned.azure.state, FILESYSTEM, MORE_THAN_A_PAGE)

    assert calls(provisioned, verb, *options) == before


def test_a_teardown_names_some_of_them_and_keeps_the_filesystem(provisioned: Cli) -> None:
    add_foreign_blobs(provisioned.azure.state, FILESYSTEM, MORE_THAN_A_PAGE)
    provisioned.forget_calls()

    said = provisioned("teardown")

    assert said.code == 3
    kept = next(line for line in said.out.splitlines() if line.startswith("remains filesystem/jobs"))
    assert kept.count("checkpoints/") == 10
    assert ", more without the owner tag" in kept
    listed = [call for call in provisioned.azure.control("GET", "/calls")["calls"] if "comp=list" in call["query"]]
    assert not [call for call in listed if "marker" in call["query"]]


def test_a_file_in_a_folder_that_the_spec_no_longer_names_is_found(provisioned: Cli) -> None:
    jar = provisioned.spec["job"]
    provisioned.spec["job"] = {"jar": jar, "directory": "ours/2026, one*"}
    provisioned.done("provision", "--yes")
    assert notes(provisioned, "jobs") == ["/,/ours/2026%2C%20one%2A"]
    provisioned.spec["job"] = {"jar": jar, "directory": "else"}

    planned = provisioned.done("plan", "--json").actions()

    assert {address: action for address, action in planned.items() if address.startswith("job_jar")} == {
        "job_jar/jobs/else/wordcount.jar": "create",
        "job_jar/jobs/ours/2026, one*/wordcount.jar": "delete",
    }
    provisioned.done("provision", "--yes")
    assert provisioned("plan", "--detailed-exitcode").code == 0


def test_a_folder_is_noted_before_a_file_is_in_it(provisioned: Cli) -> None:
    provisioned.spec["job"] = {"jar": provisioned.spec["job"], "directory": "new"}
    provisioned.forget_calls()

    provisioned.done("provision", "--yes")

    writes = provisioned.writes()
    noted = next(index for index, write in enumerate(writes) if write.endswith("windows.net/jobs"))
    assert noted < next(index for index, write in enumerate(writes) if "/jobs/new" in write)


def test_an_adopted_filesystem_is_left_without_a_note(cli: Cli) -> None:
    cli.spec["storage_account"] = {"name": "stflinklocal", "filesystem": "theirs"}
    cli.done("provision", "--only", "caller_access/account", "--yes")
    url = "https://stflinklocal.dfs.core.windows.net/theirs?resource=filesystem"
    token = cli.azure.token("https://storage.azure.com")
    headers = {"x-ms-version": "2023-11-03", "x-ms-properties": "team=Ymx1ZQ=="}
    assert cli.azure.request("PUT", url, headers=headers, token=token).status == 201

    cli.done("provision", "--yes")

    assert notes(cli, "theirs") == ["/"]
    assert cli("teardown").code == 3
    assert metadata(cli, "theirs") == {"team": "blue"}


def test_a_filesystem_of_an_earlier_version_is_listed_whole_until_something_is_written(provisioned: Cli) -> None:
    jar = provisioned.spec["job"]
    provisioned.spec["job"] = {"jar": jar, "directory": "before"}
    provisioned.done("provision", "--yes")
    owner = {name: text for name, text in metadata(provisioned, "jobs").items() if "folders" not in name}
    _set_metadata(provisioned, "jobs", owner)
    provisioned.spec["job"] = {"jar": jar, "directory": "after"}

    assert "job_jar/jobs/before/wordcount.jar" in provisioned.done("plan", "--json").actions()

    provisioned.done("provision", "--yes")
    # The old jar is deleted beside: its folder is noted unless it was empty by then.
    assert notes(provisioned, "jobs") in (["/after"], ["/after,/before"])
    assert provisioned("plan", "--detailed-exitcode").code == 0


def _set_metadata(cli: Cli, filesystem: str, values: dict[str, str]) -> None:
    path = "/resourceGroups/flink-local/providers/Microsoft.Storage/storageAccounts/stflinklocal"
    url = f"https://management.azure.com{cli.azure.subscription}{path}/blobServices/default/containers/{filesystem}"
    body = {"properties": {"metadata": values}}
    assert cli.azure.request("PATCH", f"{url}?api-version=2023-05-01", body).status == 200
