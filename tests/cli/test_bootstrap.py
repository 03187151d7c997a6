"""The lines that make an identity for CI: what they say, and which command lines are refused."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioner.commands.run import NO_TENANT, names_of
from provisioner.recipe.rights import required_and_optional_rights
from tests.command_line import ROOT
from tests.environment_files import load, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli

LOCAL = str(ROOT / "environments/local.yaml")
OTHERS = [
    str(ROOT / file)
    for file in (
        "environments/self-managed.yaml",
        "tests/reliability/managed-identity.yaml",
        "tests/rights/assigned-identity.yaml",
        "tests/rights/elsewhere.yaml",
    )
]
WAYS = (("--github", "contoso/jobs"), ("--azure-devops", "contoso/My Project/to azure"), ("--service-principal",))


@pytest.mark.parametrize(
    ("file", "way"),
    [*((LOCAL, way) for way in WAYS), *((file, WAYS[0]) for file in OTHERS)],
    ids=lambda one: one.rpartition("/")[2] if isinstance(one, str) else one[0],
)
def test_they_grant_exactly_the_rights_that_are_documented(cli: Cli, file: str, way: tuple[str, ...]) -> None:
    said = cli.run("bootstrap", file, *way)

    subprocess.run(["sh", "-n"], input=said.out, text=True, check=True)
    environment = load(file, environ={})
    rights = required_and_optional_rights(environment, names_of(environment, NO_TENANT))
    granted = [(role.strip("'"), scope) for role, scope in re.findall(r"(?m)^allow ('[^']+'|\w+) (\S+)$", said.out)]
    assert granted == [(right.role, right.scope) for right in rights if right.scope]
    assert re.findall(r"(?m)^consent (\S+)$", said.out) == [one.role.strip("`") for one in rights if not one.scope]
    assert (said.code, cli.writes()) == (0, [])


@pytest.mark.parametrize("name", ["dev", "prod", "self-managed"])
def test_the_identity_may_read_the_cluster_whose_tokens_are_trusted(cli: Cli, name: str) -> None:
    out = cli.run("bootstrap", str(ROOT / f"environments/{name}.yaml"), "--service-principal", "--required-only").out

    (line,) = re.findall(r"(?m)^allow .*/managedClusters/[\w-]+$", out)
    assert line.startswith("allow Reader /subscriptions/")


def test_a_role_in_fabric_is_given_there(cli: Cli) -> None:
    name = str(ROOT / "environments/fabric.yaml")
    out = cli.run("bootstrap", name, "--service-principal").out

    subprocess.run(["sh", "-n"], input=out, text=True, check=True)
    assert "# Contributor in it: the Fabric workspace, for: the Apache Airflow job" in out
    assert "displayName==" in out
    assert "consent Contributor" not in out


def test_optional_rights_can_be_left_out(cli: Cli) -> None:
    out = cli.run("bootstrap", LOCAL, "--service-principal", "--required-only").out

    assert "allow 'Data Factory Contributor'" in out
    assert "optional" not in out
    assert "Application.Read.All" not in out


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("contoso/jobs", "repo:contoso/jobs:environment:local"),
        ("contoso/jobs@prod", "repo:contoso/jobs:environment:prod"),
        ("contoso/jobs@2026", "repo:contoso/jobs:environment:2026"),
        ("contoso@55/jobs@82", "repo:contoso@55/jobs@82:environment:local"),
        ("contoso@55/jobs@82@prod eu", "'repo:contoso@55/jobs@82:environment:prod eu'"),
    ],
)
def test_a_github_repository_is_trusted_within_one_environment(cli: Cli, text: str, subject: str) -> None:
    out = cli.run("bootstrap", LOCAL, "--github", text).out

    assert f"\nsubject={subject}\n" in out
    assert "gh variable set NAME --env" in out
    assert "credential reset" not in out


@pytest.mark.parametrize(
    "way",
    [
        ("--github", "contoso"),
        ("--github", "contoso@55/jobs"),
        ("--github", "contoso/jobs@$(id)"),
        ("--azure-devops", "contoso/project"),
        ("--azure-devops", "contoso/project/it's"),
    ],
)
def test_what_names_nobody_is_refused(cli: Cli, way: tuple[str, str]) -> None:
    said = cli.run("bootstrap", LOCAL, *way)

    assert (said.code, said.out) == (4, "")
    assert f"{way[0]} {way[1]}" in said.err


def test_exactly_one_way_to_sign_in_is_needed(cli: Cli) -> None:
    assert cli.run("bootstrap", LOCAL).code == 1
    assert cli.run("bootstrap", LOCAL, "--service-principal", "--github", "contoso/jobs").code == 1


def test_another_cloud_has_its_own_addresses_and_audience(cli: Cli, tmp_path: Path) -> None:
    spec = write(tmp_path, cloud="usgovernment", tenant="contoso.us", tags="{owner: data platform}")

    out = cli.run("bootstrap", str(spec), "--github", "contoso/jobs").out

    assert "`az login --tenant contoso.us`, after `az cloud set --name AzureUSGovernment`" in out
    assert "url=https://graph.microsoft.us/v1.0/" in out
    assert "api://AzureADTokenExchangeUSGov" in out
    assert "--tags 'owner=data platform'" in out


def test_it_becomes_an_owner_of_the_applications_that_the_spec_adopts(cli: Cli, tmp_path: Path) -> None:
    client_id = "3a5b0c1d-0000-4000-8000-000000000001"
    spec = write(tmp_path, f"principals: {{airflow: {{application: {{client_id: {client_id}}}}}}}")

    out = cli.run("bootstrap", str(spec), "--service-principal").out

    assert f'az ad app owner add --id {client_id} --owner-object-id "$principal"' in out
