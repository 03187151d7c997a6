"""Microsoft's article, followed by hand on the local Azure: each step as the request that its `az` line sends.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-orchestration
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app.tenant import SEEDED_CLUSTER, SEEDED_FACTORY, SEEDED_IDENTITY
from tests.emulator import ARM
from tests.resource_manager import OPERATOR, ROLES

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

ROOT = Path(__file__).parents[1]
GROUP, VAULT, ACCOUNT, RUNTIME = "rg-byhand", "kv-byhand", "stbyhand", "airflow-byhand"
PREFIX = "hdinsight-aks-variables"
STORAGE, LAKE = "https://storage.azure.com", {"x_ms_version": "2023-11-03"}
OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"  # Storage Blob Data Owner
DAG = """from airflow import DAG
from airflow.models import Variable
from airflow.operators.python import PythonOperator

with DAG(dag_id="FlinkWordCountExample", schedule=None) as dag:
    PythonOperator(task_id="token", python_callable=lambda: Variable.get("api-client-id"))
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """What the steps left: the client ids and secrets of the two principals, `appId` and `password`."""

    airflow: dict[str, str]
    api: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """Who follows the article. overrides: the portal keeps Airflow's settings in a field of their own."""

    azure: LocalAzure
    overrides: bool = False

    def follow(self) -> World:
        """All of it, in the article's order."""
        self.arm("PUT", f"/resourceGroups/{GROUP}", "2021-04-01", {"location": "westeurope"})
        self.upload_the_jar()
        self.create_the_vault()
        airflow = self.create_for_rbac("airflow by hand", "Key Vault Secrets Officer", self.vault)
        self.configure_the_runtime(airflow)
        api = self.create_for_rbac("flink by hand", "Contributor", SEEDED_CLUSTER)
        values = {"api-client-id": api["appId"], "api-secret": api["password"], "tenant-id": self.azure.tenant_id}
        for name, value in {**values, "greeting": "hello"}.items():
            self.set_secret(f"{PREFIX}-{name}", value)
        self.upload("airflow", "dags/wordcount.py", DAG.encode())
        return World(airflow=airflow, api=api)

    @property
    def vault(self) -> str:
        return f"{self.azure.subscription}/resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{VAULT}"

    @property
    def account(self) -> str:
        return f"{self.azure.subscription}/resourceGroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"

    def arm(self, method: str, path: str, version: str, body: Any = None) -> Any:
        whole = path if path.startswith("/subscriptions/") else f"{self.azure.subscription}{path}"
        answer = self.azure.request(method, f"{ARM}{whole}?api-version={version}", body)
        assert answer.status < 300, answer.body
        return answer.json() if answer.body else {}

    def upload_the_jar(self, *, grant: bool = True) -> None:
        """Upload the job's jar, and give the cluster's identity the role Storage Blob Data Owner on its account."""
        body = {
            "location": "westeurope",
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "properties": {"isHnsEnabled": True},
        }
        self.arm("PUT", self.account, "2023-05-01", body)
        self.assign(self.account, OPERATOR, OWNER)
        self.upload("jobs", "WordCount.jar", (ROOT / "templates/jobs/wordcount/wordcount.jar").read_bytes())
        identity = self.arm("GET", SEEDED_IDENTITY, "2023-01-31")["properties"]["principalId"]
        if grant:
            self.assign(self.account, identity, OWNER)

    def upload(self, container: str, path: str, content: bytes) -> None:
        """`az storage fs create`, `az storage fs file upload`."""
        token = self.azure.token(STORAGE)
        base = f"https://{ACCOUNT}.dfs.core.windows.net/{container}"
        steps = (
            ("PUT", f"{base}?resource=filesystem", b""),
            ("PUT", f"{base}/{path}?resource=file", b""),
            ("PATCH", f"{base}/{path}?action=append&position=0", content),
            ("PATCH", f"{base}/{path}?action=flush&position={len(content)}", b""),
        )
        for method, url, sent in steps:
            answer = self.azure.request(method, url, sent, headers=LAKE, token=token)
            assert answer.status < 300 or answer.json()["error"]["code"] == "FilesystemAlreadyExists", answer.body

    def create_the_vault(self) -> None:
        """`az keyvault create --enable-rbac-authorization`; whoever follows may write secrets."""
        properties = {
            "tenantId": self.azure.tenant_id,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
        }
        self.arm("PUT", self.vault, "2023-07-01", {"location": "westeurope", "properties": properties})
        self.assign(self.vault, OPERATOR, ROLES["Key Vault Secrets Officer"])

    def create_for_rbac(self, name: str, role: str, scope: str) -> dict[str, str]:
        """`az ad sp create-for-rbac -n NAME --role ROLE --scopes SCOPE`."""
        client_id, secret = self.azure.new_client(name)
        registered = self.azure.graph("GET", f"servicePrincipals(appId='{client_id}')").json()
        self.assign(scope, registered["id"], ROLES[role])
        return {"appId": client_id, "password": secret.reveal(), "tenant": self.azure.tenant_id}

    def assign(self, scope: str, principal: str, role: str) -> None:
        """`az role assignment create`."""
        definition = f"{self.azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}{principal}{role}")
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        self.arm("PUT", path, "2022-04-01", {"properties": properties})

    def configure_the_runtime(self, airflow: dict[str, str]) -> None:
        """Add the overrides, the variables and the requirement, as the portal's page writes them."""
        kwargs = {
            "connections_prefix": "airflow-connections",
            "variables_prefix": PREFIX,
            "vault_url": f"https://{VAULT}.vault.azure.net/",
        }
        overrides = {
            "AIRFLOW__SECRETS__BACKEND": "airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(kwargs),
        }
        variables = {
            **({} if self.overrides else overrides),
            "AZURE_CLIENT_ID": airflow["appId"],
            "AZURE_TENANT_ID": airflow["tenant"],
            "AZURE_CLIENT_SECRET": airflow["password"],
            "TEAM": "data",
        }
        properties = {
            "airflowVersion": "2.6.3",
            "airflowRequirements": ["apache-airflow-providers-microsoft-azure"],
            "airflowEnvironmentVariables": variables,
            **({"airflowConfigurationOverrides": overrides} if self.overrides else {}),
        }
        settings = {"computeProperties": {"computeSize": "Small"}, "airflowProperties": properties}
        body = {"properties": {"type": "Airflow", "typeProperties": settings}}
        self.arm("PUT", f"{SEEDED_FACTORY}/integrationruntimes/{RUNTIME}", "2018-06-01", body)

    def set_secret(self, name: str, value: str) -> None:
        """`az keyvault secret set`."""
        url = f"https://{VAULT}.vault.azure.net/secrets/{name}?api-version=7.4"
        answer = self.azure.request("PUT", url, {"value": value}, token=self.azure.token("https://vault.azure.net"))
        assert answer.status == 200, answer.body

    def variables(self) -> dict[str, str]:
        """The runtime's variables as a GET shows them."""
        runtime = self.arm("GET", f"{SEEDED_FACTORY}/integrationruntimes/{RUNTIME}", "2018-06-01")
        return runtime["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]

    def stands(self) -> bool:
        """Whether vault, account and the vault's other variables are still there."""
        self.arm("GET", self.vault, "2023-07-01")
        self.arm("GET", self.account, "2023-05-01")
        url = f"https://{VAULT}.vault.azure.net/secrets/{PREFIX}-greeting?api-version=7.4"
        return self.azure.request("GET", url, token=self.azure.token("https://vault.azure.net")).status == 200
