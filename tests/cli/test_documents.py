"""What `--json` prints: one document of a published schema, also where a command ends with an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from provisioner.cli.arguments import parser
from provisioner.cli.documents_schema import DOCUMENTS, documents_schema
from tests.command_line import ROOT
from tests.documents import document_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.command_line import Cli


def verbs_with_json(one: Any, name: str = "") -> Iterator[str]:
    """Each verb that takes --json, as it is typed."""
    if "--json" in one._option_string_actions:
        yield name
    for action in one._actions:
        verbs: Any = getattr(action.choices, "items", tuple)()
        for verb, inner in verbs:
            yield from verbs_with_json(inner, f"{name} {verb}".strip())


def test_every_verb_that_takes_json_has_a_document() -> None:
    assert sorted(verbs_with_json(parser())) == sorted(DOCUMENTS)


def test_the_published_schema_is_that_of_the_documents() -> None:
    """`provisioner schema --documents > docs/documents.schema.json` writes it."""
    Draft202012Validator.check_schema(documents_schema())
    assert json.loads((ROOT / "docs/documents.schema.json").read_text()) == documents_schema()


# Compared likewise elsewhere: `run`, which needs a real Airflow and Flink (tests/verify, tests/end_to_end);
# `local status` and `local runtimes` with one that stands (tests/localazure/runtimes); `job` with one that runs
# (tests/commands).
READING = (
    ("doctor",),
    ("output",),
    ("plan",),
    ("render",),
    ("rotate", "--plan-only"),
    ("schedule", "--kind", "cron", "--directory", "/srv/provisioner"),
    ("status",),
    ("teardown", "--plan-only"),
    ("validate",),
    ("verify",),
)
# `workflow` takes no local environment: tests/cli/test_workflow.py.
WRITING = (("provision",), ("rotate", "--force"), ("teardown",))


def test_what_every_verb_prints_is_as_the_schema_says(provisioned: Cli) -> None:
    """`Cli` compares each document with the schema; here each verb prints one."""
    for words in (*READING, *WRITING):
        found = provisioned(*words, "--json").json()
        assert (found["format"], "error" not in found or found["error"] is None) == (1, True), words
    for words in (("local", "status"), ("local", "runtimes", "status")):
        assert provisioned.run(*words, "--json").json()["format"] == 1


def test_the_schema_refuses_what_no_verb_prints() -> None:
    good: dict[str, Any] = {"format": 1, "environment": "dev", "valid": True, "problems": []}
    assert document_problems("validate", good) == []
    assert document_problems("validate", {**good, "valid": "yes"})
    assert document_problems("validate", {**good, "more": 1})
    assert document_problems("plan", good)


def test_values_are_typed_and_secrets_are_none(cli: Cli) -> None:
    steps = {step["address"]: step for step in cli.done("plan", "--json").json()["steps"]}

    def new(address: str) -> dict[str, Any]:
        return {change["field"]: change["new"] for change in steps[address]["changes"]}

    assert (new("key_vault/kv-flink-local")["retention_days"], new("key_vault/kv-flink-local")["sku"]) == (
        90,
        "standard",
    )
    assert new("key_vault/kv-flink-local")["purge_protection"] is False
    assert new("client_secret/airflow")["lifetime"] == "P60D"
    runtime = {change["field"]: change for change in steps["airflow_runtime/airflow"]["changes"]}
    assert runtime["requirements"]["new"] == ["apache-airflow-providers-microsoft-azure==15.2.1"]
    secret = runtime["environment_variables.AZURE_CLIENT_SECRET"]
    assert (secret["new"], secret["known_after_apply"]) == (None, True)


@pytest.mark.parametrize(
    ("words", "code", "kind", "details"),
    [
        (("plan", "local", "--jsn", "--json"), 1, "WrongUsage", {"hint": "Did you mean"}),
        (("plan", "locl", "--json"), 1, "SpecError", {"problems": "locl"}),
        (("plan", "local", "--only", "a/b", "--json"), 1, "UnknownReference", {"target": "a/b"}),
        (("rotate", "local", "--accept-outage", "--json"), 4, "Refused", {"address": "--accept-outage"}),
        (("schedule", "local", "--kind", "cron", "--directory", "srv", "--json"), 4, "Refused", {"reason": "absolute"}),
    ],
)
def test_an_error_is_a_document_too(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, kind: str, details: dict[str, str]
) -> None:
    monkeypatch.chdir(ROOT)

    said = cli.run(*words)

    error = said.json()["error"]
    assert (said.code, said.json()["exit_code"], error["type"]) == (code, code, kind)
    assert error["message"] in said.err
    assert all(text in str(error["details"][name]) for name, text in details.items()), error


def test_several_errors_are_listed_one_by_one(cli: Cli) -> None:
    cli.spec["flink"] += "-nowhere"
    cli.spec["airflow"]["factory"] += "-nowhere"

    said = cli("plan", "--json")

    error = said.json()["error"]
    assert (said.code, error["type"]) == (4, "Refusals")
    assert {one["type"] for one in error["errors"]} == {"Refused"}
    assert len(error["errors"]) == 2


def test_a_failed_step_says_with_its_fields_what_went_wrong(cli: Cli) -> None:
    cli.azure.fault(fault="error", status=409, method="PUT", path="/vaults/[^/]*$", times=None)

    said = cli("provision", "--yes", "--json")

    (failed,) = (step for step in said.json()["steps"] if step["outcome"] == "failed")
    assert (failed["failure"]["type"], failed["failure"]["details"]["status"]) == ("Unexpected", 409)
    assert failed["failure"]["message"] == failed["error"]
