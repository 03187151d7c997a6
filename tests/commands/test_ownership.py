"""Who may change only applications that it owns is told where it is no owner, before the first write if it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.test_graph_rights import consented
from tests.resource_manager import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.command_line import Cli

ROLE = "Key Vault Secrets User"
OWNED_BY, ALL = "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"
LINE = f"az ad app owner add --id {{}} --owner-object-id {OPERATOR}"


@pytest.fixture
def tenant(cli: Cli) -> Iterator[Cli]:
    """What a test changes in the tenant is gone after it."""
    yield cli
    cli.azure.reset()


def become_owner(cli: Cli, application: str) -> None:
    """What the az line does, run by an administrator."""
    consented(cli, ALL)
    cli.azure.tokens.clear()
    body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{OPERATOR}"}
    assert cli.azure.graph("POST", f"applications/{application}/owners/$ref", body).status == 204
    consented(cli, OWNED_BY)
    cli.azure.tokens.clear()


def lose_ownership(cli: Cli, application: str) -> None:
    assert cli.azure.graph("DELETE", f"applications/{application}/owners/{OPERATOR}/$ref").status == 204


def adopted_application(cli: Cli) -> str:
    """An application made by hand that the caller does not own; its object id."""
    client_id, _ = cli.azure.new_client("made by hand")
    application = cli.azure.graph("GET", f"applications(appId='{client_id}')").json()["id"]
    lose_ownership(cli, application)
    cli.spec["principals"] = {"airflow": {"role": ROLE, "application": {"client_id": client_id}}}
    return application


def owners_read(cli: Cli) -> int:
    calls = cli.azure.control("GET", "/calls")["calls"]
    return sum(call["path"].endswith("/owners") for call in calls)


def test_adopting_an_application_of_somebody_else_stops_before_the_first_write(tenant: Cli) -> None:
    application = adopted_application(tenant)
    tenant.forget_calls()

    for verb, *options in (("doctor",), ("provision", "--yes")):
        said = tenant(verb, *options)
        assert (said.code, tenant.writes()) == (4, []), said.out + said.err
        assert LINE.format(application) in said.out + said.err

    become_owner(tenant, application)
    tenant.done("provision")


def test_who_may_change_all_applications_adopts_any_and_reads_no_owners(tenant: Cli) -> None:
    adopted_application(tenant)
    consented(tenant, ALL)
    tenant.forget_calls()

    tenant.done("provision")

    assert owners_read(tenant) == 0


def test_an_application_that_graph_made_without_its_owner_is_told_and_the_next_run_goes_on(tenant: Cli) -> None:
    tenant.azure.control("PUT", "/settings/graph", {"unowned_upserts": True})
    tenant.spec["waits"] = {"visible": "1s"}

    said = tenant("provision")

    assert (said.code, "not among its owners" in said.out + said.err) == (3, True), said.out + said.err
    listed = tenant.azure.graph("GET", "applications").json()["value"]
    made = [one["id"] for one in listed if (one["uniqueName"] or "").startswith("provisioner-")]
    assert len(made) == 2
    for application in made:
        assert LINE.format(application) in said.out + said.err
        become_owner(tenant, application)
    tenant.done("provision")


def test_who_no_longer_owns_an_application_is_told_by_doctor_and_by_the_refused_rotation(provisioned: Cli) -> None:
    listed = provisioned.azure.graph("GET", "applications").json()["value"]
    application = next(one["id"] for one in listed if (one["uniqueName"] or "").endswith("-airflow"))
    lose_ownership(provisioned, application)

    ready = provisioned.done("doctor")
    refused = provisioned("rotate", "--force", "--only", "airflow", "--yes")

    assert "note: application/airflow: the caller can neither change it nor rotate its secret" in ready.out
    assert (refused.code, LINE.format(application) in refused.out + refused.err) == (4, True), refused.err
    provisioned.spec["principals"] = {"airflow": {"role": ROLE, "display_name": "another name"}}
    assert (provisioned("doctor").code, provisioned("provision", "--yes").code) == (4, 4)
    provisioned.azure.reset()


def test_owners_that_may_not_be_read_are_not_known(tenant: Cli) -> None:
    adopted_application(tenant)
    tenant.azure.fault(fault="error", path="/owners$", status=403, code="Authorization_RequestDenied", times=None)

    said = tenant("doctor", "--json")

    unknown = [one["what"] for one in said.json()["findings"] if one["verdict"] == "not known"]
    assert (said.code, f"right of the caller: {OWNED_BY}" in unknown) == (0, True), said.out
