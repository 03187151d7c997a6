"""A caller whom only Graph will turn away is told before the first write; one who may otherwise is not stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.command_line import Cli

LEAST = "Missing permission: Application.ReadWrite.OwnedBy on tenant "
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
DIRECTORY_READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"


@pytest.fixture
def tenant(cli: Cli) -> Iterator[Cli]:
    """What an administrator consented to stays in the tenant: the next test gets a new one."""
    yield cli
    cli.azure.reset()


def consented(cli: Cli, *permissions: str, directory_roles: tuple[str, ...] = ()) -> None:
    """What the operator may do in the directory; Owner of the subscription it stays."""
    operator = cli.azure.operator_client_id
    setting = {"app_roles": {operator: list(permissions)}, "directory_roles": {operator: list(directory_roles)}}
    cli.azure.control("PUT", "/settings/graph", setting)


@pytest.mark.parametrize(
    ("permissions", "directory_roles"), [((), ()), (("Application.Read.All",), ()), ((), (DIRECTORY_READERS,))]
)
def test_who_may_only_read_the_directory_is_told_before_the_first_write(
    tenant: Cli, permissions: tuple[str, ...], directory_roles: tuple[str, ...]
) -> None:
    consented(tenant, *permissions, directory_roles=directory_roles)

    said = tenant("provision")

    assert (said.code, tenant.writes()) == (4, []), said.out + said.err
    assert LEAST in said.err
    assert "az ad app permission add --id" in said.err


@pytest.mark.parametrize(
    ("permissions", "directory_roles"),
    [(("Application.ReadWrite.All",), ()), ((), (APPLICATION_ADMINISTRATOR,))],
)
def test_who_may_write_there_by_other_means_is_let_through(
    tenant: Cli, permissions: tuple[str, ...], directory_roles: tuple[str, ...]
) -> None:
    consented(tenant, *permissions, directory_roles=directory_roles)

    tenant.done("provision")


def test_who_may_not_write_there_is_not_stopped_where_nothing_there_is_to_be_made(provisioned: Cli) -> None:
    consented(provisioned, "Application.Read.All")
    provisioned.spec.setdefault("variables", {})["added"] = "1"
    try:
        provisioned.done("provision")
    finally:
        provisioned.azure.reset()
