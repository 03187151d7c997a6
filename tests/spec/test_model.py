"""The model: defaults, ids as Azure spells them, what follows from what."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from provisioner.spec.model import Environment, secret_name
from provisioner.spec.targets.airflow.data_factory import DataFactoryAirflow
from tests.environment_files import PLATFORM, SUBSCRIPTION, loaded, problems

if TYPE_CHECKING:
    from pathlib import Path

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dev"
TENANT = "5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01"


def test_ten_lines_are_an_environment(tmp_path: Path) -> None:
    environment = loaded(tmp_path)
    assert environment.group_id == GROUP
    assert environment.vault_id == f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-dev"
    assert environment.vault_name == "kv-dev"
    assert environment.account_id == f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stdev"
    assert environment.account_name == "stdev"
    assert environment.flink.scope == f"{PLATFORM}/Microsoft.HDInsight/clusterpools/pool/clusters/flink"
    airflow = environment.airflow
    assert isinstance(airflow, DataFactoryAirflow)
    assert airflow.factory == f"{PLATFORM}/Microsoft.DataFactory/factories/factory"
    assert airflow.runtime == f"{airflow.factory}/integrationruntimes/airflow"
    assert airflow.linked_service == "provisioner-dev"
    assert environment.all_jobs[0].spec.entry_class == "org.example.Job"
    assert environment.all_jobs[0].spec.jar == tmp_path / "job.jar"


def test_names_mean_resources_of_the_group(tmp_path: Path) -> None:
    environment = loaded(
        tmp_path,
        flink="{pool: pool, cluster: flink}",
        airflow="{factory: factory, runtime: airflow, linked_service: mine}",
    )
    assert environment.flink.scope == f"{GROUP}/providers/Microsoft.HDInsight/clusterpools/pool/clusters/flink"
    found = environment.airflow
    assert isinstance(found, DataFactoryAirflow)
    assert found.factory == f"{GROUP}/providers/Microsoft.DataFactory/factories/factory"
    assert found.runtime == f"{found.factory}/integrationruntimes/airflow"
    assert found.linked_service == "mine"


def test_full_ids_are_spelt_as_azure_spells_them(tmp_path: Path) -> None:
    written = (
        f"/SUBSCRIPTIONS/{SUBSCRIPTION.upper()}/resourcegroups/Other/providers/microsoft.keyvault/VAULTS/kv-other/"
    )
    environment = loaded(tmp_path, vault=written, subscription=SUBSCRIPTION.upper(), location="West Europe")
    assert environment.vault_id == (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Other/providers/Microsoft.KeyVault/vaults/kv-other"
    )
    assert environment.subscription == SUBSCRIPTION
    assert environment.location == "westeurope"


@pytest.mark.parametrize("wrong", ["/subscriptions/x", f"{PLATFORM}/Microsoft.Storage/storageAccounts/stdev"])
def test_an_id_of_something_else_is_refused_with_an_example(tmp_path: Path, wrong: str) -> None:
    assert "Microsoft.KeyVault/vaults/<vaults>" in problems(tmp_path, vault=wrong)["vault.name"].right


def test_the_id_follows_from_tenant_subscription_group_and_name_without_case(tmp_path: Path) -> None:
    first = loaded(tmp_path).environment_id(TENANT)
    assert loaded(tmp_path, resource_group="RG-Dev", name="DEV").environment_id(TENANT.upper()) == first
    assert loaded(tmp_path, name="dev2").environment_id(TENANT) != first
    assert loaded(tmp_path, id=TENANT.upper()).environment_id("any") == TENANT


def test_a_secret_is_named_as_the_backend_looks_it_up(tmp_path: Path) -> None:
    environment = loaded(tmp_path)
    assert environment.variable_secret_name("a_b") == "hdinsight-aks-variables-a-b"
    assert environment.connection_secret_name("db") == "airflow-connections-db"
    assert secret_name("with_underscore-", "K") == "with-underscore-K"
    assert secret_name("", "key_1") == "key-1"


def test_principals_take_the_common_rotation_unless_they_have_their_own(tmp_path: Path) -> None:
    more = "rotation: {lifetime: 90d}\nprincipals: {flink-api: {lifetime: 45d}, airflow: {rotation: {every: 20d}}}"
    principals = loaded(tmp_path, more).principals
    assert principals.flink_api.rotation.lifetime == principals.flink_api.lifetime == timedelta(days=45)
    assert principals.airflow.rotation.every == timedelta(days=20)
    assert principals.airflow.lifetime == timedelta(days=60)
    assert loaded(tmp_path, "rotation: {lifetime: 90d}").principals.airflow.lifetime == timedelta(days=90)
    assert (principals.airflow.role, principals.flink_api.role) == ("Key Vault Secrets Officer", "Contributor")


def test_flink_api_may_be_written_with_an_underscore(tmp_path: Path) -> None:
    assert loaded(tmp_path, "principals: {flink_api: {role: Owner}}").principals.flink_api.role == "Owner"


def test_further_principals_have_a_name_and_all_else_by_default(tmp_path: Path) -> None:
    more = "rotation: {every: 20d}\nprincipals: {ci: {role: Reader}, cd: {role: Owner, lifetime: 45d}}"
    environment = loaded(tmp_path, more)
    assert [*environment.principals.named] == ["airflow", "flink-api", "ci", "cd"]
    ci, cd = environment.principals.further.values()
    assert (ci.scope, ci.rotation.every, ci.lifetime) == (None, timedelta(days=20), timedelta(days=60))
    assert cd.lifetime == cd.rotation.lifetime == timedelta(days=45)
    assert environment.principal_variable_keys("ci") == ("ci-client-id", "ci-secret")


def test_a_further_principal_without_a_secret_has_only_a_client_id(tmp_path: Path) -> None:
    credential = "credential: {federated: {issuer: 'https://tokens.example.com', subjects: [repo:a/b:environment:c]}}"
    more = f"principals: {{ci: {{role: Reader, {credential}}}}}"
    wrong = problems(tmp_path, more)["principals.ci.credential"]
    assert wrong.right == "write `secret`; only an Airflow that you run has an issuer or machines of its own"

    own = loaded(tmp_path, more, airflow="{target: self-managed, version: 3.3.2}")
    assert own.principal_variable_keys("ci") == ("ci-client-id",)
    assert own.secretless_client_id_keys == {"ci": "ci-client-id"}

    elsewhere = loaded(tmp_path, more.replace("role: Reader", "role: Reader, variables_prefix: ''"))
    assert elsewhere.principal_variable_keys("ci") == ()
    assert elsewhere.secretless_client_id_keys == {}


def test_a_scope_is_a_full_resource_id(tmp_path: Path) -> None:
    scope = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-dev/secrets/one"
    for fine in (f"/subscriptions/{SUBSCRIPTION}", GROUP, scope):
        principals = loaded(tmp_path, f"principals: {{ci: {{role: Reader, scope: {fine}}}}}").principals
        assert principals.further["ci"].scope == fine
    for wrong in ("kv-other", f"{GROUP}/", f"{GROUP}/providers/Microsoft.KeyVault", f"{scope}?x", "/"):
        found = problems(tmp_path, f"principals: {{ci: {{role: Reader, scope: '{wrong}'}}}}")
        assert "full resource id" in found["principals.ci.scope"].right


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("rotation: {every: 58d}", "rotation"),
        ("rotation: {overlap: 12h}", "rotation"),
        ("principals: {airflow: {lifetime: 31d}}", "principals"),
        ("principals: {airflow: {rotation: {every: 60d}}}", "principals.airflow.rotation"),
    ],
)
def test_a_rotation_that_cannot_hold_is_refused(tmp_path: Path, more: str, path: str) -> None:
    assert path in problems(tmp_path, more)


@pytest.mark.parametrize(("version", "provider"), [("2.6.3", "10.0.0"), ("2.10.5", "12.8.1"), ("3.0.1", "15.2.1")])
def test_the_provider_follows_from_airflows_version(tmp_path: Path, version: str, provider: str) -> None:
    named = f"{{factory: factory, runtime: airflow, version: {version}}}"
    airflow = loaded(tmp_path, airflow=named, cloud="local").airflow
    assert (airflow.version, airflow.provider_version) == (version, provider)


def test_an_airflow_without_a_known_provider_is_refused_once(tmp_path: Path) -> None:
    assert [*problems(tmp_path, airflow="{factory: fff, runtime: rrr, version: 2.2.5}")] == ["airflow.version"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86400), ("30d", 2_592_000), ("1d12h", 129_600)]
)
def test_durations_are_read(tmp_path: Path, text: str, seconds: int) -> None:
    assert loaded(tmp_path, f"waits: {{grant: {text}, import: {text}}}").waits.grant.total_seconds() == seconds


@pytest.mark.parametrize("text", ["5 minutes", "0s", "3651d", "[5m]", "-1d", "12h1d"])
def test_what_is_no_duration_is_refused(tmp_path: Path, text: str) -> None:
    assert "duration" in problems(tmp_path, f"waits: {{grant: {text}}}")["waits.grant"].right


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a b"),
        ("name", "x" * 41),
        ("vault", "kv"),
        ("vault", "kv--dev"),
        ("vault", "1kv"),
        ("vault", "kv-"),
        ("vault", "k" * 25),
        ("storage_account", "ST"),
        ("storage_account", "st-dev"),
        ("storage_account", "s" * 25),
        ("resource_group", "rg."),
        ("resource_group", "r/g"),
        ("resource_group", "r" * 91),
        ("location", "west-europe"),
        ("subscription", "mine"),
        ("tenant", "-x"),
        ("storage_account", "{name: stdev, filesystem: Jobs}"),
        ("vault", "{name: kv-dev, retention_days: 6}"),
        ("vault", "{name: kv-dev, retention_days: 91}"),
        ("vault", "{name: kv-dev, retention_days: soon}"),
        ("vault", "{name: kv-dev, purge_protection: maybe}"),
        ("cloud", "publik"),
        ("flink", "{cluster: flink}"),
        ("airflow", "{runtime: airflow}"),
        ("airflow", "{factory: a--b, runtime: airflow}"),
        ("airflow", "{factory: fff, runtime: -x-}"),
        ("airflow", "{factory: fff, runtime: rrr, linked_service: a.b}"),
        ("airflow", "{factory: fff, runtime: rrr, container: a}"),
        ("principals", "{airflow: {display_name: a<b}}"),
        ("principals", "{airflow: {display_name: " + "x" * 121 + "}}"),
        ("principals", "{airflow: {application: {client_id: mine}}}"),
        ("principals", "{airflow: {secrets: [a_b]}}"),
        ("dag", "{id: a b}"),
        ("dag", "{file: a/b.py}"),
        ("dag", "{schedule: sometimes}"),
        ("job", "{jar: job.jar, name: Word}"),
        ("job", "{jar: job.jar, directory: /a}"),
    ],
)
def test_names_that_azure_would_refuse_are_refused(tmp_path: Path, field: str, value: str) -> None:
    found = problems(tmp_path, "", {}, **{field: value})
    assert [path.split(".")[0] for path in found] == [field]
    assert all(problem.right for problem in found.values())


@pytest.mark.parametrize(
    "tags",
    [
        "{provisioner-environment: x}",
        "{Provisioner-Environment: x}",
        "{microsoft-x: y}",
        "{'a/b': c}",
        "{'': c}",
        "{" + "x" * 129 + ": y}",
        "{x: " + "y" * 257 + "}",
        "{Owner: a, owner: b}",
        "{" + ", ".join(f"t{number}: x" for number in range(50)) + "}",
    ],
)
def test_tags_beyond_azures_limits_are_refused(tmp_path: Path, tags: str) -> None:
    assert "tags" in problems(tmp_path, tags=tags)


def test_a_model_made_in_code_says_no_value_in_its_errors() -> None:
    with pytest.raises(ValidationError) as caught:
        Environment.model_validate({"name": "hunter two", "variables": {"a": 1}})
    assert "hunter" not in str(caught.value)
