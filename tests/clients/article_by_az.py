"""Microsoft's article, followed by hand with `az`: a method for each of its setup steps, in its order and its words.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-orchestration
`az rest` stands for what is clicked in Data Factory, for which az has no command of its own. Names are those of
the article where it gives any. That nothing of `provisioner` is used here is the point.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app.tenant import SEEDED_CLUSTER, SEEDED_FACTORY, SEEDED_IDENTITY

if TYPE_CHECKING:
    from tests.clients.conftest import Az

JAR = Path(__file__).resolve().parents[2] / "templates/jobs/wordcount/wordcount.jar"
HERE = ("--location", "westeurope")
GROUP, VAULT, ACCOUNT, RUNTIME = "rg-article", "kv-article", "starticle", "airflow-article"
PREFIX = "hdinsight-aks-variables"
API = "https://management.azure.com"
LAKE = ("--account-name", ACCOUNT, "--auth-mode", "login")
DAG = """from airflow import DAG
from airflow.models import Variable
from airflow.operators.python_operator import PythonOperator


def get_token():
    return [Variable.get(name) for name in ("api-client-id", "api-secret", "tenant-id")]


with DAG(dag_id="FlinkWordCountExample", schedule_interval=None) as dag:
    PythonOperator(task_id="get_token", python_callable=get_token)
"""


@dataclass(frozen=True, kw_only=True)
class Article:
    """Who follows it. az is signed in as the client id `me`; folder: for files.

    vault: what `keyvault create` printed. airflow and api: what `create-for-rbac` printed.
    """

    az: Az
    me: str
    folder: Path
    vault: dict[str, Any] = field(default_factory=dict[str, Any])
    airflow: dict[str, str] = field(default_factory=dict[str, str])
    api: dict[str, str] = field(default_factory=dict[str, str])

    def follow(self) -> None:
        """Go through all of it."""
        self.az("group", "create", "--name", GROUP, *HERE)
        self.rest("put", f"{SEEDED_FACTORY}/integrationruntimes/{RUNTIME}", self.new_runtime())
        self.upload_your_flink_job_jar()
        self.create_a_new_azure_key_vault()
        self.create_service_principal_to_access_key_vault()
        self.enable_key_vault_for_workflow_orchestration_manager()
        self.create_service_principal_to_access_azure()
        self.create_the_following_secrets()
        self.import_the_dag()

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """`az rest` to Data Factory; a body goes through a file, so that no secret is in a command line."""
        file = self.folder / "body.json"
        file.write_text(json.dumps(body))
        content = () if body is None else ("--body", f"@{file}")
        return self.az("rest", "--method", method, "--url", f"{API}{path}?api-version=2018-06-01", *content)

    def assign(self, role: str, scope: str, *who: str) -> None:
        """Give somebody a role."""
        self.az("role", "assignment", "create", "--role", role, "--scope", scope, *who)

    def new_runtime(self) -> dict[str, Any]:
        """An Airflow that was created in the studio with its defaults."""
        properties = {"airflowVersion": "2.6.3", "airflowEnvironmentVariables": {"TEAM": "data"}}
        settings = {"computeProperties": {"computeSize": "Small"}, "airflowProperties": properties}
        return {"properties": {"type": "Airflow", "typeProperties": settings}}

    def upload_your_flink_job_jar(self) -> None:
        """Upload the jar, and assign "Storage Blob Data Owner" to the user-assigned MSI used for the cluster."""
        kind = ("--sku", "Standard_LRS", "--kind", "StorageV2", "--hns", "true")
        account = self.az("storage", "account", "create", "--name", ACCOUNT, "--resource-group", GROUP, *HERE, *kind)
        self.assign("Storage Blob Data Owner", account["id"], "--assignee", self.me)
        self.az("storage", "fs", "create", "--name", "filesystem", *LAKE)
        source = ("--source", str(JAR), "--path", "WordCount.jar", "--file-system", "filesystem")
        self.az("storage", "fs", "file", "upload", *source, *LAKE)
        identity = self.az("identity", "show", "--ids", SEEDED_IDENTITY)
        who = ("--assignee-object-id", identity["principalId"], "--assignee-principal-type", "ServicePrincipal")
        self.assign("Storage Blob Data Owner", account["id"], *who)

    def create_a_new_azure_key_vault(self) -> None:
        """Follow "this tutorial"; who is to write secrets needs a role, though subscription owner."""
        vault = self.az("keyvault", "create", "--name", VAULT, "--resource-group", GROUP, *HERE)
        self.assign("Key Vault Secrets Officer", vault["id"], "--assignee", self.me)
        self.vault.update(vault)

    def create_for_rbac(self, name: str, role: str, scope: str) -> dict[str, str]:
        """`az ad sp create-for-rbac -n NAME --role ROLE --scopes SCOPE`."""
        return self.az("ad", "sp", "create-for-rbac", "-n", name, "--role", role, "--scopes", scope)

    def create_service_principal_to_access_key_vault(self) -> None:
        """Make a note of 'appId', 'password' and 'tenant'."""
        made = self.create_for_rbac("sp-airflow-article", "Key Vault Secrets Officer", self.vault["id"])
        self.airflow.update(made)

    def enable_key_vault_for_workflow_orchestration_manager(self) -> None:
        """Add the settings, the variables and the requirement to what the runtime has."""
        path = f"{SEEDED_FACTORY}/integrationruntimes/{RUNTIME}"
        runtime = self.rest("get", path)
        backend = {
            "connections_prefix": "airflow-connections",
            "variables_prefix": PREFIX,
            "vault_url": self.vault["properties"]["vaultUri"],
        }
        properties = runtime["properties"]["typeProperties"]["airflowProperties"]
        properties["airflowEnvironmentVariables"] |= {
            "AIRFLOW__SECRETS__BACKEND": "airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(backend),
            "AZURE_CLIENT_ID": self.airflow["appId"],
            "AZURE_TENANT_ID": self.airflow["tenant"],
            "AZURE_CLIENT_SECRET": self.airflow["password"],
        }
        properties["airflowRequirements"] = ["apache-airflow-providers-microsoft-azure"]
        self.rest("put", path, {"properties": runtime["properties"]})

    def create_service_principal_to_access_azure(self) -> None:
        """Grant permission to access the HDInsight on AKS cluster with the Contributor role."""
        self.api.update(self.create_for_rbac("sp-flink-article", "Contributor", SEEDED_CLUSTER))

    def create_the_following_secrets(self) -> None:
        """Put the three into the vault, prefixed by variables_prefix."""
        values = {"client-id": self.api["appId"], "secret": self.api["password"]}
        named = {f"api-{name}": value for name, value in values.items()} | {"tenant-id": self.api["tenant"]}
        for name, value in {**named, "greeting": "hello"}.items():
            file = self.folder / "value"
            file.write_text(value)
            content = ("--file", str(file), "--encoding", "utf-8")
            self.az("keyvault", "secret", "set", "--vault-name", VAULT, "--name", f"{PREFIX}-{name}", *content)

    def import_the_dag(self) -> None:
        """Upload the wordcount.py to a blob storage, and import it, for which the studio makes a linked service."""
        file = self.folder / "wordcount.py"
        file.write_text(DAG)
        self.az("storage", "container", "create", "--name", "airflow", *LAKE)
        target = ("--container-name", "airflow", "--name", "dags/wordcount.py", "--file", str(file))
        self.az("storage", "blob", "upload", *target, *LAKE)
        key = self.az("storage", "account", "keys", "list", "--account-name", ACCOUNT)[0]["value"]
        text = f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={key};EndpointSuffix=core.windows.net"
        linked = {"type": "AzureBlobStorage", "typeProperties": {"connectionString": text}}
        self.rest("put", f"{SEEDED_FACTORY}/linkedservices/AzureBlobStorage1", {"properties": linked})
        request = {
            "IntegrationRuntimeName": RUNTIME,
            "LinkedServiceName": "AzureBlobStorage1",
            "StorageFolderPath": "airflow",
            "Overwrite": True,
            "CopyFolderStructure": True,
            "AddRequirementsFromFile": True,
        }
        self.rest("post", f"{SEEDED_FACTORY}/airflow/sync", request)
