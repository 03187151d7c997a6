"""Valid bodies with one invalid value each: a service answers with its own refusal, never with a 500."""

from __future__ import annotations

import base64
import copy
import http.client
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.emulator import ARM, GRAPH
from tests.localazure import lake as lakes
from tests.resource_manager import OPERATOR, VAULT, Manager
from tests.sentinels.counts import tried

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

TOO_MANY = 429
INVALID_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, 1e308, "", "x" * 5000, "\0", "ä😀\u2028", "../..", "'", "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00+14:00", [], [[]], [None], {}, {"": None}, {"a": {"b": [1]}},
)  # fmt: skip
GROUP = "/subscriptions/{subscription}/resourceGroups/rg-one"
ROLES = "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions"
ROLE = f"{ROLES}/acdd72a7-3385-48ef-bd42-f606fba81ae7"
FACTORY = f"{GROUP}/providers/Microsoft.DataFactory/factories/factory-one"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/shapeslake"
SKU = {"family": "A", "name": "standard"}
RULES = {"ipRules": [{"value": "10.0.0.0/8"}], "virtualNetworkRules": [], "bypass": "None", "defaultAction": "Allow"}
VAULT_BODY = {
    "location": "westeurope", "tags": {"a": "b"},
    "properties": {"tenantId": "{tenant}", "sku": SKU, "enableRbacAuthorization": True, "networkAcls": RULES,
                   "accessPolicies": [{"tenantId": "{tenant}", "objectId": OPERATOR, "permissions": {"keys": ["get"]}}],
                   "softDeleteRetentionInDays": 7, "enablePurgeProtection": True, "publicNetworkAccess": "Enabled"},
}  # fmt: skip
RUNTIME_BODY = {
    "properties": {"type": "Airflow", "typeProperties": {
        "computeProperties": {"location": "West Europe", "computeSize": "Small", "extraNodes": 0},
        "airflowProperties": {"airflowVersion": "2.6.3", "airflowRequirements": ["a"], "enableAADIntegration": True,
                              "airflowEnvironmentVariables": {"A": "b"}, "userName": "u", "password": "sentinel-shape",
                              "gitSyncProperties": {"gitServiceType": "Github", "gitCredentialType": "PAT", "repo": "r",
                                                    "branch": "b", "username": "u", "credential": "sentinel-shape"}}}},
}  # fmt: skip
PASSWORD = {"displayName": "x", "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}
ASSIGNMENT = {"roleDefinitionId": ROLE, "principalId": OPERATOR, "principalType": "ServicePrincipal",
              "description": "x", "condition": "@Resource[a] StringEquals 'b'", "conditionVersion": "2.0"}  # fmt: skip
DEFINITION = {
    "roleName": "mine",
    "description": "x",
    "type": "CustomRole",
    "assignableScopes": [GROUP],
    "permissions": [{"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}],
}
FEDERATED = {"issuer": "https://example.com", "subject": "s", "audiences": ["api://AzureADTokenExchange"]}
LINKED_SERVICE = {
    "properties": {
        "type": "AzureBlobFS",
        "annotations": ["a"],
        "description": "d",
        "parameters": {},
        "typeProperties": {"url": "https://a.dfs.core.windows.net"},
        "connectVia": {"referenceName": "r"},
    }
}
ACCOUNT_BODY = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "tags": {"a": "b"},
                "properties": {"isHnsEnabled": True, "allowSharedKeyAccess": True, "minimumTlsVersion": "TLS1_2",
                               "supportsHttpsTrafficOnly": True, "networkAcls": RULES}}  # fmt: skip
SECRET = {"value": "sentinel-shape", "contentType": "t", "tags": {"a": "b"},
          "attributes": {"enabled": True, "nbf": 1, "exp": 4_000_000_000}}  # fmt: skip
JOB = {"properties": {"jobType": "FlinkJob", "jobName": "j", "action": "NEW", "jobJarDirectory": "abfs://a@b/c",
                      "jarName": "x.jar", "entryClass": "a.B", "args": "a",
                      "flinkConfiguration": {"a": "b"}}}  # fmt: skip
AIRFLOW_JOB = base64.b64encode(b'{"properties": {"type": "Airflow"}}').decode()
PLATFORM = "/subscriptions/{subscription}/resourceGroups/flink-platform/providers"
FLINK = f"{PLATFORM}/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
# Host and path → method, api-version, a body that is right.
SHAPES: dict[str, tuple[str, str, Any]] = {
    f"{ARM}{GROUP}": ("PUT", "2021-04-01", {"location": "westeurope", "tags": {"a": "b"}, "managedBy": "x"}),
    f"{ARM}{GROUP}/": ("PATCH", "2021-04-01", {"tags": {"a": "b"}}),
    f"{ARM}{GROUP}/providers/Microsoft.KeyVault/vaults/kv-shapes": ("PUT", "2023-07-01", VAULT_BODY),
    f"{ARM}{GROUP}/providers/Microsoft.KeyVault/vaults/kv-one": ("PATCH", "2023-07-01", VAULT_BODY),
    f"{ARM}/subscriptions/{{subscription}}/providers/Microsoft.KeyVault/checkNameAvailability":
        ("POST", "2023-07-01", {"name": "kv-two", "type": "Microsoft.KeyVault/vaults"}),
    f"{ARM}/subscriptions/{{subscription}}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions":
        ("POST", "2023-03-01", {"resourceDetails": {"resourceContent": {"type": "a/b", "tags": {"a": "b"}}}}),
    f"{ARM}{ACCOUNT}": ("PUT", "2023-05-01", ACCOUNT_BODY),
    f"{ARM}{ACCOUNT}/": ("PATCH", "2023-05-01", ACCOUNT_BODY),
    f"{ARM}{ACCOUNT}/regenerateKey": ("POST", "2023-05-01", {"keyName": "key1"}),
    f"{ARM}{ACCOUNT}/blobServices/default/containers/one": (
        "PUT", "2023-05-01", {"properties": {"publicAccess": "None", "metadata": {"a": "b"}}}),
    f"{ARM}{ACCOUNT}/blobServices/default/containers/one/lease": (
        "POST", "2023-05-01", {"action": "Acquire", "leaseDuration": 15, "leaseId": None,
                               "breakPeriod": None, "proposedLeaseId": None}),
    f"{ARM}{GROUP}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000001": (
        "PUT", "2022-04-01", {"properties": ASSIGNMENT}),
    f"{ARM}{GROUP}/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-8000-000000000002": (
        "PUT", "2022-04-01", {"properties": DEFINITION}),
    f"{ARM}{GROUP}/providers/Microsoft.Resources/tags/default": (
        "PATCH", "2021-04-01", {"operation": "Merge", "properties": {"tags": {"a": "b"}}}),
    f"{ARM}{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-one": (
        "PUT", "2023-01-31", {"location": "westeurope", "tags": {"a": "b"}}),
    f"{ARM}{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-one/federatedIdentityCredentials/f": (
        "PUT", "2023-01-31", {"properties": FEDERATED}),
    f"{ARM}{FACTORY}": ("PUT", "2018-06-01", {"location": "westeurope", "tags": {"a": "b"},
                                              "identity": {"type": "SystemAssigned"},
                                              "properties": {"publicNetworkAccess": "Enabled"}}),
    f"{ARM}{FACTORY}/integrationruntimes/airflow-one": ("PUT", "2018-06-01", RUNTIME_BODY),
    f"{ARM}{FACTORY}/linkedservices/linked-one": ("PUT", "2018-06-01", LINKED_SERVICE),
    f"{ARM}{FLINK}/runJob": ("POST", "2024-05-01-preview", JOB),
    "https://api.fabric.microsoft.com/v1/workspaces/7d1e5c40-2f6b-4a93-8c1d-5b0e9f3a7c21/apacheAirflowJobs": (
        "POST", "", {"displayName": "a", "description": "d", "definition": {"format": "x", "parts": [
            {"path": "apacheairflowjob-content.json", "payloadType": "InlineBase64", "payload": AIRFLOW_JOB}]}}),
    "https://kv-one.vault.azure.net/secrets/one": ("PUT", "7.4", SECRET),
    f"{GRAPH}/v1.0/applications": ("POST", "", {
        "displayName": "a", "uniqueName": "u", "tags": ["t"], "notes": "n", "signInAudience": "AzureADMyOrg",
        "passwordCredentials": [PASSWORD], "web": {"redirectUris": ["https://a"]}, "identifierUris": []}),
    f"{GRAPH}/v1.0/applications(uniqueName='shapes')": (
        "PATCH", "", {"displayName": "a", "tags": ["t"], "uniqueName": "shapes"}),
    f"{GRAPH}/v1.0/applications(uniqueName='shapes')/addPassword": ("POST", "", {"passwordCredential": PASSWORD}),
    f"{GRAPH}/v1.0/applications(uniqueName='shapes')/removePassword": ("POST", "", {"keyId": OPERATOR}),
    f"{GRAPH}/v1.0/applications(uniqueName='shapes')/federatedIdentityCredentials": (
        "POST", "", {"name": "n", **FEDERATED}),
    f"{GRAPH}/v1.0/servicePrincipals": ("POST", "", {"appId": OPERATOR, "tags": ["t"], "accountEnabled": True}),
}  # fmt: skip


def with_ids(azure: LocalAzure, value: Any) -> Any:
    """A value with the ids of this subscription and tenant filled in."""
    text = json.dumps(value)
    return json.loads(text.replace("{subscription}", azure.subscription_id).replace("{tenant}", azure.tenant_id))


def invalid_bodies(valid: Any) -> Iterator[Any]:
    """The body with each of its values replaced by each invalid one, removed, or replaced as a whole."""
    yield from INVALID_VALUES
    for location in locations(valid, ()):
        for value in (*INVALID_VALUES, ...):
            body = copy.deepcopy(valid)
            parent: Any = body
            for step in location[:-1]:
                parent = parent[step]
            if value is ...:
                del parent[location[-1]]
            else:
                parent[location[-1]] = value
            yield body


def locations(value: Any, prefix: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The location of every value in a body, as keys and indexes."""
    steps: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        steps = list(cast("dict[str, Any]", value).items())
    elif isinstance(value, list):
        steps = list(enumerate(cast("list[Any]", value)))
    for step, inner in steps:
        yield (*prefix, step)
        yield from locations(inner, (*prefix, step))


def create_resources(azure: LocalAzure) -> None:
    """Create the resources that the bodies are about."""
    azure.lift_limits()
    arm = Manager(azure=azure)
    assert arm.grant(arm.vault(), "Key Vault Secrets Officer").status == 201
    lakes.create_lake(azure)
    for url in (f"{ARM}{ACCOUNT}", f"{ARM}{ACCOUNT}/blobServices/default/containers/one", f"{ARM}{FACTORY}"):
        method, version, body = SHAPES[url]
        target = f"{with_ids(azure, url)}?api-version={version}"
        assert azure.request(method, target, with_ids(azure, body)).status < 400, url
    headers = {"Prefer": "create-if-missing"}
    assert azure.graph("PATCH", "applications(uniqueName='shapes')", {"displayName": "a"}, **headers).status < 400


def test_a_body_with_one_invalid_value_causes_no_internal_error(azure: LocalAzure) -> None:
    create_resources(azure)
    failures: list[tuple[str, str, str, int]] = []
    for url, (method, version, valid) in SHAPES.items():
        scheme, _, host, path = with_ids(azure, url).split("/", 3)
        assert scheme == "https:"
        audience = VAULT if "vault" in host else f"https://{host}"
        headers = {"Authorization": f"Bearer {azure.token(audience)}", "Content-Type": "application/json"}
        with closing(azure.connect(host)) as connection:
            for body in invalid_bodies(with_ids(azure, valid)):
                tried()
                connection.request(method, f"/{path}?api-version={version}", json.dumps(body), headers)
                response = connection.getresponse()
                content = response.read()
                assert response.status != TOO_MANY, "it was turned away before anybody looked at it"
                if response.status >= 500:
                    failures.append((method, url, json.dumps(body)[:400], response.status))
                if content and "json" in response.headers.get("content-type", ""):
                    json.loads(content)
    assert failures == [], "\n".join(map(str, failures))


@pytest.mark.parametrize("url", SHAPES)
def test_the_valid_body_is_accepted(azure: LocalAzure, url: str) -> None:
    create_resources(azure)
    method, version, body = SHAPES[url]
    host = with_ids(azure, url).split("/")[2]
    token = azure.token(VAULT if "vault" in host else f"https://{host}")
    try:
        response = azure.request(
            method, f"{with_ids(azure, url)}?api-version={version}", with_ids(azure, body), token=token
        )
    except http.client.HTTPException as error:
        pytest.fail(str(error))
    assert response.status not in {401, 403, 405, 500}, response.body
