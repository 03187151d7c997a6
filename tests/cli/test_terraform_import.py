"""`output --format terraform-import`: blocks whose ids are those of what exists, and of nothing else."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.app.tenant import SEEDED_IDENTITY
from tests.command_line import ROOT
from tests.emulator import ARM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli

VERSIONS = {
    "resourceGroups": "2021-04-01",
    "vaults": "2023-07-01",
    "storageAccounts": "2023-05-01",
    "roleAssignments": "2022-04-01",
    "federatedIdentityCredentials": "2024-11-30",
}
BLOCK = re.compile(r'import {\n  to = (\w+)\.([A-Za-z_]\w*)\n  id = "(.+)"\n}')


def test_each_owned_resource_has_a_block_with_an_id_that_exists(provisioned: Cli) -> None:
    document = provisioned.done("output", "--format", "terraform-import", "--json").json()

    blocks = BLOCK.findall(document["content"])
    assert len({(kind, name) for kind, name, _ in blocks}) == len(blocks) == document["content"].count("import {")
    assert {kind for kind, _, _ in blocks} == {
        *("azurerm_resource_group", "azurerm_key_vault", "azurerm_storage_account", "azurerm_role_assignment"),
        *("azurerm_storage_data_lake_gen2_filesystem", "azuread_application", "azuread_service_principal"),
    }
    for _, _, resource in blocks:
        assert exists(provisioned, resource), resource
    left = document["not_imported"]
    assert left["vault_secret/hdinsight-aks-variables-api-secret"] == "its value would stand in Terraform's state"
    assert left["flink_cluster/flink"] == "it is not the environment's own"
    assert left["lock_container/lock"] == "this tool writes no block for its kind"


def exists(cli: Cli, resource: str) -> bool:
    """Whether Azure answers for the id as its own API takes it."""
    azure = cli.azure
    if resource.startswith("https://"):
        token, version = azure.token("https://storage.azure.com"), {"x_ms_version": "2023-11-03"}
        return azure.request("HEAD", f"{resource}?resource=filesystem", headers=version, token=token).status == 200
    if not resource.startswith("/subscriptions/"):
        path = resource.replace("/federatedIdentityCredential/", "/federatedIdentityCredentials/")
        path = path.removeprefix("/") if path.startswith("/") else f"applications/{path}"
        return azure.graph("GET", path).status == 200
    version = VERSIONS[resource.split("/")[-2]]
    answer = azure.request("GET", f"{ARM}{resource}?api-version={version}")
    found = answer.json().get("id", "").replace("/resourcegroups/", "/resourceGroups/")  # which azurerm refuses
    return answer.status == 200 and found == resource


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, "azuread_application_federated_identity_credential"),
        ({"managed_identity": SEEDED_IDENTITY}, "azurerm_federated_identity_credential"),
    ],
)
def test_federated_credentials_have_blocks_with_ids_that_the_providers_take(
    cli: Cli, more: dict[str, Any], kind: str
) -> None:
    jar, cli.spec = cli.spec["job"], yaml.safe_load((ROOT / "environments/self-managed.yaml").read_text())
    cli.spec["job"] = jar
    cli.spec["principals"]["airflow"]["credential"] |= more
    cli.done("provision")

    blocks = BLOCK.findall(cli.done("output", "--format", "terraform-import").out)

    federated = [resource for found, _, resource in blocks if found == kind]
    assert federated
    for _, _, resource in blocks:
        assert exists(cli, resource), resource


GENERATED = """
resource "azurerm_role_assignment" "one" {
  role_definition_id                     = "/subscriptions/one/roles/two"
  role_definition_name                   = "Reader"
}
resource "azuread_application" "one" {
  tags                           = ["one"]
  feature_tags {
    hide = false
  }
  web {
    homepage_url = null
  }
}
resource "azurerm_storage_account" "one" {
  blob_properties {
    change_feed_enabled           = false
    change_feed_retention_in_days = 0
  }
}
resource "azurerm_storage_data_lake_gen2_filesystem" "one" {
  default_encryption_scope = "$account-encryption-key"
  name                     = "one"
}
"""
VALID = """
resource "azurerm_role_assignment" "one" {
  role_definition_id                     = "/subscriptions/one/roles/two"
}
resource "azuread_application" "one" {
  tags                           = ["one"]
  web {
    homepage_url = null
  }
}
resource "azurerm_storage_account" "one" {
  blob_properties {
    change_feed_enabled           = false
  }
}
resource "azurerm_storage_data_lake_gen2_filesystem" "one" {
  name                     = "one"
}
"""


def test_a_command_in_the_text_removes_what_terraform_generates_and_does_not_take(cli: Cli, tmp_path: Path) -> None:
    lines = cli.done("output", "--format", "terraform-import").out.splitlines()
    command = next(line.removeprefix("#") for line in lines if "sed " in line)
    (tmp_path / "generated.tf").write_text(GENERATED)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)  # what a user would do
    assert (tmp_path / "generated.tf").read_text() == VALID


def test_what_was_there_before_is_left_out(cli: Cli) -> None:
    path = f"{cli.azure.subscription}/resourceGroups/flink-local"
    cli.azure.request("PUT", f"{ARM}{path}?api-version=2021-04-01", {"location": "westeurope"})
    text = cli.done("output", "--format", "terraform-import").out
    assert "# not imported: resource_group/flink-local: it is not the environment's own" in text.splitlines()
    assert "import {" not in text
