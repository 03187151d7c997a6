"""Data factories: Airflow runtimes, linked services, DAG imports, raw on ARM.

No SDK knows the Airflow type: azure-mgmt-datafactory has only managed and self-hosted runtimes.
https://learn.microsoft.com/azure/data-factory/rest-apis-for-airflow-integrated-runtime
"""

from provisioner.cloud.clients.data_factory.client import DataFactory
from provisioner.cloud.clients.data_factory.linked_service import LinkedService
from provisioner.cloud.clients.data_factory.runtime import AirflowRuntime

CLIENT = DataFactory

__all__ = ["CLIENT", "AirflowRuntime", "DataFactory", "LinkedService"]
