"""What one field alone cannot tell."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from provisioner.spec.fields import SECRET_BYTES
from provisioner.spec.files import lacks_class
from provisioner.spec.targets.airflow.data_factory import NOT_OVERRIDABLE, DataFactoryAirflow
from tests.environment_files import SUBSCRIPTION, jar, loaded, problems

if TYPE_CHECKING:
    from pathlib import Path


def airflow(more: str) -> str:
    return "{factory: factory, runtime: airflow, " + more + "}"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("variables: {a_b: x, a-b: y}", "variables.a-b"),
        ("variables: {a: x, A: y}", "variables.A"),
        ("variables: {api_secret: x}", "variables.api_secret"),
        ("variables: {API-CLIENT-ID: x}", "variables.API-CLIENT-ID"),
        ("variables: {tenant-id: x}", "variables.tenant-id"),
        ("principals: {airflow: {secrets: [one, ONE]}}", "principals.airflow.secrets[1]"),
        (
            "variables: {x: y}\nprincipals: {flink-api: {secrets: [Hdinsight-aks-variables-x]}}",
            "principals.flink-api.secrets[0]",
        ),
        ("variables: {ci_secret: x}\nprincipals: {ci: {role: Reader}}", "principals.ci"),
        ("principals: {ci: {role: Reader, variables_prefix: api}}", "principals.ci"),
        ("principals: {ci: {role: Reader}, cd: {role: Reader, variables_prefix: ci}}", "principals.cd"),
        ("principals: {ci: {role: Reader, secrets: [hdinsight-aks-variables-ci-secret]}}", "principals.ci.secrets[0]"),
    ],
)
def test_two_secrets_on_one_name_of_the_vault_are_refused(tmp_path: Path, more: str, path: str) -> None:
    found = problems(tmp_path, more)
    assert [*found] == [path]
    assert "same vault secret" in found[path].wrong


def test_a_variable_and_a_connection_can_meet_where_the_prefixes_do(tmp_path: Path) -> None:
    more = "variables: {x: y}\nconnections: {x: y}"
    loaded(tmp_path, more)
    same = airflow("variables_prefix: both, connections_prefix: both-")
    assert [*problems(tmp_path, more, airflow=same)] == ["connections.x"]


@pytest.mark.parametrize("key", ["a.b", "a b", "ä", "x" * 127])
def test_names_that_key_vault_refuses_are_refused(tmp_path: Path, key: str) -> None:
    assert "Key Vault refuses" in problems(tmp_path, f"variables: {{'{key}': x}}")[f"variables.{key}"].wrong


def test_a_value_may_have_25_kilobytes(tmp_path: Path) -> None:
    value = loaded(tmp_path, f"variables: {{a: {'x' * SECRET_BYTES}}}").variables["a"]
    assert len(value.reveal()) == SECRET_BYTES
    assert "25 KB" in problems(tmp_path, f"variables: {{a: {'ä' * (SECRET_BYTES // 2 + 1)}}}")["variables.a"].right


@pytest.mark.parametrize("key", [*sorted(NOT_OVERRIDABLE), "AIRFLOW__SECRETS__BACKEND", "PARALLELISM", "airflow__x__y"])
def test_overrides_that_cannot_be_are_refused(tmp_path: Path, key: str) -> None:
    found = problems(tmp_path, airflow=airflow(f"overrides: {{{key}: x}}"))
    assert [*found] == [f"airflow.overrides.{key}"]


@pytest.mark.parametrize("key", ["AZURE_CLIENT_SECRET", "PROVISIONER_KEYS", "a-b", "AIRFLOW__CORE__FERNET_KEY"])
def test_environment_variables_that_cannot_be_are_refused(tmp_path: Path, key: str) -> None:
    assert [*problems(tmp_path, airflow=airflow(f"environment: {{{key}: x}}"))] == [f"airflow.environment.{key}"]


def test_a_setting_stands_once(tmp_path: Path) -> None:
    twice = airflow("overrides: {AIRFLOW__CORE__PARALLELISM: 1}, environment: {AIRFLOW__CORE__PARALLELISM: 2}")
    assert [*problems(tmp_path, airflow=twice)] == ["airflow.environment.AIRFLOW__CORE__PARALLELISM"]


@pytest.mark.parametrize(
    "line", ["apache_airflow.providers-Microsoft_Azure==1", "apache-airflow-providers-microsoft-azure"]
)
def test_the_provider_is_set_by_its_own_field(tmp_path: Path, line: str) -> None:
    found = problems(tmp_path, airflow=airflow(f"requirements: [rich, '{line}']"))
    assert "provider_version" in found["airflow.requirements[1]"].right


@pytest.mark.parametrize(
    "line", ["-f https://x.test", " --pre", "x @ file:///x", "x@https://x.test/x.whl", "git+ssh://x.test/x", "x --pre"]
)
def test_requirements_that_are_options_or_urls_need_allow_urls(tmp_path: Path, line: str) -> None:
    refused = problems(tmp_path, airflow=airflow(f"requirements: [rich, '{line}']"))
    assert [*refused] == ["airflow.requirements[1]"]
    assert "allow_urls: true" in refused["airflow.requirements[1]"].right
    allowed = airflow(f"allow_urls: true, requirements: [rich, '{line}']")
    found = loaded(tmp_path, airflow=allowed).airflow
    assert isinstance(found, DataFactoryAirflow)
    assert found.requirements == ["rich", line]


def test_an_adopted_application_keeps_its_name(tmp_path: Path) -> None:
    more = "principals: {airflow: {application: {client_id: 0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02}, display_name: x}}"
    assert [*problems(tmp_path, more)] == ["principals.airflow.display_name"]


def test_a_jar_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.jar").touch()
    (tmp_path / "text.jar").write_text("text")
    (tmp_path / "memory.jar").symlink_to("/proc/self/mem")
    wrongs = {
        name: problems(tmp_path, job=name)["job.jar"].wrong
        for name in ("no.jar", "folder", "empty.jar", "text.jar", "memory.jar")
    }
    assert wrongs == {
        "no.jar": "does not exist",
        "folder": "is a directory",
        "empty.jar": "is an empty file",
        "text.jar": "is not a jar: it is no zip archive",
        "memory.jar": "cannot be read: Input/output error",
    }


def test_the_main_class_is_the_manifests_also_over_two_lines_or_must_be_given(tmp_path: Path) -> None:
    jar(tmp_path / "long.jar", "Manifest-Version: 1.0\r\nMain-Class: org.exam\r\n ple.Job\r\n")
    assert loaded(tmp_path, job="long.jar").all_jobs[0].spec.entry_class == "org.example.Job"
    jar(tmp_path / "none.jar", "Manifest-Version: 1.0\n")
    assert "entry_class" in problems(tmp_path, job="none.jar")["job"].right
    named = loaded(tmp_path, job="{jar: none.jar, entry_class: org.example.Job}")
    assert named.all_jobs[0].spec.entry_class == "org.example.Job"


@pytest.mark.parametrize(
    ("cloud", "version", "offered"),
    [
        ("public", "2.6.3", True),
        ("china", "2.4.3", True),
        ("public", "2.10.5", False),
        ("public", "3.3.2", False),
        ("usgovernment", "2.6", False),
        ("local", "2.6.3", True),
        ("local", "2.11.2", True),
        ("local", "3.3.2", True),
        ("local", "3.3", False),
        ("local", "2.7.3", False),
    ],
)
def test_only_the_local_data_factory_has_newer_airflows(
    tmp_path: Path, cloud: str, version: str, *, offered: bool
) -> None:
    wanted = airflow(f"version: {version}")
    if offered:
        assert loaded(tmp_path, airflow=wanted, cloud=cloud).airflow.version == version
        return
    found = problems(tmp_path, airflow=wanted, cloud=cloud)["airflow.version"]
    assert "Data Factory" in found.wrong
    assert ("3.x.y" in found.right) is (cloud == "local")


@pytest.mark.parametrize("name", ["flink", "Data-Factory", "a.b", "a/b", "a_b", "-a", "1a", "a--b", "x" * 41, "''"])
def test_names_that_no_principal_can_have_are_refused(tmp_path: Path, name: str) -> None:
    found = problems(tmp_path, f"principals: {{{name}: {{role: Reader}}}}")
    assert any("no name that a principal can have" in problem.wrong for problem in found.values())


@pytest.mark.parametrize(("one", "other"), [("ci", "CI"), ("airflow", "Airflow"), ("ci", "Flink-API")])
def test_principals_whose_names_differ_in_case_only_are_refused(tmp_path: Path, one: str, other: str) -> None:
    found = problems(tmp_path, f"principals: {{{one}: {{role: Reader}}, {other}: {{role: Reader}}}}")
    assert (
        "in case only" in found[f"principals.{other}"].wrong
        or "same vault secret" in found[f"principals.{other}"].wrong
    )


def test_a_credential_that_goes_nowhere_is_refused(tmp_path: Path) -> None:
    nowhere = "principals: {ci: {role: Reader, variables_prefix: ''%s}}"
    assert "goes nowhere" in problems(tmp_path, nowhere % "")["principals.ci"].wrong
    loaded(tmp_path, nowhere % ", secrets: [ci]")


def test_two_jars_at_one_place_are_refused(tmp_path: Path) -> None:
    jar(tmp_path / "other.jar")
    found = problems(tmp_path, "jars: [other.jar, {jar: other.jar, directory: lib}, job.jar, other.jar]")
    assert "the job's jar" in found["jars[2]"].wrong
    assert "number 1 of jars" in found["jars[3]"].wrong
    assert len(found) == 2


def test_every_jar_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "empty.jar").touch()
    found = problems(tmp_path, "jars: [empty.jar, {jar: none.jar}]")
    assert (found["jars[0]"].wrong, found["jars[1]"].wrong) == ("is an empty file", "does not exist")


def test_an_entry_class_is_in_the_jar_or_in_a_jar_within_or_flinks_own(tmp_path: Path) -> None:
    written = "{jar: job.jar, entry_class: %s}"
    found = problems(tmp_path, job=written % "org.example.Jib")
    assert [*found] == ["job.entry_class"]
    assert found["job.entry_class"].wrong == "org.example.Jib is not in job.jar"
    loaded(tmp_path, job=written % "org.apache.flink.client.python.PythonDriver")
    with zipfile.ZipFile(tmp_path / "job.jar", "a") as archive:
        archive.writestr("lib/more.jar", "")
    loaded(tmp_path, job=written % "org.example.Jib")
    assert not lacks_class(tmp_path / "none.jar", "org.example.Job")  # which is another mistake


def test_a_misspelt_location_is_refused_and_one_that_could_be_new_is_not(tmp_path: Path) -> None:
    assert problems(tmp_path, location="westeurpoe")["location"].right == "did you mean westeurope?"
    assert problems(tmp_path, location="usgovvirgina", cloud="usgovernment")["location"].right.endswith("virginia?")
    for new in ("westus4", "newzealandsouth", "atlantis"):
        assert loaded(tmp_path, location=new).location == new


@pytest.mark.parametrize(
    ("short", "ends"),
    [
        ("vault", "/vaults/kv-dev"),
        ("KV-dev", "/vaults/kv-dev"),
        ("storage_account", "/storageAccounts/stdev"),
        ("stdev", "/storageAccounts/stdev"),
        ("resource_group", "/resourceGroups/rg-dev"),
        ("subscription", f"/subscriptions/{SUBSCRIPTION}"),
    ],
)
def test_a_scope_may_be_short(tmp_path: Path, short: str, ends: str) -> None:
    environment = loaded(tmp_path, f"principals: {{ci: {{role: Reader, scope: {short}}}}}")
    scope = environment.principals.further["ci"].scope
    assert scope is not None
    assert scope.endswith(ends)


def test_a_short_scope_that_is_nothing_or_two_things_is_refused(tmp_path: Path) -> None:
    more = "principals: {ci: {role: Reader, scope: %s}}"
    assert "`storage_account`" in problems(tmp_path, more % "stother")["principals.ci.scope"].right
    twice = problems(tmp_path, more % "same", vault="same", resource_group="same")
    assert twice["principals.ci.scope"].wrong == "same is no part of this environment"
