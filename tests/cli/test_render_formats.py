"""`render --format`: files for the platform of an Airflow that you run, without the value of any secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from provisioner.cli.arguments import parse
from provisioner.cli.deployment import local_airflow_workload
from provisioner.cli.local import deploy_airflow
from provisioner.cli.opening import environment_of

if TYPE_CHECKING:
    from tests.command_line import Cli

CHART: dict[str, Any] = json.loads(Path(__file__).with_name("helm_chart_1_22_0.schema.json").read_text())
COMPONENTS = ("apiServer", "dagProcessor", "scheduler", "triggerer", "webserver", "workers")
SPEC = {"target": "self-managed", "version": "3.3.2", "key_prefix": "Team-A"}
AKS = "Microsoft.ContainerService/managedClusters"
VAULT = "https://kv-flink-local.vault.azure.net/"


@pytest.fixture
def offline(cli: Cli) -> Cli:
    cli.spec["airflow"] = SPEC
    return cli


def content(cli: Cli, kind: str, *options: str) -> str:
    (file,) = cli.done("render", "--format", kind, "--json", *options).json()["files"]
    return str(file["content"])


def test_helm_values_are_those_that_the_chart_takes(offline: Cli) -> None:
    values = yaml.safe_load(content(offline, "helm", "--offline"))
    jsonschema.validate(values, CHART)
    kwargs = json.loads(values["config"]["secrets"]["backend_kwargs"])
    assert kwargs == {
        "connections_prefix": "airflow-connections",
        "variables_prefix": "airflow-variables",
        "vault_url": VAULT,
        "config_prefix": None,
    }
    variables = {one["name"]: one["value"] for one in values["env"]}
    assert variables["AZURE_CLIENT_ID"] == "<client-id-of-airflow>"
    assert not {"AZURE_CLIENT_SECRET", "AIRFLOW__SECRETS__BACKEND"} & variables.keys()
    assert {one["envName"]: one["secretName"] for one in values["secret"]} == {
        "AZURE_CLIENT_SECRET": "team-a-airflow",
        "PROVISIONER_KEY_ID": "team-a-airflow",
    }


def test_the_kubernetes_objects_make_the_secret_that_the_values_name(offline: Cli) -> None:
    store, external = yaml.safe_load_all(content(offline, "kubernetes", "--offline"))
    assert {store["apiVersion"], external["apiVersion"]} == {"external-secrets.io/v1"}
    assert store["spec"]["provider"]["azurekv"]["vaultUrl"] == VAULT.rstrip("/")
    assert external["spec"]["secretStoreRef"]["name"] == store["metadata"]["name"]
    assert external["spec"]["target"]["name"] == "team-a-airflow"
    found = {one["secretKey"]: one["remoteRef"] for one in external["spec"]["data"]}
    secret = "Team-A-airflow-client-secret"
    assert found == {
        "AZURE_CLIENT_SECRET": {"key": secret},
        "PROVISIONER_KEY_ID": {"key": secret, "metadataPolicy": "Fetch", "property": "keyId"},
    }


def test_without_network_ids_that_only_azure_knows_are_placeholders_with_names(offline: Cli) -> None:
    offline.spec.pop("tenant", None)
    lines = content(offline, "env", "--offline").splitlines()
    assert {"AZURE_CLIENT_ID=<client-id-of-airflow>", "AZURE_TENANT_ID=<tenant-id>"} <= set(lines)
    assert "known after apply" not in "".join(content(offline, kind, "--offline") for kind in ("helm", "kubernetes"))


def test_with_azure_the_ids_are_there_and_no_secret(offline: Cli) -> None:
    offline.done("provision")
    lines = content(offline, "env").splitlines()
    variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    found = offline.azure.graph("GET", "applications?$filter=startswith(displayName,'local airflow')").json()["value"]
    assert variables["AZURE_CLIENT_ID"] == found[0]["appId"]
    assert variables["AZURE_TENANT_ID"] == offline.azure.tenant_id
    assert "AZURE_CLIENT_SECRET" not in variables
    token = offline.azure.token("https://vault.azure.net")
    url = f"{VAULT}secrets/Team-A-airflow-client-secret?api-version=7.4"
    value = offline.azure.request("GET", url, token=token).json()["value"]
    for kind in ("env", "helm", "kubernetes"):
        assert value not in content(offline, kind)


def test_before_a_provision_it_says_what_is_missing(offline: Cli) -> None:
    said = offline("render", "--format", "env")
    assert said.code == 4
    assert "Run `provisioner provision` first, or add --offline" in said.err


def test_check_tells_a_file_that_differs(offline: Cli, tmp_path: Path) -> None:
    options = ("--format", "helm", "--offline", "--out", str(tmp_path / "out"))
    assert offline("render", *options, "--check").code == 2
    assert offline.done("render", *options).out.strip() == str(tmp_path / "out/team-a-values.yaml")
    assert offline.done("render", *options, "--check").out.strip().endswith("is as it should be")
    offline.spec["airflow"] = {**SPEC, "variables_prefix": "other"}
    said = offline("render", *options, "--check")
    assert (said.code, said.out.strip().endswith("team-a-values.yaml differs")) == (2, True)


def test_the_hash_tells_other_settings_and_nothing_else(offline: Cli) -> None:
    def rendered() -> str:
        return next(line for line in content(offline, "env", "--offline").splitlines() if "RENDERED" in line)

    before = rendered()
    assert rendered() == before
    offline.spec["airflow"] = {**SPEC, "connections_prefix": "other"}
    assert rendered() != before


@pytest.mark.parametrize("secretless", [False, True])
def test_every_format_has_the_hash(offline: Cli, *, secretless: bool) -> None:
    if secretless:
        trust = {"issuer": "https://issuer.example.com/", "subjects": ["system:serviceaccount:flows:airflow"]}
        offline.spec["principals"] = {"airflow": {"credential": {"federated": trust}}}
    (line,) = (one for one in content(offline, "env", "--offline").splitlines() if "RENDERED" in one)
    name, _, rendered = line.partition("=")
    values = yaml.safe_load(content(offline, "helm", "--offline"))
    assert {"name": name, "value": rendered} in values["env"]
    for one in yaml.safe_load_all(content(offline, "kubernetes", "--offline")):
        assert one["metadata"]["annotations"][name] == rendered


def test_an_adopted_application_is_known_without_network(offline: Cli) -> None:
    client_id = "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c09"
    offline.spec["principals"] = {"airflow": {"application": {"client_id": client_id}}}
    assert f"AZURE_CLIENT_ID={client_id}\n" in content(offline, "env", "--offline")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--offline",), "Add --format"),
        (("--format", "env", "--offline", "--check"), "Add --out"),
        (("--format", "env", "--offline", "--out", "/dev/null/out"), "Choose another folder for --out"),
    ],
)
def test_options_that_do_not_go_together_say_what_is_missing(offline: Cli, options: tuple[str, ...], says: str) -> None:
    said = offline("render", *options)
    assert (said.code != 0, says in said.err) == (True, True)


def test_a_target_that_is_set_by_the_tool_itself_needs_no_files(cli: Cli) -> None:
    said = cli("render", "--format", "helm")
    assert said.code == 4
    assert "`provision` itself sets what this Airflow needs" in said.err


@pytest.fixture
def federated(offline: Cli) -> Cli:
    """Its principal signs in with the tokens of a service account."""
    trust = {"issuer": "https://issuer.example.com/", "subjects": ["system:serviceaccount:flows:airflow"]}
    offline.spec["principals"] = {"airflow": {"credential": {"federated": trust}}}
    return offline


def test_without_a_secret_every_part_runs_as_the_one_service_account(federated: Cli) -> None:
    values = yaml.safe_load(content(federated, "helm", "--offline"))
    jsonschema.validate(values, CHART)
    assert values["secret"] == []
    for component in COMPONENTS:
        assert values[component] == {
            "labels": {"azure.workload.identity/use": "true"},
            "serviceAccount": {"create": False, "name": "airflow"},
        }
    variables = {one["name"]: one["value"] for one in values["env"]}
    assert variables["AZURE_TOKEN_CREDENTIALS"] == "WorkloadIdentityCredential"
    account = yaml.safe_load(content(federated, "kubernetes", "--offline"))
    assert (account["kind"], account["metadata"]["name"], account["metadata"]["namespace"]) == (
        "ServiceAccount",
        "airflow",
        "flows",
    )
    assert account["metadata"]["annotations"].keys() == {
        "azure.workload.identity/client-id",
        "azure.workload.identity/tenant-id",
        "PROVISIONER_RENDERED",
    }


def test_a_machine_learns_where_its_token_is_to_be(federated: Cli) -> None:
    text = content(federated, "env", "--offline")
    assert "AZURE_FEDERATED_TOKEN_FILE" in text
    assert "AZURE_CLIENT_SECRET" not in text


def test_a_subject_that_is_no_service_account_has_no_object_of_kubernetes(federated: Cli) -> None:
    federated.spec["principals"]["airflow"]["credential"]["federated"]["subjects"] = ["machine-1"]
    assert content(federated, "kubernetes", "--offline") == "# machine-1 is no service account of Kubernetes\n"
    assert "workers" not in yaml.safe_load(content(federated, "helm", "--offline"))


BUNDLE = {
    "name": "Team-A-dags",
    "classpath": "airflow.providers.microsoft.azure.bundles.wasb.WasbDagBundle",
    "kwargs": {
        "wasb_conn_id": "team_a_dag_bundle",
        "container_name": "airflow",
        "prefix": "dags",
        "view_url_template": "https://stflinklocal.blob.core.windows.net/airflow/dags",
    },
}


@pytest.mark.parametrize("secretless", [False, True])
def test_a_bundle_is_configured_without_a_credential(offline: Cli, *, secretless: bool) -> None:
    offline.spec["airflow"] = {**SPEC, "dags": {"delivery": "bundle"}}
    if secretless:
        trust = {"issuer": "https://issuer.example.com/", "subjects": ["system:serviceaccount:flows:airflow"]}
        offline.spec["principals"] = {"airflow": {"credential": {"federated": trust}}}
    lines = content(offline, "env", "--offline").splitlines()
    variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert json.loads(variables["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"]) == [BUNDLE]
    connection = {"conn_type": "wasb", "host": "https://stflinklocal.blob.core.windows.net"}
    assert json.loads(variables["AIRFLOW_CONN_TEAM_A_DAG_BUNDLE"]) == connection

    values = yaml.safe_load(content(offline, "helm", "--offline"))
    jsonschema.validate(values, CHART)
    assert values["dagProcessor"]["dagBundleConfigList"] == [BUNDLE]
    assert ("serviceAccount" in values["dagProcessor"]) is secretless
    there = {one["name"] for one in values["env"]}
    assert "AIRFLOW_CONN_TEAM_A_DAG_BUNDLE" in there
    assert "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST" not in there


def deployed(cli: Cli) -> dict[str, Any]:
    """What the local Azure runs as the environment's Airflow once it is deployed there; empty: nothing."""
    arguments = parse(["run", str(cli.file)])
    found = local_airflow_workload(arguments, environment_of(arguments))
    if found is not None:
        deploy_airflow(*found)
    return dict(cli.azure.control("GET", "/settings/airflow-team-a"))


def test_the_local_azure_gets_exactly_what_is_printed(offline: Cli) -> None:
    cluster = f"{offline.azure.subscription}/resourceGroups/flink-platform/providers/{AKS}/aks-platform"
    trust = {"aks": cluster, "namespace": "flows", "service_account": "airflow"}
    offline.spec["principals"] = {"airflow": {"credential": {"federated": trust}}}
    offline.done("provision")
    assert deployed(offline) == {
        "issuer": cluster,
        "subject": "system:serviceaccount:flows:airflow",
        "version": "3.3.2",
        "requirements": ["apache-airflow-providers-microsoft-azure==15.2.1"],
        "variables": content(offline, "env"),
        "dags": "stflinklocal/airflow",
    }


def test_the_local_azure_brings_no_files_to_an_airflow_that_reads_them_itself(offline: Cli) -> None:
    cluster = f"{offline.azure.subscription}/resourceGroups/flink-platform/providers/{AKS}/aks-platform"
    trust = {"aks": cluster, "namespace": "flows", "service_account": "airflow"}
    offline.spec["principals"] = {"airflow": {"credential": {"federated": trust}}}
    offline.spec["airflow"] = {**SPEC, "dags": {"delivery": "bundle"}}
    offline.done("provision")
    found = deployed(offline)
    assert found["dags"] == ""
    assert found["requirements"] == ["apache-airflow-providers-microsoft-azure==15.3.0rc1"]


def test_the_local_azure_runs_no_airflow_whose_secret_nothing_brings(offline: Cli) -> None:
    offline.done("provision")
    assert deployed(offline) == {}


def beside(cli: Cli, name: str, **more: Any) -> str:
    """The file of another environment in the same Airflow, but for what `more` says."""
    file = cli.file.with_name(f"{name}.yaml")
    application = {"client_id": "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c09"}
    trust = {"issuer": "https://issuer.example.com/", "subjects": ["system:serviceaccount:flows:airflow"]}
    airflow = {**SPEC, "key_prefix": name, "dags": {"delivery": "bundle"}, **more.pop("airflow", {})}
    principal = {"credential": {"federated": trust}, "application": application, **more.pop("principal", {})}
    spec = {**cli.spec, "name": name, "airflow": airflow, "principals": {"airflow": principal}, **more}
    file.write_text(yaml.safe_dump(spec))
    return str(file)


def merged(cli: Cli, *files: str) -> str:
    (file,) = cli.run("render", *files, "--format", "helm", "--offline", "--json").json()["files"]
    assert file["name"] == "airflow-values.yaml"
    return str(file["content"])


def test_values_of_several_environments_have_the_entries_of_all_in_one_order(offline: Cli) -> None:
    first = beside(offline, "one", storage_account="stone", principal={"application": None})
    second, third = beside(offline, "two", storage_account="sttwo"), beside(offline, "Three", storage_account="stthree")
    text = merged(offline, first, second, third)
    assert text == merged(offline, third, first, second)
    values = yaml.safe_load(text)
    jsonschema.validate(values, CHART)
    bundles = [one["name"] for one in values["dagProcessor"]["dagBundleConfigList"]]
    assert bundles == ["one-dags", "Three-dags", "two-dags"]
    variables = {one["name"]: one["value"] for one in values["env"]}
    assert len(values["env"]) == len(variables)
    assert {name for name in variables if name.startswith("AIRFLOW_CONN")} == {
        "AIRFLOW_CONN_ONE_DAG_BUNDLE",
        "AIRFLOW_CONN_TWO_DAG_BUNDLE",
        "AIRFLOW_CONN_THREE_DAG_BUNDLE",
    }
    assert variables["AZURE_CLIENT_ID"] == "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c09"  # which the first one's file leaves
    lines = [line for file in (first, second, third) for line in values_of(offline, file)]
    hashes = [line.partition(": ")[2] for line in lines if "RENDERED" in line]
    assert sorted(variables["PROVISIONER_RENDERED"].split(",")) == sorted(hashes)
    assert values["secret"] == []
    assert values["workers"]["serviceAccount"] == {"create": False, "name": "airflow"}


def values_of(cli: Cli, file: str) -> list[str]:
    """The plain variables of one environment, as `NAME: value`."""
    (found,) = cli.run("render", file, "--format", "helm", "--offline", "--json").json()["files"]
    return [f"{one['name']}: {one['value']}" for one in yaml.safe_load(found["content"])["env"]]


def test_several_environments_whose_platform_brings_the_files_differ_by_their_hash_alone(offline: Cli) -> None:
    files = [beside(offline, name, airflow={"dags": {}}) for name in ("one", "two")]
    values = yaml.safe_load(merged(offline, *files))
    assert "dagBundleConfigList" not in values["dagProcessor"]
    assert len(values["env"]) == len(values_of(offline, files[0]))


def test_merged_values_are_written_and_compared(offline: Cli, tmp_path: Path) -> None:
    one, two = beside(offline, "one"), beside(offline, "two")
    out = ("--format", "helm", "--offline", "--out", str(tmp_path / "out"))
    assert offline.run("render", one, two, *out).out.strip() == str(tmp_path / "out/airflow-values.yaml")
    assert offline.run("render", two, one, *out, "--check").code == 0
    assert offline.run("render", one, *out, "--check").code == 2


OTHER = {"issuer": "https://issuer.example.com/", "subjects": ["system:serviceaccount:flows:other"]}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"airflow": {"key_prefix": "One"}}, "have the same `airflow.key_prefix`"),
        ({"airflow": {"dags": {}}}, "as `airflow.dags.delivery` is different"),
        ({"airflow": {"variables_prefix": "own"}}, "as `airflow.variables_prefix` is different"),
        ({"vault": "kv-other"}, "as `vault` is different"),
        ({"tenant": "5f2c9a34-6a0e-4c55-9b1e-6a0d1f7b2c11"}, "as `tenant` is different"),
        ({"principal": {"credential": "secret"}}, "would each need its own client secret"),
        ({"principal": {"credential": {"federated": OTHER}}}, "as `principals.airflow.credential` is different"),
        (
            {"principal": {"application": {"client_id": "1b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c09"}}},
            "as `principals.airflow.application` is different. Let `principals.airflow.application` of both say the",
        ),
    ],
)
def test_what_one_airflow_cannot_have_twice_is_refused(offline: Cli, more: dict[str, Any], says: str) -> None:
    tenant = {"tenant": "4f2c9a34-6a0e-4c55-9b1e-6a0d1f7b2c11"} if "tenant" in more else {}
    one, two = beside(offline, "one", **tenant), beside(offline, "two", **more)
    said = offline.run("render", two, one, "--format", "helm", "--offline")
    assert (said.code, says in said.err, one in said.err, two in said.err) == (4, True, True, True)


def test_several_environments_are_one_file_only_for_helm(offline: Cli) -> None:
    one, two = beside(offline, "one"), beside(offline, "two")
    assert "Add --format helm, or run the command once" in offline.run("render", one, two, "--format", "env").err
    assert "Add --format" in offline.run("render", one, two).err
