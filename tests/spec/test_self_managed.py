"""The section of an Airflow that you run: its way in, its version, its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioner.spec.targets.airflow.self_managed import SelfManagedAirflow
from tests.environment_files import loaded, problems
from tests.render.rendered_dag import dag_text

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.secret import Secret
    from provisioner.spec.model import Environment

URL = "https://airflow.example.com/prefix"
CLIENT = "{client_id: robot, client_secret: sentinel-word}"
USER = "{username: robot, password: sentinel-word}"


def section(tmp_path: Path, more: str = "", version: str = "3.3.2", environ: Any = None) -> SelfManagedAirflow:
    text = f"{{target: self-managed, version: {version}{more}}}"
    airflow = loaded(tmp_path, airflow=text, environ=environ).airflow
    assert isinstance(airflow, SelfManagedAirflow)
    return airflow


def wrong(tmp_path: Path, more: str, version: str = "3.3.2") -> dict[str, str]:
    found = problems(tmp_path, airflow=f"{{target: self-managed, version: {version}, {more}}}")
    assert "sentinel" not in repr(found)
    return {path: f"{one.wrong}; {one.right}" for path, one in found.items()}


def test_the_version_and_the_target_are_enough(tmp_path: Path) -> None:
    airflow = section(tmp_path)
    assert (airflow.provider_version, airflow.key_prefix, airflow.url) == ("15.2.1", "dev", "")
    assert airflow.sign_in == ("", {})


def test_a_bundle_takes_the_first_provider_that_has_it(tmp_path: Path) -> None:
    assert section(tmp_path, ", dags: {delivery: bundle}").provider_version == "15.3.0rc1"
    assert section(tmp_path, ", dags: {delivery: bundle}, provider_version: 16.0").provider_version == "16.0"


CORE, PROVIDER = "apache-airflow", "apache-airflow-providers-microsoft-azure"


@pytest.mark.parametrize(
    ("more", "there", "says"),
    [
        ("", {CORE: "3.3.2", PROVIDER: "15.2.0"}, []),
        ("", {CORE: "3.3.2+astro.1", PROVIDER: "16.0"}, []),
        ("", {CORE: "3.3.20", PROVIDER: "15.2.1"}, ["Airflow is 3.3.20, not 3.3.2"]),
        ("", {CORE: "3.3.2"}, [f"Airflow has no {PROVIDER}"]),
        (", provider_version: 15.2.1", {CORE: "3.3.2", PROVIDER: "15.2.0"}, [f"{PROVIDER} is 15.2.0, not 15.2.1"]),
        (", dags: {delivery: bundle}", {CORE: "3.3.2", PROVIDER: "15.3.0"}, []),
        (", dags: {delivery: bundle}", {CORE: "3.3.2", PROVIDER: "15.2.1"}, [f"{PROVIDER} is 15.2.1, which has no"]),
    ],
)
def test_an_image_with_other_versions_is_told(
    tmp_path: Path, more: str, there: dict[str, str], says: list[str]
) -> None:
    found = list(section(tmp_path, more).version_differences(there))
    assert [one[: len(said)] for one, said in zip(found, says, strict=True)] == says


def test_keys_and_dags_begin_with_the_prefix(tmp_path: Path) -> None:
    environment = loaded(tmp_path, airflow="{target: self-managed, version: 3.3.2, key_prefix: team-a}")
    assert environment.variable_secret_name("tenant-id") == "airflow-variables-team-a-tenant-id"
    assert environment.connection_secret_name("counts") == "airflow-connections-team-a-counts"
    assert environment.dag.id == "team-a-FlinkWordCountExample"
    text = dag_text(environment)
    assert "Variable.get('team-a-' + key)" in text
    assert 'Variable.get("team-a-tenant-id")' in text


@pytest.mark.parametrize(
    ("api", "way", "values"),
    [
        (f"token: {USER}", "token", ["robot", "sentinel-word"]),
        (f"client_credentials: {CLIENT}", "client_credentials", ["robot", "sentinel-word"]),
        ("bearer: sentinel-word", "bearer", ["sentinel-word"]),
        ("bearer_secret: astro", "bearer", []),
        ("entra: {scope: api://airflow/.default}", "entra", ["api://airflow/.default"]),
    ],
)  # fmt: skip
def test_each_way_into_airflow_3(tmp_path: Path, api: str, way: str, values: list[str]) -> None:
    found = section(tmp_path, f", url: {URL}, api: {{{api}}}").sign_in
    assert (found[0], [text(value) for value in found[1].values()]) == (way, values)


def test_airflow_2_takes_a_user_in_each_request(tmp_path: Path) -> None:
    found = section(tmp_path, f", url: {URL}, api: {{basic: {USER}}}", version="2.10.5").sign_in
    assert (found[0], [text(value) for value in found[1].values()]) == ("basic", ["robot", "sentinel-word"])


def text(value: Secret | str) -> str:
    return value if isinstance(value, str) else value.reveal()


@pytest.mark.parametrize(
    ("more", "version", "path", "says"),
    [
        (f"url: {URL}", "3.3.2", "airflow.url", "is of no use without a correct `api`; add `api`, or leave `url` out"),
        ("api: {bearer: sentinel-a}", "3.3.2", "airflow.api", "add `url`, or leave `api` out"),
        (f"url: {URL}, api: {{basic: {USER}}}", "3.3.2", "airflow.api.basic", "no way into Airflow 3; write `token`"),
        (f"url: {URL}, api: {{token: {USER}}}", "2.10.5", "airflow.api.token", "no way into Airflow 2; write `basic`"),
        (f"url: {URL}, api: {{token: {USER}, bearer: a}}", "3.3.2", "airflow.api", "is not one way; write one of"),
        ("url: 'http://a.io', api: {bearer: sentinel-a}", "3.3.2", "airflow.url", "unencrypted; write an https"),
        ("url: airflow", "3.3.2", "airflow.url", "write the address of its web server"),
        ("key_prefix: a_b", "3.3.2", "airflow.key_prefix", "use up to 40 letters, digits and hyphens"),
        ("dags: {delivery: pigeon}", "3.3.2", "airflow.dags.delivery", "write one of 'container' or 'bundle'"),
        ("dags: {delivery: bundle}", "2.10.5", "airflow.dags.delivery", "nothing that Airflow 2 can do; write `cont"),
        ("dags: {delivery: bundle}, provider_version: 15.2.1", "3.3.2", "airflow.provider_version", "has no WasbDag"),
        ("runtime: a", "3.3.2", "airflow.runtime", "is no field here"),
    ],
)  # fmt: skip
def test_what_cannot_be_says_what_would_be_right(tmp_path: Path, more: str, version: str, path: str, says: str) -> None:
    assert says in wrong(tmp_path, more, version)[path]


def test_plain_http_will_do_on_this_machine(tmp_path: Path) -> None:
    text = "{target: self-managed, version: 3.3.2, url: 'http://a.example.com', api: {bearer: a}}"
    assert loaded(tmp_path, cloud="local", airflow=text).airflow.own_prefix == "dev-"


ISSUER = "https://westeurope.oic.prod-aks.azure.com/t/c/"
FEDERATED = f"{{federated: {{issuer: {ISSUER}, subjects: ['system:serviceaccount:airflow:airflow']}}}}"


@pytest.mark.parametrize(("text", "issuer"), [("secret", None), (FEDERATED, ISSUER)])
def test_airflows_principal_has_a_secret_or_a_federation(tmp_path: Path, text: str, issuer: str | None) -> None:
    more = f"principals: {{airflow: {{credential: {text}}}}}"
    environment = loaded(tmp_path, more, airflow="{target: self-managed, version: 3.3.2}")
    federation = environment.principals.airflow.federation
    assert (federation.issuer if federation else None) == issuer


@pytest.mark.parametrize(
    ("credential", "path", "says"),
    [
        (f"{{type: secret, {FEDERATED[1:]}", "", "is not one way to sign in; write `secret`, `{federated"),
        ("{federated: {issuer: https://a.io, subjects: []}}", ".federated", "does not say whose tokens"),
        ("{federated: {issuer: 'http://a.io', subjects: [a]}}", ".federated.issuer", "write it as in the tokens"),
        ("{federated: {issuer: https://a.io, subjects: ['a:*']}}", ".federated.subjects[0]", "write it as in"),
        ("password", ".type", "write one of 'secret'"),
    ],
)  # fmt: skip
def test_a_federation_that_cannot_be_says_why(tmp_path: Path, credential: str, path: str, says: str) -> None:
    more = f"principals: {{airflow: {{credential: {credential}}}}}"
    found = problems(tmp_path, more, airflow="{target: self-managed, version: 3.3.2}")
    messages = {name: f"{one.wrong}; {one.right}" for name, one in found.items()}
    assert says in messages[f"principals.airflow.credential{path}"]


def test_only_an_airflow_that_you_run_has_a_federation_and_then_no_secret(tmp_path: Path) -> None:
    more = f"principals: {{airflow: {{credential: {FEDERATED}, secrets: [copy]}}}}"
    found = problems(tmp_path, more)
    assert "only an Airflow that you run" in found["principals.airflow.credential"].right
    assert "no secret to hold" in found["principals.airflow.secrets"].wrong
    assert "principals.flink-api.credential" not in found


GROUP = "/subscriptions/0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02/resourcegroups/rg"
AKS = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/a"
ACCOUNT = "namespace: flows, service_account: worker"


def federated(tmp_path: Path, federation: str, more: str = "") -> Environment:
    principals = f"principals: {{airflow: {{credential: {{federated: {{{federation}}}}}}}{more}}}"
    return loaded(tmp_path, principals, airflow="{target: self-managed, version: 3.3.2}")


def test_a_federation_names_a_cluster_and_one_of_its_service_accounts(tmp_path: Path) -> None:
    federation = federated(tmp_path, f"aks: {AKS}, {ACCOUNT}").principals.airflow.federation
    assert federation is not None
    assert federation.aks == AKS.replace("resourcegroups", "resourceGroups")
    assert federation.every_subject == ("system:serviceaccount:flows:worker",)


def test_the_dag_signs_in_to_flinks_api_as_airflow_signs_in_to_the_vault(tmp_path: Path) -> None:
    environment = federated(tmp_path, f"aks: {AKS}, {ACCOUNT}")
    assert environment.principals.flink_api.federation == environment.principals.airflow.federation
    assert environment.tool_variable_keys == ("api-client-id", "tenant-id")
    own = federated(tmp_path, f"aks: {AKS}, {ACCOUNT}", ", flink-api: {credential: secret}")
    assert own.principals.flink_api.federation is None
    assert own.tool_variable_keys == ("api-client-id", "api-secret", "tenant-id")


@pytest.mark.parametrize(
    ("federation", "path", "says"),
    [
        (f"aks: {AKS}", "", "does not say whose tokens; write `issuer` and `subjects`, or `aks`"),
        (f"aks: {AKS}, issuer: {ISSUER}, {ACCOUNT}", "", "does not say whose tokens"),
        (f"issuer: {ISSUER}", "", "does not say whose tokens"),
        (f"aks: aks-one, {ACCOUNT}", ".aks", "write a full id like /subscriptions/"),
        (f"aks: {AKS}, namespace: A_b, service_account: worker", ".namespace", "use lower-case letters"),
    ],
)
def test_a_federation_in_two_halves_says_what_is_missing(tmp_path: Path, federation: str, path: str, says: str) -> None:
    more = f"principals: {{airflow: {{credential: {{federated: {{{federation}}}}}}}}}"
    found = problems(tmp_path, more, airflow="{target: self-managed, version: 3.3.2}")
    messages = {name: f"{one.wrong}; {one.right}" for name, one in found.items()}
    assert says in messages[f"principals.airflow.credential.federated{path}"]
