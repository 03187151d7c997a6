"""Resource Manager is asked with the versions of one table; where a cloud does not list one, with the newest it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cloud.errors import listed_api_version
from provisioner.model.api_versions import API_VERSIONS, api_version

if TYPE_CHECKING:
    from tests.command_line import Cli

PROVIDER = "/providers/Microsoft.KeyVault"


def setting(cli: Cli, **values: Any) -> None:
    cli.azure.control("PUT", "/settings/api_versions", values)
    cli.forget_calls()


def versions_of(cli: Cli, provider: str, status: int = 299) -> set[str]:
    """The api-versions with which a provider was asked and answered with a status up to this one."""
    calls = cli.azure.control("GET", "/calls")["calls"]
    asked = [c for c in calls if c["host"].startswith("management.") and c["path"].rpartition("/providers/")[2]]
    mine = [c for c in asked if c["path"].rpartition("/providers/")[2].startswith(provider) and c["status"] <= status]
    return {c["api_version"] for c in mine}


@pytest.mark.parametrize("provider", ["Microsoft.KeyVault", "Microsoft.Storage", "Microsoft.Authorization"])
def test_reads_and_writes_use_the_version_of_the_table_whatever_an_sdk_would_choose(cli: Cli, provider: str) -> None:
    cli.done("provision")
    cli.done("teardown", "--purge")

    assert versions_of(cli, f"{provider}/", 599) == {api_version(provider)}


def test_a_cloud_that_is_behind_is_asked_with_the_newest_version_that_it_lists(cli: Cli) -> None:
    setting(cli, newest={"Microsoft.KeyVault": "2024-11-01", "Microsoft.Storage": "2022-09-01"})

    cli.done("provision")
    cli.done("plan", "--detailed-exitcode")

    assert versions_of(cli, "Microsoft.KeyVault/") == {"2024-11-01"}
    assert versions_of(cli, "Microsoft.Storage/") == {"2022-09-01"}


def test_when_older_versions_have_retired_everything_works(cli: Cli) -> None:
    setting(cli, refuse_retired=True)
    cli.azure.advance(200 * 86400)

    for verb in ("doctor", "provision", "verify", "teardown"):
        cli.done(verb)
    assert versions_of(cli, "Microsoft.KeyVault/", 599) == {"2026-02-01"}


def test_every_row_names_its_page_and_key_vaults_is_none_that_retires() -> None:
    assert all(row.source.startswith("https://") for row in API_VERSIONS.values())
    assert api_version("Microsoft.KeyVault") >= "2026-02-01"


@pytest.mark.parametrize(
    ("code", "message", "listed"),
    [
        ("InvalidResourceType", "x. The supported api-versions are '2021-10-01, 2023-07-01-preview'.", "2021-10-01"),
        ("NoRegisteredProviderFound", "x. The supported api-versions are '2023-07-01-preview'.", "2023-07-01-preview"),
        ("InvalidApiVersionParameter", "The supported versions are '2021-04-01,2022-09-01'.", "2022-09-01"),
        ("NoRegisteredProviderFound", "No such location.", ""),
        ("BadRequest", "The supported api-versions are '2021-10-01'.", ""),
    ],
)
def test_a_refusal_lists_the_versions_that_there_are(code: str, message: str, listed: str) -> None:
    assert listed_api_version(code, message) == listed


def test_a_version_that_is_refused_though_it_is_listed_is_an_error(provisioned: Cli) -> None:
    message = f"The supported api-versions are '{api_version('Microsoft.KeyVault')}'."
    fault = {"fault": "error", "status": 400, "code": "NoRegisteredProviderFound", "message": message}
    provisioned.azure.fault(**fault, path=f"{PROVIDER}/vaults/kv-flink-local$", times=None)

    said = provisioned("plan")

    assert (said.code, "NoRegisteredProviderFound" in said.err) == (1, True)
