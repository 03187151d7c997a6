"""An identity with exactly the rights of docs/access.md can do everything; without one of them it is told which."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from localazure.app import process
from provisioner.cloud.built_in_roles import GUIDS
from tests.resource_manager import Manager
from tests.rights_table import PAGE, RIGHTS, with_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.model import NeededRight
    from tests.command_line import Cli
    from tests.resource_manager import Someone

GRAPH = "servicePrincipals(appId='00000003-0000-0000-c000-000000000000')"
REQUIRED = [right for right in RIGHTS if not right.optional]
OPTIONAL = [right for right in RIGHTS if right.optional]
WALK = (
    ("plan",),
    ("provision", "--yes"),
    ("plan", "--detailed-exitcode"),
    ("verify",),
    ("rotate", "--force", "--yes"),
    ("status",),
    ("teardown",),
)
NAMED = re.compile(r"--role '([^']+)' --scope (\S+)|Missing permission: (\w+\.\w+\.\w+) on tenant")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A service principal that signs in to `cloud: public`, and the operator who grants it rights."""

    cli: Cli
    arm: Manager
    someone: Someone
    monkeypatch: pytest.MonkeyPatch

    def grant(self, *rights: NeededRight) -> None:
        for right in rights:
            if right.scope:
                path = right.scope.removeprefix(self.cli.azure.subscription)
                granted = self.arm.grant(path, GUIDS[right.role], self.someone.object_id).status
            else:
                granted = self._grant_on_graph(right.role.strip("`"))
            assert granted == 201

    def walk(self) -> None:
        """What one does with an environment from beginning to end, and each of it goes well."""
        for verb, *options in WALK:
            self.cli.done(verb, *options)

    def is_stopped_for(self, missing: NeededRight) -> None:
        """`doctor` and `provision` stop and name that right and no other, and nothing is written."""
        self.cli.forget_calls()
        for verb, *options in (("doctor",), ("provision", "--yes")):
            said = self.cli(verb, *options)

            assert said.code == 4, said.out + said.err
            stops = "\n".join(line for line in (said.out + said.err).splitlines() if not line.startswith("?"))
            found = {(role or f"`{permission}`", scope) for role, scope, permission in NAMED.findall(stops)}
            assert found == {(missing.role, missing.scope)}, stops
        assert self.cli.writes() == []

    def become_another(self) -> Identity:
        """Sign in as a new service principal, which has no right yet."""
        someone = self.arm.someone("drift")
        self.sign_in(self.monkeypatch, someone)
        return replace(self, someone=someone)

    @staticmethod
    def sign_in(monkeypatch: pytest.MonkeyPatch, someone: Someone) -> None:
        monkeypatch.setenv("AZURE_CLIENT_ID", someone.app_id)
        monkeypatch.setenv("AZURE_CLIENT_SECRET", someone.secret.reveal())

    def _grant_on_graph(self, permission: str) -> int:
        graph = self.cli.azure.graph("GET", GRAPH).json()
        role = next(one["id"] for one in graph["appRoles"] if one["value"] == permission)
        body = {"principalId": self.someone.object_id, "resourceId": graph["id"], "appRoleId": role}
        path = f"servicePrincipals/{self.someone.object_id}/appRoleAssignments"
        return self.cli.azure.graph("POST", path, body).status


@pytest.fixture
def identity(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    """The group exists; the identity has no right yet, and whoever runs the command line is signed in as it."""
    azure, arm = cli.azure, Manager(azure=cli.azure)
    arm.group("flink-local")
    someone = arm.someone("pipeline")
    administrator = ["Application.ReadWrite.OwnedBy", "AppRoleAssignment.ReadWrite.All"]
    azure.control("PUT", "/settings/graph", {"app_roles": {azure.operator_client_id: administrator}})
    azure.tokens.clear()
    wanted = process.with_client_variables(dict(os.environ), azure.state)
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    Identity.sign_in(monkeypatch, someone)
    cli.spec["cloud"], cli.spec["airflow"]["version"] = "public", "2.6.3"
    yield Identity(cli=cli, arm=arm, someone=someone, monkeypatch=monkeypatch)
    azure.reset()


def test_who_has_exactly_the_required_rights_provisions_rotates_and_tears_down(identity: Identity) -> None:
    identity.grant(*REQUIRED)
    cli = identity.cli

    assert cli.done("doctor", "--json").json()["ready"] is True
    identity.walk()
    paths = [call["path"].lower() for call in cli.azure.control("GET", "/calls")["calls"]]
    assert not any("roleeligibility" in path for path in paths), "asked though no right is missing"


def test_who_may_activate_a_missing_right_is_told_to_before_the_first_write(identity: Identity) -> None:
    missing = next(right for right in REQUIRED if right.role == "Data Factory Contributor")
    identity.grant(*(right for right in REQUIRED if right != missing), replace(missing, role="Reader"))
    eligible = [{"role": GUIDS[missing.role], "scope": missing.scope}]
    identity.cli.azure.control("PUT", "/settings/eligible_roles", {identity.someone.object_id: eligible})
    identity.cli.forget_calls()

    for verb, *options in (("doctor",), ("provision", "--yes")):
        said = identity.cli(verb, *options)

        assert said.code == 4, said.out + said.err
        assert f"You are eligible for {missing.role} on {missing.scope} in Privileged" in said.out + said.err
    assert identity.cli.writes() == []


def test_who_lost_a_right_in_the_middle_of_a_run_is_told_to_activate_it_again(identity: Identity) -> None:
    lost = next(right for right in REQUIRED if right.role == "Data Factory Contributor")
    identity.grant(*REQUIRED)
    eligible = [{"role": GUIDS[lost.role], "scope": lost.scope}]
    identity.cli.azure.control("PUT", "/settings/eligible_roles", {identity.someone.object_id: eligible})
    action, scope = "Microsoft.DataFactory/factories/linkedservices/write", f"{lost.scope}/linkedservices/KeyVault"
    words = f"does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid."
    refusal = {"status": 403, "code": "AuthorizationFailed", "message": f"The client 'c' {words}"}
    identity.cli.azure.fault(fault="error", method="PUT", path="/linkedservices/", times=None, **refusal)

    said = identity.cli("provision", "--yes")

    assert said.code == 3, said.out + said.err
    assert f"You are eligible for {lost.role} on {lost.scope} in Privileged" in said.out
    assert f"Missing permission: {action}" in said.out


def test_who_has_the_optional_rights_too_purges_and_provisions_again(identity: Identity) -> None:
    identity.grant(*RIGHTS)
    cli = identity.cli

    for verb, *options in (("provision", "--yes"), ("teardown", "--purge"), ("provision", "--yes")):
        cli.done(verb, *options)
    found = cli.done("doctor", "--json").json()["findings"]
    unknown = [one for one in found if one["verdict"] == "not known"]
    assert not [one for one in found if one["what"].startswith("you lack ")]
    assert {one["about"] for one in unknown} <= {"client_secret/airflow", "client_secret/flink-api"}


UNREAD = re.compile(r"^  (\S+/.*): (.+) would read it$", re.MULTILINE)
READ_BY = {
    ("client_secret", "Key Vault Secrets User"),
    ("vault_secret", "Key Vault Secrets User"),
    ("dag_file", "Storage Blob Data Reader"),
    ("dag_import", "Storage Blob Data Reader"),
    ("job_jar", "Storage Blob Data Reader"),
}
READS = [replace(right, role="Reader") for right in REQUIRED if right.scope]
READS_GRAPH = next(right for right in RIGHTS if right.role == "`Application.Read.All`")


def test_a_reader_sees_no_change_and_what_it_cannot_read_until_it_may_read_that_too(identity: Identity) -> None:
    cli = identity.cli
    identity.grant(*REQUIRED)
    cli.done("provision", "--yes")
    drift_job = identity.become_another()
    drift_job.grant(*dict.fromkeys(replace(right, purpose="", where="") for right in READS), READS_GRAPH)

    said = cli("plan", "--detailed-exitcode")

    assert said.code == 5, said.out + said.err
    unread = {address: role for addresses, role in UNREAD.findall(said.err) for address in addresses.split(", ")}
    assert f"no change seen, but {len(unread)} resources could not be read" in said.err
    assert {name for name, action in cli("plan", "--json").actions().items() if action == "defer"} == unread.keys()
    kinds = {(address.partition("/")[0], role.partition(" on ")[0]) for address, role in unread.items()}
    assert kinds == READ_BY, said.err

    for role in ("Key Vault Secrets User", "Storage Blob Data Reader"):
        drift_job.grant(replace(READS[0], role=role))
    assert cli("plan", "--detailed-exitcode").code == 0
    cli.spec["variables"]["greeting"] = "another"
    assert cli("plan", "--detailed-exitcode").code == 2


@pytest.mark.parametrize("missing", REQUIRED, ids=lambda right: f"{right.role.strip('`')} on {right.where}")
def test_who_lacks_a_required_right_is_told_that_one_before_the_first_write(
    identity: Identity, missing: NeededRight
) -> None:
    identity.grant(*(right for right in REQUIRED if right != missing))

    identity.is_stopped_for(missing)


@pytest.mark.parametrize("missing", OPTIONAL, ids=lambda right: f"{right.role.strip('`')} on {right.where}")
def test_who_lacks_an_optional_right_is_told_in_a_note_what_does_not_work(
    identity: Identity, missing: NeededRight
) -> None:
    identity.grant(*(right for right in RIGHTS if right != missing))

    said = identity.cli.done("doctor", "--json").json()

    every = [one["what"] for one in said["findings"] if one["verdict"] == "note"]
    notes = [note for note in every if note.startswith("you lack ")]
    assert (said["ready"], len(notes)) == (True, 1), notes
    assert f"{missing.role} on {missing.where}" in notes[0]
    assert missing.optional in notes[0]


def test_the_table_in_the_documentation_is_what_this_suite_grants() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert with_table(page) == page, "`make goldens` writes it"
    assert with_table(page.replace("| nothing begins |", "| it begins |")) == page


def test_who_may_assign_roles_under_a_condition_only_is_not_taken_for_full(identity: Identity) -> None:
    administrator = "Role Based Access Control Administrator"
    constrained = [right for right in REQUIRED if right.role == administrator]
    required = [right for right in REQUIRED if right not in constrained]
    identity.grant(*required, *{right.scope: right for right in READS}.values())
    condition = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {1}"
    for right in constrained:
        path = right.scope.removeprefix(identity.cli.azure.subscription)
        more = {"condition": condition, "conditionVersion": "2.0"}
        assert identity.arm.grant(path, GUIDS[administrator], identity.someone.object_id, **more).status == 201

    said = identity.cli("doctor", "--json")

    found = {one["verdict"] for one in said.json()["findings"] if "roleAssignments/write" in one["what"]}
    assert (said.code, found) == (0, {"not known"}), said.out
