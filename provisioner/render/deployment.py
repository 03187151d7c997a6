"""What the platform of an Airflow that you run has to set, as files for it. No value of a secret is in them.

A variable that is secret is named by the vault secret that has it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml

from provisioner.render.airflow_settings import LATER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BACKEND = ("AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS")
BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
BUNDLE = "airflow.providers.microsoft.azure.bundles.wasb.WasbDagBundle"
KEY_TAG = "keyId"  # of the vault secret: the key that its value is
RENDERED = "PROVISIONER_RENDERED"
CLIENT_ID = "AZURE_CLIENT_ID"
# What the files say for an id that only Azure knows.
PLACEHOLDERS = {CLIENT_ID: "<client-id-of-airflow>", "AZURE_TENANT_ID": "<tenant-id>"}
# external-secrets.io/latest/provider/azure-key-vault
API = "external-secrets.io/v1"
ACCOUNT = "system:serviceaccount:"
# Without it a secret that was left in the environment would be used, or another identity of the machine:
# learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential
PINNED = "AZURE_TOKEN_CREDENTIALS"
# azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
USE = {"azure.workload.identity/use": "true"}
COMPONENTS = ("apiServer", "dagProcessor", "scheduler", "triggerer", "webserver", "workers")
STORE_ACCOUNT = "external-secrets"


@dataclass(frozen=True, kw_only=True)
class File:
    """A file. name: without a folder."""

    name: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What Airflow runs with.

    name: what its objects are called. variables: plain ones of its environment, the secrets backend among them.
    secret: the vault secret with AZURE_CLIENT_SECRET, empty if its principal has none; subject: whose tokens sign that
    principal in instead, empty if its machines have it assigned; issuer: who issues them, the address or the id of an
    AKS cluster; identity: the id of the managed identity that it is, empty if it is an application. vault_url: of the
    vault.
    requirements: what its image needs; dags: ACCOUNT/CONTAINER whose folder `dags/` its platform brings to it, empty if
    it reads them itself.
    """

    name: str
    variables: Mapping[str, str]
    secret: str
    vault_url: str
    requirements: tuple[str, ...]
    dags: str
    subject: str = ""
    issuer: str = ""
    identity: str = ""

    @property
    def service_account(self) -> tuple[str, str] | None:
        """Namespace and name of the service account whose tokens sign in; None if it is none of Kubernetes."""
        parts = self.subject.split(":")
        return (parts[2], parts[3]) if self.subject.startswith(ACCOUNT) and len(parts) == 4 else None

    def with_client_id(self, client_id: str) -> Deployment:
        """The same with the id of Airflow's principal, which is known once that exists."""
        return replace(self, variables={**self.variables, CLIENT_ID: client_id})

    @property
    def settings_hash(self) -> str:
        """A hash by which workers tell which settings they have.

        It is of the plain variables without the client id, of the vault secret's name, the subject and the managed
        identity.
        """
        variables = sorted((name, value) for name, value in self.variables.items() if name != CLIENT_ID)
        identity = (self.identity,) if self.identity else ()
        return hashlib.sha256(json.dumps([variables, self.secret, self.subject, *identity]).encode()).hexdigest()[:16]

    @property
    def all_variables(self) -> dict[str, str]:
        """The plain variables, the hash, and without a client secret the variable that pins the way to sign in.

        For an id that is not known, the name of what it is.
        """
        named = {name: PLACEHOLDERS[name] for name, value in self.variables.items() if value == LATER}
        way = "WorkloadIdentityCredential" if self.subject else "ManagedIdentityCredential"
        pinned = {} if self.secret else {PINNED: way}
        return {**self.variables, **named, **pinned, RENDERED: self.settings_hash}

    @property
    def secret_variables(self) -> dict[str, dict[str, str]]:
        """By variable, where External Secrets finds its value."""
        if not self.secret:
            return {}
        tag = {"key": self.secret, "metadataPolicy": "Fetch", "property": KEY_TAG}
        return {"AZURE_CLIENT_SECRET": {"key": self.secret}, "PROVISIONER_KEY_ID": tag}


def env_file(deployment: Deployment) -> File:
    """Variables for a machine or a container: NAME=value, as systemd and Docker read it."""
    lines = _about_secret(deployment) if deployment.secret else [f"# {_sign_in_comment(deployment)}"]
    lines += [f"{name}={value}" for name, value in sorted(deployment.all_variables.items())]
    return File(name=f"{deployment.name}.env", content="\n".join(lines) + "\n")


def _sign_in_comment(deployment: Deployment) -> str:
    if not deployment.subject:
        return f"{deployment.identity} signs in; the machine is to have it assigned"
    return f"{deployment.subject} signs in; its token is to be in the file that AZURE_FEDERATED_TOKEN_FILE names"


def _about_secret(deployment: Deployment) -> list[str]:
    lines = [f"# AZURE_CLIENT_SECRET: the value of {deployment.vault_url}secrets/{deployment.secret}"]
    lines.append(f"# PROVISIONER_KEY_ID: the tag {KEY_TAG} of its newest version; both change with each rotation")
    return lines


def helm_values(deployment: Deployment) -> File:
    """Values for the official Helm chart, 1.19 to 1.22. Helm replaces lists: merge them with those that you have."""
    content = chart_values(deployment, deployment.all_variables)
    return File(name=f"{deployment.name}-values.yaml", content=content)


def chart_values(deployment: Deployment, all_variables: Mapping[str, str]) -> str:
    """The YAML text of values for the official Helm chart, with these plain variables in place of the deployment's.

    https://airflow.apache.org/docs/helm-chart/1.22.0/parameters-ref.html
    """
    variables = dict(all_variables)
    backend, kwargs = (variables.pop(name) for name in BACKEND)
    bundles = variables.pop(BUNDLES, "")
    values: dict[str, Any] = {
        "config": {"secrets": {"backend": backend, "backend_kwargs": kwargs}},
        "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
        "secret": [
            {"envName": name, "secretName": _kubernetes_secret_name(deployment), "secretKey": name}
            for name in deployment.secret_variables
        ],
    }
    if (account := deployment.service_account) is not None:
        for component in COMPONENTS:
            values[component] = {"labels": dict(USE), "serviceAccount": {"create": False, "name": account[1]}}
    if bundles:
        values.setdefault("dagProcessor", {})["dagBundleConfigList"] = json.loads(bundles)
    return _yaml(values)


def kubernetes_objects(deployment: Deployment) -> File:
    """What copies the secret into the cluster: a store and an external secret of External Secrets.

    Without a secret, the service account that signs in.
    """
    if not deployment.secret:
        return File(name=f"{deployment.name}-kubernetes.yaml", content=_service_account(deployment))
    name, store = _kubernetes_secret_name(deployment), f"{deployment.name}-vault"
    vault = {
        "authType": "WorkloadIdentity",
        "vaultUrl": deployment.vault_url.rstrip("/"),
        "serviceAccountRef": {"name": STORE_ACCOUNT},
    }
    data = [{"secretKey": key, "remoteRef": place} for key, place in deployment.secret_variables.items()]
    external = {
        "refreshInterval": "15m",
        "secretStoreRef": {"kind": "SecretStore", "name": store},
        "target": {"name": name, "creationPolicy": "Owner"},
        "data": data,
    }
    objects = (
        {
            "apiVersion": API,
            "kind": "SecretStore",
            "metadata": {"name": store, **_mark(deployment)},
            "spec": {"provider": {"azurekv": vault}},
        },
        {
            "apiVersion": API,
            "kind": "ExternalSecret",
            "metadata": {"name": name, **_mark(deployment)},
            "spec": external,
        },
    )
    return File(name=f"{deployment.name}-kubernetes.yaml", content="---\n".join(map(_yaml, objects)))


FORMATS: Mapping[str, Callable[[Deployment], File]] = {
    "env": env_file,
    "helm": helm_values,
    "kubernetes": kubernetes_objects,
}


def _service_account(deployment: Deployment) -> str:
    if not deployment.subject:
        return f"# {_sign_in_comment(deployment)}; there is nothing to make in Kubernetes\n"
    if deployment.service_account is None:
        return f"# {deployment.subject} is no service account of Kubernetes\n"
    namespace, name = deployment.service_account
    variables = deployment.all_variables
    ids = {"client-id": variables[CLIENT_ID], "tenant-id": variables["AZURE_TENANT_ID"]}
    annotations = {f"azure.workload.identity/{key}": value for key, value in ids.items()}
    annotations |= _mark(deployment)["annotations"]
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    return _yaml({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})


def kwargs_without_config_lookups(kwargs_json: str) -> str:
    """The secrets backend's settings without lookups of Airflow's own options, each of which would ask the vault."""
    return json.dumps({**json.loads(kwargs_json), "config_prefix": None})


def bundle_name(prefix: str) -> str:
    """The name of an environment's DAG bundle. prefix: of its keys."""
    return f"{prefix}-dags"


def bundle_variables(prefix: str, account_url: str, container: str) -> dict[str, str]:
    """What makes Airflow 3 read the files of the container's `dags/` itself, signed in as its workers are.

    The connection has no tenant, with which the hook would want a client secret in it. Without `view_url_template` the
    DAG processor would need the connection to start, and drop the bundle if it could not read it just then.
    https://airflow.apache.org/docs/apache-airflow-providers-microsoft-azure/stable/bundles/index.html
    """
    connection = f"{prefix}_dag_bundle".replace("-", "_").lower()
    kwargs = {
        "wasb_conn_id": connection,
        "container_name": container,
        "prefix": "dags",
        "view_url_template": f"{account_url}/{container}/dags",
    }
    return {
        BUNDLES: json.dumps([{"name": bundle_name(prefix), "classpath": BUNDLE, "kwargs": kwargs}]),
        f"AIRFLOW_CONN_{connection.upper()}": json.dumps({"conn_type": "wasb", "host": account_url}),
    }


def _mark(deployment: Deployment) -> dict[str, dict[str, str]]:
    """The hash, where an object has no variable for it."""
    return {"annotations": {RENDERED: deployment.settings_hash}}


def _kubernetes_secret_name(deployment: Deployment) -> str:
    """The Kubernetes secret that the external one makes; names there are lower-case."""
    return f"{deployment.name}-airflow".lower()


def _yaml(document: object) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=1000)
