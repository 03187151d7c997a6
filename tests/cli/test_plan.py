"""`provisioner plan` and saved plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.test_lifecycle import secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.command_line import Cli, Said

ACTIONS = {"keep", "create", "update", "replace", "rotate", "delete", "defer"}
DOCUMENT = {"format", "environment", "steps", "summary", "digest"}
STEP = {"address", "action", "changes", "waits_on"}
MORE = {"reason", "remains", "access", "origin"}  # where there is something to say
OF_OUTCOMES = {"note", "failure"}  # likewise, once steps were done
MORE_OF_CHANGES = {"known_after_apply", "secret", "diff"}
CHANGE = {"field", "before", "after", "reason", "old", "new"}


def check_document(said: Said, *more: str) -> dict[str, Any]:
    """The one document that the issue describes, and nothing beside it on standard output."""
    found = said.json()
    assert DOCUMENT <= set(found) <= DOCUMENT | {"credentials", "error"}
    assert set(found["summary"]) >= ACTIONS
    wanted, allowed = STEP | set(more), MORE | (OF_OUTCOMES if more else set[str]())
    for step in found["steps"]:
        assert wanted <= set(step) <= wanted | allowed, step
        assert step["action"] in ACTIONS
        assert all(
            CHANGE <= set(change) <= CHANGE | {"known_after_apply", "secret", "diff"} for change in step["changes"]
        )
    return found


def test_a_plan_as_json_is_one_document(cli: Cli) -> None:
    found = check_document(cli.done("plan", "--json"))

    assert found["environment"] == "local"
    assert found["summary"]["create"] == 26
    assert len(found["digest"]) == 64
    assert cli.writes() == []


def test_a_plan_counts_every_action(provisioned: Cli) -> None:
    provisioned.spec["variables"] = {"another": "value"}
    provisioned.spec["tags"] = {"team": "data"}

    found = check_document(provisioned.done("plan", "--json"))

    counts: dict[str, int] = {}
    for step in found["steps"]:
        counts[step["action"]] = counts.get(step["action"], 0) + 1
    assert counts == {name: n for name, n in found["summary"].items() if n}
    assert {"create", "update", "delete", "keep"} <= set(counts)


def test_a_plan_says_what_changes_from_what_to_what_but_no_secret(provisioned: Cli) -> None:
    provisioned.spec["variables"]["greeting"] = "hush-hush"
    provisioned.spec["tags"] = {"team": "data"}

    text = provisioned.done("plan")

    assert "~ update resource_group/flink-local" in text.out
    assert "tags.team: (none) → data" in text.out
    assert "~ update vault_secret/hdinsight-aks-variables-greeting" in text.out
    assert "hush-hush" not in text.out + provisioned.done("plan", "--json").out


def test_a_plan_shows_arguments_of_the_secrets_backend_as_a_unified_diff(provisioned: Cli) -> None:
    provisioned.spec["airflow"]["variables_prefix"] = "other-variables"

    text, markdown = (provisioned.done("plan", *more).out for more in ((), ("--markdown",)))

    for line in (
        "--- AIRFLOW__SECRETS__BACKEND_KWARGS (Azure)",
        '-variables_prefix: "hdinsight-aks-variables"',
        '+variables_prefix: "other-variables"',
    ):
        assert f"      {line}\n" in text
        assert f"{line}\n" in markdown


def test_the_exit_code_tells_of_changes_only_when_asked(provisioned: Cli) -> None:
    assert provisioned("plan", "--detailed-exitcode").code == 0
    provisioned.spec["variables"]["greeting"] = "another"

    assert provisioned("plan").code == 0
    assert provisioned("plan", "--detailed-exitcode").code == 2
    assert provisioned("plan", "--detailed-exitcode", "--json").code == 2


def test_a_plan_of_one_resource_holds_what_it_needs_and_no_more(cli: Cli) -> None:
    found = check_document(cli.done("plan", "--json", "--only", "filesystem/jobs"))

    assert {step["address"] for step in found["steps"]} == {
        "resource_group/flink-local",
        "storage_account/stflinklocal",
        "lock_container/lock",
        "caller_access/account",
        "filesystem/jobs",
    }


def test_only_leaves_everything_else_alone(provisioned: Cli) -> None:
    provisioned.spec["variables"] = {"another": "value"}

    provisioned.done("provision", "--only", "vault_secret/hdinsight-aks-variables-another")

    assert provisioned.done("plan", "--json").actions() == {"vault_secret/hdinsight-aks-variables-greeting": "delete"}


def test_only_takes_what_the_spec_no_longer_names(provisioned: Cli) -> None:
    provisioned.spec["variables"] = {"another": "value"}

    provisioned.done("provision", "--yes", "--only", "vault_secret/hdinsight-aks-variables-greeting")

    assert provisioned.done("plan", "--json").actions() == {"vault_secret/hdinsight-aks-variables-another": "create"}


def test_a_saved_plan_is_done_and_holds_no_value(provisioned: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    provisioned.spec["variables"] = {"greeting": "hush-hush", "another": "also-hushed"}
    provisioned.done("plan", "--out", str(saved))

    assert "hush" not in saved.read_text()
    done = provisioned.done("provision", "--plan", str(saved), "--json")

    assert done.actions() == {
        "vault_secret/hdinsight-aks-variables-greeting": "update",
        "vault_secret/hdinsight-aks-variables-another": "create",
    }
    assert provisioned("plan", "--detailed-exitcode").code == 0


def test_a_saved_plan_for_a_new_environment_is_done_to_the_end(cli: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    cli.done("plan", "--out", str(saved))

    cli.done("provision", "--plan", str(saved))

    assert cli("plan", "--detailed-exitcode").code == 0


def test_a_saved_plan_is_refused_once_the_state_is_another(provisioned: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    provisioned.spec["variables"]["another"] = "value"
    provisioned.done("plan", "--out", str(saved))
    secret(provisioned, "PUT", "hdinsight-aks-variables-greeting", {"value": "edited by hand"})
    provisioned.forget_calls()

    said = provisioned("provision", "--plan", str(saved))

    assert (said.code, provisioned.writes()) == (1, [])
    assert "is out of date" in said.err
    assert "vault_secret/hdinsight-aks-variables-greeting: update instead of keep" in said.err
    assert "plan ENV --out FILE" in said.err


def _change_the_tags(cli: Cli) -> None:
    cli.spec["tags"] = {"team": "data"}


def _change_a_variable(cli: Cli) -> None:
    cli.spec["variables"]["another"] = "changed"


def _change_the_dag(cli: Cli) -> None:
    cli.spec["dag"] = {"schedule": "0 6 * * *"}


def _change_the_jar(cli: Cli) -> None:
    jar = Path(cli.spec["job"])
    jar.write_bytes(jar.read_bytes() + b"changed")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_change_the_tags, "resource_group/flink-local: what would be written has changed"),
        (_change_a_variable, "vault_secret/hdinsight-aks-variables-another"),
        (_change_the_dag, "dag_file/airflow/dags/flink_wordcount.py: what would be written has changed"),
        (_change_the_jar, "job_jar/jobs/job.jar: what would be written has changed"),
    ],
)
def test_a_saved_plan_is_refused_once_the_file_or_what_it_names_is_another(
    cli: Cli, tmp_path: Path, change: Callable[[Cli], None], named: str
) -> None:
    saved, jar = tmp_path / "saved.json", tmp_path / "job.jar"
    jar.write_bytes(Path(cli.spec["job"]).read_bytes())
    cli.spec["job"] = str(jar)
    cli.spec["variables"]["another"] = "value"
    cli.done("plan", "--out", str(saved))
    change(cli)

    said = cli("provision", "--plan", str(saved))

    assert (said.code, cli.writes()) == (1, [])
    assert named in said.err


def test_a_saved_plan_names_the_variable_that_has_another_value_but_no_value(provisioned: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    provisioned.spec["variables"]["another"] = "was-hushed"
    provisioned.done("plan", "--out", str(saved))
    provisioned.spec["variables"]["another"] = "is-hushed"

    said, document = (provisioned("provision", "--plan", str(saved), *more) for more in ((), ("--json",)))

    assert (said.code, document.code, provisioned.writes()) == (1, 1, [])
    named = "vault_secret/hdinsight-aks-variables-another: its secret value (a variable, a connection or a ${VAR})"
    assert f"{named} has changed" in said.err
    assert named in document.out
    assert "hushed" not in said.out + said.err + document.out + document.err


def test_a_saved_plan_is_for_the_eyes_of_its_owner(cli: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    saved.touch(mode=0o644)
    cli.done("plan", "--out", str(saved))

    assert saved.stat().st_mode & 0o777 == 0o600


def test_a_saved_plan_is_refused_when_done_already(provisioned: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    provisioned.spec["variables"]["another"] = "value"
    provisioned.done("plan", "--out", str(saved))
    provisioned.done("provision", "--plan", str(saved))

    assert provisioned("provision", "--plan", str(saved)).code == 1


def test_a_saved_plan_remembers_what_it_was_limited_to(provisioned: Cli, tmp_path: Path) -> None:
    saved, address = tmp_path / "saved.json", "vault_secret/hdinsight-aks-variables-another"
    provisioned.spec["variables"].update(another="value", third="value")
    provisioned.done("plan", "--out", str(saved), "--only", address)

    provisioned.done("provision", "--plan", str(saved))

    assert provisioned.done("plan", "--json").actions() == {"vault_secret/hdinsight-aks-variables-third": "create"}


def test_a_saved_plan_is_for_its_own_environment(cli: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    cli.done("plan", "--out", str(saved))
    cli.spec["name"] = "other"

    said = cli("provision", "--plan", str(saved))

    assert (said.code, cli.writes()) == (1, [])


@pytest.mark.parametrize("content", [None, "", "not json", "{}", "[]", json.dumps({"digest": 3})])
def test_a_file_that_is_no_saved_plan_is_refused_in_a_sentence(cli: Cli, tmp_path: Path, content: str | None) -> None:
    saved = tmp_path / "saved.json"
    if content is not None:
        saved.write_text(content)

    said = cli("provision", "--plan", str(saved))

    assert (said.code, cli.writes()) == (1, [])
    assert "plan ENV --out FILE" in said.err


def test_a_plan_that_cannot_be_saved_says_why(cli: Cli, tmp_path: Path) -> None:
    said = cli("plan", "--out", str(tmp_path / "nowhere" / "saved.json"))

    assert said.code == 1
    assert "cannot be written: No such file or directory" in said.err


def test_a_service_that_turns_calls_away_is_asked_for_as_long_as_the_spec_says(cli: Cli) -> None:
    cli.azure.fault(fault="throttle", host="^management", retry_after=30, times=None)
    cli.spec["waits"] = {"throttle": "1s"}

    said = cli("plan")

    assert (said.code, "429" in said.err) == (1, True)
    began = [call["began_ms"] for call in cli.azure.control("GET", "/calls")["calls"] if call["status"] == 429]
    assert 0 <= max(began) - min(began) < 30_000  # it has asked nobody a second time after so long
