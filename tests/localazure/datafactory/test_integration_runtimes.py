"""Integration runtimes that are no Airflow, and what else `az datafactory` asks; as its extension recorded it.

Azure/azure-cli-extensions, src/datafactory/azext_datafactory/tests/latest/recordings/test_datafactory_main.yaml
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM
from tests.localazure.datafactory.test_factories import FACTORY, call
from tests.resource_manager import code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

RUNTIMES = f"{FACTORY}/integrationRuntimes"
SSIS: dict[str, Any] = {
    "type": "Managed",
    "typeProperties": {
        "computeProperties": {"location": "West Europe", "nodeSize": "Standard_D2_v3", "numberOfNodes": 1},
        "ssisProperties": {"licenseType": "LicenseIncluded", "edition": "Standard"},
    },
}


def test_a_runtime_of_ssis_is_started_and_stopped(azure: LocalAzure) -> None:
    azure.slow_operations()
    path = f"{RUNTIMES}/ssis"
    assert call(azure, "PUT", path, {"properties": SSIS}).json()["properties"] == {**SSIS, "state": "Initial"}
    for verb, state in (("start", "Started"), ("stop", "Stopped")):
        accepted = call(azure, "POST", f"{path}/{verb}")
        status_url, location = accepted.headers["azure-asyncoperation"], accepted.headers["location"]
        assert accepted.status == 202
        assert status_url.startswith(f"{ARM}{azure.subscription}{path}/{verb}/operationstatuses/")
        assert location == status_url.replace("operationstatuses", "operationresults")
        status = azure.request("GET", status_url).json()
        name = status_url.rsplit("/", 1)[1].partition("?")[0]
        assert status == {"status": "InProgress", "name": name, "properties": None, "error": None}
        assert azure.request("GET", location).status == 202
        azure.advance(5)
        assert azure.request("GET", status_url).json()["status"] == "Succeeded"
        assert call(azure, "POST", f"{path}/getStatus").json()["properties"]["state"] == state
        result = azure.request("GET", location)
        assert result.status == 200
        assert (result.json()["properties"]["state"] == state) if verb == "start" else not result.body
    assert call(azure, "PUT", path, {"properties": SSIS}).json()["properties"]["state"] == "Stopped"


def test_any_other_managed_runtime_is_online_and_one_of_your_own_cannot_start(azure: LocalAzure) -> None:
    call(azure, "PUT", f"{RUNTIMES}/managed", {"properties": {"type": "Managed", "typeProperties": {}}})
    location = call(azure, "POST", f"{RUNTIMES}/managed/start").headers["location"]
    azure.advance(5)
    assert azure.request("GET", location).json()["properties"]["state"] == "Online"
    call(azure, "PUT", f"{RUNTIMES}/own", {"properties": {"type": "SelfHosted"}})
    assert code(call(azure, "POST", f"{RUNTIMES}/own/start")) == (400, "BadRequest")


@pytest.mark.parametrize("name", ["ab", "a-", "a_b", "one--two", "x" * 64])
def test_the_name_of_a_runtime_has_3_to_63_characters_and_single_dashes(azure: LocalAzure, name: str) -> None:
    assert code(call(azure, "PUT", f"{RUNTIMES}/{name}", {"properties": SSIS})) == (400, "BadRequest")
    assert call(azure, "PUT", f"{RUNTIMES}/abc", {"properties": SSIS}).status == 200


def test_a_factory_says_that_its_encryption_has_no_key_of_a_vault(azure: LocalAzure) -> None:
    assert call(azure, "GET", FACTORY).json()["properties"]["encryption"] == {}
    key = {"keyName": "one", "vaultBaseUrl": "https://kv-one.vault.azure.net/"}
    body = {"location": "westeurope", "properties": {"encryption": key}}
    assert call(azure, "PUT", FACTORY, body).json()["properties"]["encryption"] == key
    assert call(azure, "PATCH", FACTORY, {"tags": {}}).json()["properties"]["encryption"] == key


def test_no_feature_of_a_factory_is_on(azure: LocalAzure) -> None:
    requests = [{"featureName": name, "featureType": "Feature"} for name in ("one", "two")]
    answer = call(azure, "POST", f"{FACTORY}/queryFeaturesValue", {"exposureControlRequests": requests})
    values = [{"featureName": name, "value": "False"} for name in ("one", "two")]
    assert answer.json() == {"exposureControlResponses": values}


def test_access_to_the_data_plane_is_handed_out_under_the_policy_in_the_call(azure: LocalAzure) -> None:
    policy = {
        "permissions": "r",
        "accessResourcePath": "",
        "profileName": "DefaultProfile",
        "startTime": "2018-11-10T02:46:20.2659347Z",
        "expireTime": "2018-11-10T09:46:20.2659347Z",
    }
    access = call(azure, "POST", f"{FACTORY}/getDataPlaneAccess", policy).json()
    assert access.pop("accessToken")
    url = "https://dpwesteurope.svc.datafactory.azure.com/dataplane"
    assert access == {"policy": policy, "dataPlaneUrl": url}
