"""The loader: names and paths, every problem at once, nothing quoted that is secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from provisioner.errors import SpecError
from provisioner.spec import mistakes
from provisioner.spec.document import Document
from provisioner.spec.loader import names
from provisioner.spec.model import Environment
from tests.environment_files import LEAST, load, loaded, problems, write

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["article", "dev", "local", "prod", "self-managed"])
def test_the_shipped_environments_need_no_variable(name: str) -> None:
    assert load(name, ROOT / "environments", environ={}).name == name


@pytest.mark.parametrize(
    ("name", "pair", "secretless"),
    [
        ("article", ("data-factory", "hdinsight-aks"), False),
        ("local", ("data-factory", "hdinsight-aks"), False),
        ("dev", ("self-managed", "rest"), True),
        ("prod", ("self-managed", "rest"), True),
        ("self-managed", ("self-managed", "rest"), True),
    ],
)
def test_the_examples_are_the_articles_pair_or_targets_that_live_without_a_secret(
    name: str, pair: tuple[str, str], *, secretless: bool
) -> None:
    environment = load(name, ROOT / "environments", environ={})
    sections = (environment.airflow, environment.flink)
    assert tuple(section.model_dump()["target"] for section in sections) == pair
    assert {one.secretless for one in environment.principals_in_use.values()} == {secretless}


def test_a_name_means_a_file_of_the_folder_and_a_path_any_file(tmp_path: Path) -> None:
    file = write(tmp_path)
    assert names(tmp_path) == ["dev"]
    assert load("dev", tmp_path, environ={}).name == load(str(file), environ={}).name == "dev"
    file.rename(tmp_path / "dev.yml")
    assert load("dev", tmp_path, environ={}).name == "dev"


def test_a_file_beside_it_that_cannot_be_read_is_no_other_environment(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "broken.yaml").write_text("name: [dev")
    (tmp_path / "list.yaml").write_text("[dev]")

    assert load("dev", tmp_path, environ={}).name == "dev"


def test_a_missing_name_is_answered_with_near_ones(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(SpecError, match="did you mean dev"):
        load("dve", tmp_path)
    with pytest.raises(SpecError, match="there are: dev"):
        load("somewhere", tmp_path)
    with pytest.raises(SpecError, match="has none: `provisioner init dev` begins one"):
        load("dev", tmp_path / "nowhere")


def test_two_files_of_one_folder_are_not_one_environment(tmp_path: Path) -> None:
    file = write(tmp_path)
    other = tmp_path / "copy.yaml"
    other.write_text(file.read_text())
    with pytest.raises(SpecError, match=r"dev\.yaml:\d+: name: is the environment of copy\.yaml, too") as refused:
        load("dev", tmp_path, environ={})
    assert "give one of them another `name` or `id`" in str(refused.value)

    other.write_text(file.read_text().replace("name: dev", "name: second"))
    assert load("dev", tmp_path, environ={}).name == "dev"

    same = "id: 6f1f4b0e-6f0c-5d0b-9d0c-2f6a1b7f3a55\n"
    other.write_text(other.read_text() + same)
    file.write_text(file.read_text() + same)
    with pytest.raises(SpecError, match="id: is the environment of copy"):
        load("dev", tmp_path, environ={})


def test_every_problem_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    template = tmp_path / "dag.py.j2"
    template.write_text("x = 1\ny = {{ unknown }}\n")
    more = """\
variables:
  a_b: one
  a-b: two
  tenant_id: three
rotation: {every: 59d}
dag: dag.py.j2
waits: {grnat: 5m}"""
    found = problems(tmp_path, more, vault="k", cloud="publik", location=None, job="{jar: no.jar, parallelism: many}")
    assert {path: problem.line for path, problem in found.items()} == {
        "location": 1,
        "cloud": 2,
        "vault.name": 5,
        "job.jar": 9,
        "job.parallelism": 9,
        "variables.a-b": 12,
        "variables.tenant_id": 13,
        "rotation": 14,
        "dag.template": 15,
        "waits.grnat": 16,
    }
    assert "did you mean grant" in found["waits.grnat"].right
    assert "dag.py.j2:2" in found["dag.template"].wrong


@pytest.mark.parametrize(("role", "default"), [("airflow", "data-factory"), ("flink", "hdinsight-aks")])
def test_a_target_is_one_that_there_is(tmp_path: Path, role: str, default: str) -> None:
    section = {"airflow": "factory: fff, runtime: rrr", "flink": "pool: pool, cluster: flink"}[role]
    found = problems(tmp_path, f"{role}: {{target: nowhere, {section}}}", **{role: None})
    assert [*found] == [f"{role}.target"]
    assert (found[f"{role}.target"].wrong, found[f"{role}.target"].line) == ("'nowhere' cannot be used", 10)
    assert f"'{default}'" in found[f"{role}.target"].right


@pytest.mark.parametrize(("role", "target"), [("airflow", "data-factory"), ("flink", "hdinsight-aks")])
def test_fields_are_those_of_the_target(tmp_path: Path, role: str, target: str) -> None:
    found = problems(tmp_path, f"{role}: {{target: {target}, runtme: x, clustr: x}}", **{role: None})
    near = {"airflow": f"{role}.runtme", "flink": f"{role}.clustr"}[role]
    assert "did you mean" in found[near].right


def test_what_depends_on_something_wrong_waits_for_it(tmp_path: Path) -> None:
    more = "rotation: {every: x}\nprincipals: {airflow: {lifetime: 20d}}"
    assert [*problems(tmp_path, more)] == ["rotation.every"]
    assert [*problems(tmp_path, "principals: {airflow: {lifetime: 20d}}", job=None)] == ["job", "principals"]
    more = "rotation: {every: 58d, overlap: x}\nprincipals: {airflow: {lifetime: 20d}}"
    assert [*problems(tmp_path, more)] == ["rotation.overlap"]


@pytest.mark.parametrize(
    ("more", "path", "wrong"),
    [
        ("vault: {name: kv-dev}", "vault", "twice, first in line"),
        ("tags: [a]", "tags", "a list"),
        ("tags: x", "tags", "a text"),
        ("tags: {a: [b]}", "tags.a", "a list"),
        ("tags:", "tags", "no value"),
        ("variables: {a: {b: c}}", "variables.a", "not a text"),
        ("variables: {a: null}", "variables.a", "not a text"),
        ("waits: {grant: *x}", "waits.grant", "alias"),
        ("waits: &x {grant: 5m}", "waits", "anchor"),
        ("tags: {a: !!python/name:os.system x}", "tags.a", "tag"),
        ("dag: {schedule: [a]}", "dag.schedule", "a list"),
        ("protected: {a: b}", "protected", "fields"),
        ("nonsense: 1", "nonsense", "no field"),
        ("connections: {a: '${NO}'}", "connections.a", "the variable NO"),
        ("tags: {a: '${no way}'}", "tags.a", "begins no variable"),
        ("principals: {flink_api: [a]}", "principals.flink_api", "a list"),
        ("principals: {flink-api: {role: [a]}}", "principals.flink-api.role", "a list"),
        ("principals: {airflow: {secrets: [one, [a]]}}", "principals.airflow.secrets[1]", "a list"),
        ("principals: {airflow: {secrets: [one, {a: b}]}}", "principals.airflow.secrets[1]", "fields"),
        ("principals: {ci: {}}", "principals.ci.role", "is missing"),
        ("principals: {ci: x}", "principals.ci", "a text"),
        ("principals: {ci: {role: Reader, rotation: {evry: 1d}}}", "principals.ci.rotation.evry", "no field"),
        ("jars: job.jar", "jars", "a text"),
        ("jars: [{jar: job.jar, dir: x}]", "jars[0].dir", "no field"),
        ("jars: [{directory: x}]", "jars[0].jar", "is missing"),
        ("waits: {import_: soon}", "waits.import_", "'soon' cannot be used"),
        ("tags: {a: '${'}", "tags.a", "begins no variable"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, more: str, path: str, wrong: str) -> None:
    assert wrong in problems(tmp_path, more)[path].wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a: [", "not YAML"),
        ("a: \x01", "characters"),
        ("", "no fields"),
        ("- a", "no fields"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("a: " + "[" * 40, "too deep"),
        ("[" * 100_000, "too deep"),
        ("? [a]\n: b", "no text"),
        ("a: b\na: {" + "x: {" * 40, "too deep"),
        ("a" * (1024 * 1024 + 1), "1 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(SpecError, match=wrong):
        load(str(file))


def test_a_file_that_is_no_text_or_no_file_is_one_problem(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(SpecError, match=r"x\.yaml:2: .*not UTF-8"):
        load(str(file))
    with pytest.raises(SpecError, match="is no file"):
        load(str(tmp_path))
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(SpecError, match="is no file"):
        load(str(tmp_path / "pipe.yaml"))


def test_a_file_that_opens_but_does_not_read_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "memory.yaml").symlink_to("/proc/self/mem")  # so also for root
    with pytest.raises(SpecError, match="cannot be read"):
        load("memory", tmp_path)


def test_a_value_that_stands_in_no_file_is_not_quoted() -> None:
    found = Document("code", lines={(): 1}, data={"vault": {"name": "kv-dev"}})
    with pytest.raises(ValidationError) as caught:
        Environment.model_validate({**LEAST, "vault": {"name": "kv-dev", "retention_days": 1}})
    mistakes.report_mistakes(found, caught.value)
    assert [problem.wrong for problem in found.problems] == ["cannot be used"]


def test_variables_of_the_process_are_read_anywhere_and_escaped_by_a_second_dollar(tmp_path: Path) -> None:
    more = "variables: {a: 'x-${SECRET}-y', b: '$${SECRET} $5'}\nvault: {name: '${VAULT}', retention_days: '${DAYS}'}"
    environ = {"SECRET": "s3cret", "VAULT": "kv-other", "DAYS": "30"}
    environment = loaded(tmp_path, more, environ, vault=None)
    assert environment.variables["a"].reveal() == "x-s3cret-y"
    assert environment.variables["b"].reveal() == "${SECRET} $5"
    assert (environment.vault_name, environment.vault.retention_days) == ("kv-other", 30)


def test_text_stays_as_it_is_written(tmp_path: Path) -> None:
    environment = loaded(tmp_path, "variables: {a: 010, b: no, c: 1e3, d: 2026-01-01, e: 'null', f: !!str null}")
    assert [value.reveal() for value in environment.variables.values()] == [
        "010",
        "no",
        "1e3",
        "2026-01-01",
        "null",
        "null",
    ]


def test_no_problem_quotes_a_secret_or_an_expanded_value(tmp_path: Path) -> None:
    more = """\
variables: {a: [hunter2], b: hunter2}
connections: hunter2
tags: {'x': '${PLAIN}'}
airflow: {factory: fff, runtime: '${PLAIN}', variables_prefix: '${PLAIN}', password: {a: hunter2}}
dag: {template: '${PLAIN}', schedule: '${SHORT}'}
hunter: hunter2"""
    environ = {"PLAIN": "expanded__value", "SHORT": "qz"}
    text = "\n".join(map(str, problems(tmp_path, more, environ, vault="'${PLAIN}'", airflow=None).values()))
    assert "'${PLAIN}' cannot be used" in text
    assert "hunter2" not in text
    assert "expanded__value" not in text
    assert "qz" not in text


def test_a_problem_about_a_name_made_of_an_expanded_value_hides_it(tmp_path: Path) -> None:
    more = "variables: {a.b: x}\nairflow: {factory: fff, runtime: rrr, variables_prefix: '${PREFIX}'}"
    found = problems(tmp_path, more, {"PREFIX": "hidden-prefix"}, airflow=None)
    assert found["variables.a.b"].wrong == "would be the vault secret '…-a.b', which Key Vault refuses"
