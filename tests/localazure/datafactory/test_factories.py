"""Data Factory: factories, Airflow runtimes, linked services and the import of DAGs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure
    from tests.localazure.lake import Lake

VERSION = "api-version=2018-06-01"
FACTORIES = "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories"
FACTORY = f"{FACTORIES}/flink-factory-local"
RUNTIME = f"{FACTORY}/integrationruntimes/airflow1"
LINKED_SERVICE = f"{FACTORY}/linkedservices/dags1"


def call(azure: LocalAzure, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    return azure.request(method, f"{ARM}{azure.subscription}{path}?{VERSION}", body, headers=headers)


def runtime(**airflow: Any) -> dict[str, Any]:
    properties = {"airflowVersion": "2.6.3", "airflowEnvironmentVariables": {"A": "b"}, **airflow}
    compute = {"location": "West Europe", "computeSize": "Small", "extraNodes": 0}
    inner = {"computeProperties": compute, "airflowProperties": properties}
    return {"properties": {"type": "Airflow", "typeProperties": inner}}


def airflow_of(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return answer.json()["properties"]["typeProperties"]["airflowProperties"]


@pytest.fixture
def factory(azure: LocalAzure) -> LocalAzure:
    """Create a runtime in the seeded factory."""
    assert call(azure, "PUT", RUNTIME, runtime()).status == 200
    return azure


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    """Create a container with a DAG, a runtime, and a linked service for importing one into the other."""
    lake = lakes.create_lake(azure_env)
    with lake.files() as service:
        files = service.create_file_system("airflow")
        files.get_file_client("dev/dags/sub/job.py").upload_data(b'with DAG("FlinkJob"):\n    pass\n', overwrite=True)
        files.get_file_client("dev/requirements.txt").upload_data(b"one==1\n# no\n\ntwo\n", overwrite=True)
    assert call(azure_env, "PUT", RUNTIME, runtime(airflowRequirements=["one==1"])).status == 200
    type_properties = {"serviceEndpoint": f"{lake.blob}/", "accountKind": "StorageV2"}
    body = {"properties": {"type": "AzureBlobStorage", "typeProperties": type_properties, "annotations": ["owner-tag"]}}
    assert call(azure_env, "PUT", LINKED_SERVICE, body).status == 200
    return lake


def sync(azure: LocalAzure, **changed: Any) -> Answer:
    body = {
        "IntegrationRuntimeName": "airflow1",
        "LinkedServiceName": "dags1",
        "StorageFolderPath": "airflow/dev",
        "CopyFolderStructure": True,
        "Overwrite": True,
        "AddRequirementsFromFile": False,
        **changed,
    }
    return call(azure, "POST", f"{FACTORY}/airflow/sync", body)


def principal(azure: LocalAzure) -> str:
    return str(call(azure, "GET", FACTORY).json()["identity"]["principalId"])


def test_a_factory_has_an_identity_that_is_deleted_with_it(azure: LocalAzure) -> None:
    path = f"{FACTORIES}/other-factory"
    created = call(azure, "PUT", path, {"location": "westeurope", "identity": {"type": "SystemAssigned"}})
    assert created.status == 200  # a 201 breaks `az datafactory`
    entra = azure.graph("GET", f"servicePrincipals/{created.json()['identity']['principalId']}").json()
    assert (entra["servicePrincipalType"], entra["displayName"]) == (
        "ManagedIdentity",
        "other-factory",
    )
    updated = call(azure, "PUT", path, {"location": "westeurope", "tags": {"a": "b"}})
    assert updated.json()["identity"]["principalId"] == entra["id"]
    assert call(azure, "PATCH", path, {"tags": {"c": "d"}}).json()["tags"] == {"c": "d"}
    listed = call(azure, "GET", FACTORIES).json()["value"]
    assert [one["name"] for one in listed] == ["flink-factory-local", "other-factory"]
    assert [call(azure, "DELETE", path).status for _ in range(2)] == [200, 204]
    assert azure.graph("GET", f"servicePrincipals/{entra['id']}").status == 404


def test_a_runtime_starts_and_shows_the_url_of_its_airflow(azure: LocalAzure) -> None:
    azure.control("PUT", "/settings/airflow", {"start_seconds": 120})
    created = call(azure, "PUT", RUNTIME, runtime())
    assert created.json()["properties"]["state"] == "Initial"
    assert airflow_of(created)["pythonVersion"] == "3.8"
    assert airflow_of(created)["airflowWebUrl"].endswith(".westeurope.airflow.svc.datafactory.azure.com/login/")
    assert call(azure, "GET", RUNTIME).json()["properties"]["state"] == "Starting"
    azure.advance(121)
    assert call(azure, "POST", f"{RUNTIME}/getStatus").json()["properties"]["state"] == "Started"
    assert [call(azure, "DELETE", RUNTIME).status for _ in range(2)] == [200, 204]


def test_unknown_properties_of_a_runtime_are_kept(azure: LocalAzure) -> None:
    body = runtime(airflowConfigurationOverrides={"a": "b"}, secrets=[])
    body["properties"]["typeProperties"]["later"] = {"x": 1}
    call(azure, "PUT", RUNTIME, body)
    assert airflow_of(call(azure, "GET", RUNTIME))["airflowConfigurationOverrides"] == {"a": "b"}
    assert call(azure, "GET", RUNTIME).json()["properties"]["typeProperties"]["later"] == {"x": 1}


def test_a_write_with_another_etag_is_412(factory: LocalAzure) -> None:
    etag = call(factory, "GET", RUNTIME).json()["etag"]
    assert call(factory, "PUT", RUNTIME, runtime(), If_Match=etag).status == 200
    refused = call(factory, "PUT", RUNTIME, runtime(), If_Match=etag)
    assert (refused.status, refused.json()["error"]["code"]) == (412, "PreconditionFailed")
    assert call(factory, "PUT", RUNTIME, runtime(), If_Match="*").status == 200
    assert call(factory, "PUT", f"{FACTORY}/integrationruntimes/none", runtime(), If_Match="*").status == 412


@pytest.mark.parametrize(
    "changed",
    [
        {"airflowVersion": "2.4.3"},
        {"airflowVersion": "9.9.9"},
        {"airflowRequirements": "one"},
        {"airflowEnvironmentVariables": {"A": 1}},
    ],
)
def test_a_runtime_refuses_another_version_and_wrong_types(factory: LocalAzure, changed: dict[str, Any]) -> None:
    refused = call(factory, "PUT", RUNTIME, runtime(**changed))
    assert (refused.status, refused.json()["error"]["code"]) == (400, "BadRequest")


@pytest.mark.parametrize("version", ["2.10.5", "2.11.2", "3.3.2"])
def test_later_airflow_versions_than_the_service_s_are_accepted(azure: LocalAzure, version: str) -> None:
    airflow = airflow_of(call(azure, "PUT", RUNTIME, runtime(airflowVersion=version)))
    assert (airflow["airflowVersion"], airflow["pythonVersion"]) == (
        version,
        f"{sys.version_info[0]}.{sys.version_info[1]}",
    )


@pytest.mark.parametrize("version", ["2.7.3", "2.10", "4.0.0", "3.3.2rc1"])
def test_a_runtime_refuses_other_airflow_versions(azure: LocalAzure, version: str) -> None:
    refused = call(azure, "PUT", RUNTIME, runtime(airflowVersion=version))
    assert "2.10.x" in refused.json()["error"]["message"]


def test_a_runtime_must_have_the_location_of_its_factory(azure: LocalAzure) -> None:
    body = runtime()
    body["properties"]["typeProperties"]["computeProperties"]["location"] = "East US"
    assert call(azure, "PUT", RUNTIME, body).status == 400


def test_secrets_of_git_and_basic_auth_are_masked_and_variables_on_demand(azure: LocalAzure) -> None:
    git = {"gitServiceType": "Github", "gitCredentialType": "PAT", "repo": "r", "credential": "secret"}
    call(azure, "PUT", RUNTIME, runtime(gitSyncProperties=git, password="secret"))
    airflow = airflow_of(call(azure, "GET", RUNTIME))
    assert "secret" not in str(airflow)
    assert airflow["airflowEnvironmentVariables"] == {"A": "b"}
    azure.control("PUT", "/settings/airflow", {"mask_variables": True})
    assert airflow_of(call(azure, "GET", RUNTIME))["airflowEnvironmentVariables"] == {"A": "**********"}
    azure.control("PUT", "/settings/airflow", {"mask_variables": ["B"]})
    assert airflow_of(call(azure, "GET", RUNTIME))["airflowEnvironmentVariables"] == {"A": "b"}


def test_the_id_of_a_factory_has_its_name_in_lower_case(azure: LocalAzure) -> None:
    path = f"{FACTORIES}/Factory-One"
    factory = call(azure, "PUT", path, {"location": "westeurope"}).json()
    assert (factory["name"], factory["id"].rsplit("/", 1)[1]) == ("Factory-One", "factory-one")
    assert call(azure, "GET", path).json() == factory
    assert factory in call(azure, "GET", FACTORIES).json()["value"]
    assert factory["properties"]["createTime"].endswith("0Z")
    body = {"properties": {"type": "AzureBlobStorage", "typeProperties": {"serviceEndpoint": "https://a"}}}
    child = call(azure, "PUT", f"{path}/linkedservices/One", body).json()
    assert child["id"].endswith("/factories/Factory-One/linkedservices/One")


def test_runtimes_of_other_types_are_stored_as_sent(azure: LocalAzure) -> None:
    path = f"{FACTORY}/integrationruntimes/own"
    assert call(azure, "PUT", path, {"properties": {"type": "SelfHosted"}}).status == 200
    assert call(azure, "POST", f"{path}/getStatus").json()["properties"]["state"] == "NeedRegistration"
    assert call(azure, "PUT", path, runtime()).status == 400
    assert call(azure, "PUT", f"{FACTORY}/integrationruntimes/bad", {"properties": {"type": "Magic"}}).status == 400
    listed = call(azure, "GET", f"{FACTORY}/integrationruntimes").json()["value"]
    assert [one["name"] for one in listed] == ["own"]


def test_a_linked_service_shows_everything_but_its_secrets(azure: LocalAzure) -> None:
    connection = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"
    type_properties = {"connectionString": connection, "sasUri": {"type": "SecureString", "value": "hush"}}
    body = {
        "properties": {
            "type": "AzureBlobStorage",
            "typeProperties": type_properties,
            "annotations": ["owner-tag"],
            "parameters": {},
        }
    }
    call(azure, "PUT", LINKED_SERVICE, body)
    shown = call(azure, "GET", LINKED_SERVICE).json()
    assert shown["properties"]["annotations"] == ["owner-tag"]
    assert "c2VjcmV0" not in str(shown)
    assert "hush" not in str(shown)
    assert call(azure, "PUT", LINKED_SERVICE, body, If_Match=shown["etag"]).status == 200
    assert call(azure, "PUT", LINKED_SERVICE, body, If_Match=shown["etag"]).status == 412
    assert len(call(azure, "GET", f"{FACTORY}/linkedservices").json()["value"]) == 1
    assert [call(azure, "DELETE", LINKED_SERVICE).status for _ in range(2)] == [200, 204]


def test_an_update_that_repeats_the_masked_properties_keeps_the_secret(lake: Lake) -> None:
    """As `az datafactory linked-service update --description` does; recorded on Azure."""
    azure, before = lake.azure, call(lake.azure, "GET", LINKED_SERVICE).json()["properties"]
    key = lakes.account_key(lake)
    connection = f"DefaultEndpointsProtocol=https;AccountName={lake.name};AccountKey={key}"
    for value in (connection, {"type": "SecureString", "value": connection}):
        call(azure, "DELETE", LINKED_SERVICE)
        call(azure, "PUT", LINKED_SERVICE, {"properties": {**before, "typeProperties": {"connectionString": value}}})
        shown = call(azure, "GET", LINKED_SERVICE).json()["properties"]
        assert key not in str(shown)
        changed = call(azure, "PUT", LINKED_SERVICE, {"properties": {**shown, "description": "new"}}).json()[
            "properties"
        ]
        assert changed == {**shown, "description": "new"}
        assert sync(azure).status == 202
        call(
            azure,
            "PUT",
            LINKED_SERVICE,
            {"properties": {**shown, "typeProperties": {"connectionString": "AccountName=a"}}},
        )
        assert sync(azure).status == 400


def test_an_import_is_forbidden_until_the_factory_may_read_the_container(lake: Lake) -> None:
    refused = sync(lake.azure)
    assert (refused.status, refused.json()["error"]["code"]) == (403, "Forbidden")
    assert "AuthorizationPermissionMismatch" in refused.json()["error"]["message"]
    lake.grant(lakes.READER, principal(lake.azure), lake.container_id("airflow"))
    assert sync(lake.azure).status == 202


def test_an_import_adds_requirements_on_demand(lake: Lake) -> None:
    lake.grant(lakes.READER, principal(lake.azure))
    assert sync(lake.azure).status == 202
    assert airflow_of(call(lake.azure, "GET", RUNTIME))["airflowRequirements"] == ["one==1"]
    assert sync(lake.azure, AddRequirementsFromFile=True).status == 202
    assert airflow_of(call(lake.azure, "GET", RUNTIME))["airflowRequirements"] == ["one==1", "two"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"StorageFolderPath": "airflow/none"}, 400),
        ({"StorageFolderPath": ""}, 400),
        ({"StorageFolderPath": "none/dev"}, 400),
        ({"IntegrationRuntimeName": "none"}, 404),
        ({"LinkedServiceName": "none"}, 404),
    ],
)
def test_an_import_needs_an_existing_source_and_runtime(lake: Lake, changed: dict[str, Any], status: int) -> None:
    lake.grant(lakes.READER, principal(lake.azure))
    assert sync(lake.azure, **changed).status == status


def test_an_import_by_account_key_needs_the_right_key(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, allowSharedKeyAccess=True)
    with lake.files() as service:
        service.create_file_system("dags").get_file_client("job.py").upload_data(b"x", overwrite=True)
    call(azure_env, "PUT", RUNTIME, runtime())
    for key, status in ((lakes.account_key(lake), 202), ("d3Jvbmc=", 403)):
        connection = f"DefaultEndpointsProtocol=https;AccountName={lake.name};AccountKey={key}"
        body = {"properties": {"type": "AzureBlobStorage", "typeProperties": {"connectionString": connection}}}
        call(azure_env, "PUT", LINKED_SERVICE, body)
        assert sync(azure_env, StorageFolderPath="dags").status == status


@pytest.mark.parametrize("name", ["ab", "a" * 64, "a--b", "-abc", "abc-", "a_b", "a.b"])
def test_the_name_of_a_factory_has_3_to_63_characters_and_single_dashes(azure: LocalAzure, name: str) -> None:
    """https://learn.microsoft.com/azure/data-factory/naming-rules."""
    refused = call(azure, "PUT", f"{FACTORIES}/{name}", {"location": "westeurope"})
    assert (refused.status, refused.json()["error"]["code"]) == (400, "InvalidResourceName")


@pytest.mark.parametrize("name", ["abc", "A-1-b", "a" * 63])
def test_such_a_name_is_taken(azure: LocalAzure, name: str) -> None:
    created = call(azure, "PUT", f"{FACTORIES}/{name}", {"location": "westeurope"})
    assert (created.status, created.json()["name"]) == (200, name)


def test_contents_of_a_missing_factory_are_404(azure: LocalAzure) -> None:
    answer = call(azure, "PUT", f"{FACTORIES}/none/integrationruntimes/a", runtime())
    assert (answer.status, answer.json()["error"]["code"]) == (404, "ParentResourceNotFound")
    assert call(azure, "GET", RUNTIME).json()["error"]["code"] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("path", "properties"),
    [
        (RUNTIME, {"type": "Airflow", "typeProperties": []}),
        (RUNTIME, {"type": "Airflow", "typeProperties": {"computeProperties": "x"}}),
        (RUNTIME, {"type": "Airflow", "typeProperties": {"airflowProperties": {"gitSyncProperties": "x"}}}),
        (LINKED_SERVICE, {"type": "AzureBlobStorage", "typeProperties": "x"}),
        (LINKED_SERVICE, {}),
    ],
)
def test_a_body_of_the_wrong_shape_is_400(azure: LocalAzure, path: str, properties: dict[str, Any]) -> None:
    assert call(azure, "PUT", path, {"properties": properties}).status == 400
