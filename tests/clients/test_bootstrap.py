"""The lines that `bootstrap` prints, run with az: what they make has the documented rights, and they suffice."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import cli
from tests.commands.test_least_privilege import RIGHTS, Identity, identity
from tests.emulator import ARM

if TYPE_CHECKING:
    from tests.clients.conftest import Az

__all__ = ["cli", "identity"]
pytestmark = pytest.mark.shows_secrets(
    "command line", "files", "output", why="az takes its password as an option, and a new secret is shown once"
)
ISSUER = "https://login.microsoftonline.com/5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01/v2.0"
DOCUMENTED = {(right.role, right.scope) for right in RIGHTS}
SUBJECT = "/eid1/c/pub/t/one/a/two/sc/three/four"


@dataclass(frozen=True, kw_only=True)
class Bootstrapped:
    """What the lines made, and what they printed."""

    values: dict[str, str]
    identity: Identity

    def application(self, more: str = "") -> Any:
        azure = self.identity.cli.azure
        return azure.graph("GET", f"applications(appId='{self.values['AZURE_CLIENT_ID']}'){more}").json()

    def grants(self) -> set[tuple[str, str]]:
        """Name and scope of each role, and the names of permissions of Graph."""
        azure, arm = self.identity.cli.azure, self.identity.arm
        principal = azure.graph("GET", f"servicePrincipals(appId='{self.values['AZURE_CLIENT_ID']}')").json()["id"]
        path = f"/providers/Microsoft.Authorization/roleAssignments?$filter=principalId eq '{principal}'"
        listed = [one["properties"] for one in arm("GET", path, version="2022-04-01").json()["value"]]
        roles = {(self._role(one["roleDefinitionId"]), one["scope"]) for one in listed}
        graph = azure.graph("GET", "servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").json()
        names = {one["id"]: one["value"] for one in graph["appRoles"]}
        permissions = azure.graph("GET", f"servicePrincipals/{principal}/appRoleAssignments").json()["value"]
        return roles | {(f"`{names[one['appRoleId']]}`", "") for one in permissions}

    def _role(self, definition: str) -> str:
        url = f"{ARM}{definition}?api-version=2022-04-01"
        return self.identity.cli.azure.request("GET", url).json()["properties"]["roleName"]


def bootstrap(identity: Identity, az: Az, *way: str, times: int = 1, **more: str) -> Bootstrapped:
    """Run the lines; several times, as somebody may who is not sure whether they came to an end."""
    script = identity.cli.done("bootstrap", *way).out
    variables = az.variables | more
    variables["PATH"] = f"{az.program.parent}:{variables['PATH']}"
    values: dict[str, str] = {}
    for _ in range(times):
        done = subprocess.run(
            ["sh"], input=script, env=variables, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        values |= dict(line.split("=", 1) for line in done.stdout.splitlines())
    return Bootstrapped(values=values, identity=identity)


def test_a_service_principal_has_exactly_the_documented_rights_and_can_do_everything(
    identity: Identity, az: Az, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bootstrap(identity, az, "--service-principal", times=2)

    assert made.grants() == DOCUMENTED
    assert len(made.application()["passwordCredentials"]) == 1
    for name, value in made.values.items():
        monkeypatch.setenv(name, value)
    identity.walk()
    identity.cli.done("provision", "--yes")
    identity.cli.done("teardown", "--purge")


@pytest.mark.parametrize(
    ("way", "issuer", "subject"),
    [
        (
            ("--github", "contoso/jobs@prod"),
            "https://token.actions.githubusercontent.com",
            "repo:contoso/jobs:environment:prod",
        ),
        (("--azure-devops", "contoso/My Project/to-azure"), ISSUER, SUBJECT),
    ],
)
def test_a_pipeline_is_trusted_without_any_secret(
    identity: Identity, az: Az, way: tuple[str, ...], issuer: str, subject: str
) -> None:
    made = bootstrap(identity, az, *way, ISSUER=ISSUER, SUBJECT=SUBJECT)

    assert made.grants() == DOCUMENTED
    assert made.application()["passwordCredentials"] == []
    (trust,) = made.application("/federatedIdentityCredentials")["value"]
    assert (trust["issuer"], trust["subject"]) == (issuer, subject)
    assert trust["audiences"] == ["api://AzureADTokenExchange"]
