"""The local Azure's data factory as tests of kinds use it: runtimes and linked services that others made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.kinds.airflow_runtime import KIND, AirflowRuntime, ObservedAirflowRuntime
from provisioner.model import Address, View
from provisioner.secret import Secret
from tests.kinds.azure_setup import ENVIRONMENT, put

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

VERSION = "2018-06-01"
CREDENTIAL = Address("client_secret", "airflow")
PROVIDER = "apache-airflow-providers-microsoft-azure"
SECRET = "the-first-secret-text"


def factory_id(azure: LocalAzure) -> str:
    """The factory that the tenant comes with."""
    group = f"{azure.subscription}/resourceGroups/flink-platform"
    return f"{group}/providers/Microsoft.DataFactory/factories/flink-factory-local"


def runtime_id(azure: LocalAzure) -> str:
    """A runtime in it."""
    return f"{factory_id(azure)}/integrationruntimes/airflow"


def example(azure: LocalAzure, **more: Any) -> AirflowRuntime:
    """What the recipe declares, with changes."""
    fields: dict[str, Any] = {
        "id": runtime_id(azure),
        "location": "westeurope",
        "version": "2.6.3",
        "compute_size": "Small",
        "extra_nodes": 0,
        "overrides": {"AIRFLOW__SECRETS__BACKEND": "a.b.AzureKeyVaultBackend"},
        "environment_variables": {
            "AZURE_CLIENT_ID": "the-client",
            "AZURE_TENANT_ID": "the-tenant",
            "AZURE_CLIENT_SECRET": Secret(SECRET),
            "TEAM": Secret("blue-team"),
        },
        "requirements": (f"{PROVIDER}==10.0.0",),
        "take_over": (),
        "credential": CREDENTIAL,
        "key_id": "key-1",
        "environment": ENVIRONMENT,
        "supplied": {},
    }
    return AirflowRuntime(**{**fields, **more})


def adopted(azure: LocalAzure, **airflow: Any) -> None:
    """A runtime that somebody else made."""
    properties = {
        "type": "Airflow",
        "description": "of the platform team",
        "typeProperties": {
            "futureProperties": {"kept": True},
            "airflowProperties": {
                "airflowVersion": "2.6.3",
                "airflowEnvironmentVariables": {"THEIRS": "their-value"},
                "airflowRequirements": ["pandas==2.0.3"],
                **airflow,
            },
        },
    }
    put(azure, runtime_id(azure), VERSION, {"properties": properties})


def stands(azure: LocalAzure) -> dict[str, Any]:
    """The runtime's properties as Azure shows them."""
    url = f"https://management.azure.com{runtime_id(azure)}?api-version={VERSION}"
    return azure.request("GET", url).json()["properties"]


def airflow(azure: LocalAzure) -> dict[str, Any]:
    """Its airflowProperties."""
    return stands(azure)["typeProperties"]["airflowProperties"]


def variables(azure: LocalAzure) -> dict[str, str]:
    """Its environment variables."""
    return airflow(azure)["airflowEnvironmentVariables"]


def read(cloud: Cloud, desired: AirflowRuntime) -> ObservedAirflowRuntime:
    """As the next pass finds it."""
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def changes(cloud: Cloud, desired: AirflowRuntime) -> list[tuple[str, str]]:
    """What a plan would show: field, what it forces."""
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    return [(one.field, one.forces.value) for one in KIND.diff(desired, read(cloud, desired), view)]


def create(cloud: Cloud, desired: AirflowRuntime) -> None:
    assert KIND.create is not None
    KIND.create(cloud, desired)


def update(cloud: Cloud, desired: AirflowRuntime, observed: ObservedAirflowRuntime | None = None) -> None:
    assert KIND.update is not None
    KIND.update(cloud, desired, observed or read(cloud, desired))


def delete(cloud: Cloud, observed: ObservedAirflowRuntime) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
