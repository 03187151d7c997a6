"""The workers of an Airflow that somebody runs: what its platform gives them, and whether they can work with it.

The platform has the settings of one `provisioner render`; if those name a vault secret, it copies that with a delay, as
External Secrets does, and keeps the copy when the secret goes. It brings the DAG's file likewise.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.emulator import LOGIN, TENANT
from tests.render.rendered_dag import constants
from tests.resource_manager import Manager

if TYPE_CHECKING:
    from provisioner.render.deployment import Deployment
    from tests.emulator import LocalAzure

CLUSTER = "/resourceGroups/flink-platform/providers/Microsoft.ContainerService/managedClusters/aks-platform"
AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
VAULT, STORAGE, ARM = "https://vault.azure.net", "https://storage.azure.com", "https://management.azure.com"
MINUTE, COPY_MINUTES, TOKEN_MINUTES = 60.0, 15, 30


@dataclass(kw_only=True)
class Workers:
    """settings: what they run with. vault, dag_url: where what they read is. refused: each minute that went wrong."""

    azure: LocalAzure
    vault: str
    dag_url: str
    settings: Deployment
    refused: list[str] = field(default_factory=list[str])
    secret: str = ""
    dag: str = ""
    minute: int = 0
    token: tuple[str, int] = ("", 0)  # of the service account, and until which minute it is good

    def pass_minutes(self, count: int) -> None:
        """Let time pass; they sign in in each minute."""
        for _ in range(count):
            self.azure.advance(MINUTE)
            self.azure.tokens.clear()
            self.minute += 1
            if self.minute % COPY_MINUTES == 0:
                self.copy()
            self.sign_in()

    def deploy(self, settings: Deployment) -> None:
        """The platform rolls other settings out, and copies what they name at once."""
        self.settings = settings
        self.copy()
        self.sign_in()

    def copy(self) -> None:
        """The platform copies the secret and the file as they are now; what is gone stays as it was."""
        if self.settings.secret:
            token = self.azure.token(VAULT)  # of External Secrets, which has an identity of its own
            self.secret = self._value(self.settings.secret, token) or self.secret
        headers = {"x-ms-version": "2023-11-03"}
        answer = self.azure.request("GET", self.dag_url, token=self._token(STORAGE), headers=headers)
        self.dag = answer.body.decode() if answer.status == 200 else self.dag

    def sign_in(self) -> None:
        """Sign in as Airflow, read a variable, and sign in as the DAG does to Flink's API."""
        token = self._token(VAULT)
        if not token:
            return self._complain("airflow cannot sign in")
        client_id = self._value("airflow-variables-local-api-client-id", token)
        if not client_id:
            return self._complain("airflow cannot read api-client-id")
        secret = ""
        if "WorkloadIdentityCredential(client_id" not in self.dag or self.settings.secret:
            secret = self._value("airflow-variables-local-api-secret", token)
        if not self._sign_in(client_id, secret, ARM):
            return self._complain("flink-api cannot sign in")
        return None

    def report(self) -> str:
        """What the probe DAG reports."""
        left = ["AZURE_CLIENT_SECRET"] if self.settings.secret else []
        secretless = constants(self.dag).get("SECRETLESS", ())
        refused = [name for name, key, _assigned in secretless if not self._federated(self._client_id(key), ARM)]
        report = {"rendered": self.settings.settings_hash, "sign_in": self._sign_in_of_dag(), "secrets": left}
        return json.dumps({**report, "refused": " and ".join(refused)})

    def _client_id(self, key: str) -> str:
        """A principal's, which a variable names, or the settings for Airflow's own."""
        if not key:
            return self.settings.variables["AZURE_CLIENT_ID"]
        return self._value(f"airflow-variables-{key}", self._token(VAULT))

    def _sign_in_of_dag(self) -> str:
        found = re.search(r'"sign_in": .(\w+)', self.dag)
        return found[1] if found else ""

    def _complain(self, what: str) -> None:
        self.refused.append(f"minute {self.minute}, settings {self.settings.settings_hash}: {what}")

    def _token(self, resource: str) -> str:
        client_id = self.settings.variables["AZURE_CLIENT_ID"]
        return self._sign_in(client_id, self.secret if self.settings.secret else "", resource)

    def _sign_in(self, client_id: str, secret: str, resource: str) -> str:
        """An access token, with the secret, or without one by the service account's token; empty if it is refused."""
        if not secret:
            return self._federated(client_id, resource)
        return self._posted({"client_id": client_id, "client_secret": secret}, resource)

    def _federated(self, client_id: str, resource: str) -> str:
        if self.settings.secret:  # then its pods have no token of a service account
            return ""
        assertion = {"client_assertion_type": ASSERTION, "client_assertion": self._renewed_token()}
        return self._posted({"client_id": client_id, **assertion}, resource)

    def _renewed_token(self) -> str:
        if self.minute >= self.token[1]:
            self.token = (service_account_token(self.azure), self.minute + TOKEN_MINUTES)
        return self.token[0]

    def _posted(self, form: dict[str, str], resource: str) -> str:
        form |= {"grant_type": "client_credentials", "scope": f"{resource}/.default"}
        answer = self.azure.post_form(f"{LOGIN}/{TENANT}/oauth2/v2.0/token", form)
        return str(answer.json()["access_token"]) if answer.status == 200 else ""

    def _value(self, name: str, token: str) -> str:
        answer = self.azure.request("GET", f"{self.vault}/secrets/{name}?api-version=7.4", token=token)
        return str(answer.json()["value"]) if answer.status == 200 else ""


def service_account_token(azure: LocalAzure) -> str:
    """A token of the service account `airflow` in the namespace `airflow`, as the cluster issues it."""
    answer = Manager(azure=azure, version="2025-10-01")("GET", CLUSTER)
    assert answer.status == 200, answer.body
    url = f"https://{answer.json()['properties']['fqdn']}/api/v1/namespaces/airflow/serviceaccounts/airflow/token"
    body: dict[str, Any] = {"spec": {"audiences": ["api://AzureADTokenExchange"]}}
    return str(azure.request("POST", url, body, token=azure.token(AKS_SERVER)).json()["status"]["token"])
