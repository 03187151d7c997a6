"""Bad input: a clear error, nothing written, nothing lost, no traceback, the right exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.commands.test_lifecycle import GROUP, arm
from tests.emulator import ARM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Cli, Said

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
VERBS = ("validate", "plan", "provision", "teardown", "status", "output", "render", "graph")


def refused(cli: Cli, said: Said, code: int, *told: str) -> None:
    """It exits so, says all that, with --json in its document, too, and wrote nothing."""
    assert said.code == code, said.out + said.err
    assert not said.out or said.json()["exit_code"] == code
    assert all(words in said.err for words in told), said.err
    assert "Traceback" not in said.err
    assert "defect" not in said.err
    assert cli.writes() == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_tells_all_problems_of_a_file_at_once(cli: Cli, verb: str) -> None:
    cli.spec.update(valt="typo", variables={"a_b": "x", "a-b": "y"}, storage_account="Not_A_Name", protected="maybe")
    cli.spec["airflow"]["factroy"] = "typo"

    said = cli(verb)

    refused(cli, said, 1, "did you mean vault?", "did you mean factory?", "same vault secret", "Not_A_Name", "maybe")
    assert all(line.strip().startswith(str(cli.file)) for line in said.err.splitlines()[1:])


def test_problems_as_json_are_one_document(cli: Cli) -> None:
    cli.spec["valt"] = "typo"

    said = cli("validate", "--json")

    (problem,) = said.json()["problems"]
    assert (said.code, said.json()["valid"]) == (1, False)
    assert set(problem) == {"file", "line", "path", "wrong", "right"}
    assert (problem["path"], problem["right"]) == ("valt", "did you mean vault?")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: one\nname: two\n", "twice"),
        ("name: [\n", "is not YAML"),
        ("", "holds no fields"),
        ("- a\n- b\n", "holds no fields"),
        ("name: &a x\ncloud: *a\n", "alias"),
        ("name: \x07\n", "characters"),
    ],
)
def test_a_file_that_is_no_environment_is_told(cli: Cli, text: str, told: str) -> None:
    cli.file.write_text(text)

    refused(cli, cli.run("provision", str(cli.file)), 1, told)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vault", "a--b"),
        ("vault", "1abc"),
        ("vault", "kv-way-too-long-for-azure-to-take"),
        ("storage_account", "UPPER"),
        ("storage_account", "ab"),
        ("resource_group", "ends."),
        ("variables", {"a.b": "x"}),
        ("principals", {"airflow": {"display_name": "x" * 121}}),
    ],
)
def test_names_that_azure_refuses_are_refused_before_azure_is_asked(cli: Cli, field: str, value: Any) -> None:
    cli.spec[field] = value

    refused(cli, cli("provision"), 1, f"{cli.file}:")


def test_a_jar_that_is_not_there_is_told(cli: Cli) -> None:
    cli.spec["job"] = "nowhere.jar"

    refused(cli, cli("provision"), 1, "does not exist", "relative to the YAML file")


def test_a_jar_that_is_none_is_told(cli: Cli, tmp_path: Path) -> None:
    for name, content in {"empty.jar": b"", "text.jar": b"no zip"}.items():
        (tmp_path / name).write_bytes(content)
        cli.spec["job"] = name
        refused(cli, cli("provision"), 1, "build the jar again")
    cli.spec["job"] = "."
    refused(cli, cli("provision"), 1, "is a directory")


def test_a_jar_that_cannot_be_read_is_told(cli: Cli) -> None:
    cli.spec["job"] = {"jar": "/proc/self/mem", "entry_class": "Main"}  # a file that not even root reads from its start

    refused(cli, cli("provision"), 1, "cannot be read: Input/output error")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ unclosed", "unexpected"),
        ("{{ nobody.knows }}", "nobody"),
        ("def broken(:\n  pass\n", "compile"),
    ],
)
def test_a_dag_template_that_does_not_render_or_compile_is_told(
    cli: Cli, tmp_path: Path, template: str, told: str
) -> None:
    (tmp_path / "dag.py.j2").write_text(template)
    cli.spec["dag"] = "dag.py.j2"

    said = cli("plan")

    refused(cli, said, 1, "dag.template", "dag.py.j2:1")
    assert told in said.err or template.startswith("def")


@pytest.mark.parametrize("verb", ["plan", "provision"])
def test_a_role_that_does_not_exist_is_found_in_the_plan(cli: Cli, verb: str) -> None:
    cli.spec["principals"] = {"airflow": {"role": "Key Vault Secrets Oficer"}}

    refused(cli, cli(verb), 4, "Key Vault Secrets Oficer", "Did you mean 'Key Vault Secrets Officer'")


def test_a_cluster_that_does_not_exist_is_found_in_the_plan(cli: Cli) -> None:
    cli.spec["flink"] = cli.spec["flink"].replace("flink-cluster", "nowhere")

    refused(cli, cli("plan"), 4, "nowhere does not exist")


@pytest.fixture
def rights(cli: Cli) -> Iterator[Cli]:
    """The operator's own grants may go; the next test's reset brings them back."""
    yield cli
    cli.azure.reset()


def operator_becomes(cli: Cli, role: str | None) -> None:
    """Owner no more, on the subscription; instead that role, if any."""
    place = f"{ARM}{cli.azure.subscription}/providers/Microsoft.Authorization"
    listed = arm(cli, "GET", "/providers/Microsoft.Authorization/roleAssignments", "2022-04-01")["value"]
    owner = next(one for one in listed if one["properties"]["roleDefinitionId"].endswith(OWNER))
    if role:
        properties = {
            "roleDefinitionId": f"{cli.azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": owner["properties"]["principalId"],
            "principalType": "ServicePrincipal",
        }
        where = f"{place}/roleAssignments/11111111-1111-4111-8111-111111111111?api-version=2022-04-01"
        assert cli.azure.request("PUT", where, {"properties": properties}).status == 201
    assert cli.azure.request("DELETE", f"{ARM}{owner['id']}?api-version=2022-04-01").status == 200
    cli.forget_calls()


@pytest.mark.parametrize("verb", ["plan", "status", "teardown"])
def test_a_caller_without_any_right_is_told_which_and_who_grants_it(rights: Cli, verb: str) -> None:
    operator_becomes(rights, None)

    said = rights(verb)

    action, scope = "Microsoft.Resources/subscriptions/resourceGroups/read", f"{rights.azure.subscription}{GROUP}"
    refused(rights, said, 4, f"Missing permission: {action} on {scope}", "az role assignment create", "--role 'Reader'")


def test_a_caller_without_any_right_who_provisions_is_told_the_rights_to_write_which_include_the_reads(
    rights: Cli,
) -> None:
    operator_becomes(rights, None)

    said = rights("provision")

    action, where = "Microsoft.Resources/subscriptions/resourceGroups/write", rights.azure.subscription
    refused(rights, said, 4, f"Missing permission: {action} on {where}", "az role assignment create", "'Contributor'")
    assert "--role 'Reader'" not in said.err


def test_a_reader_may_plan_but_provisions_nothing(rights: Cli) -> None:
    operator_becomes(rights, READER)

    assert rights("plan", "--detailed-exitcode").code == 2
    for options in ((), ("--json",)):
        said = rights("provision", *options)
        refused(
            rights,
            said,
            4,
            "Missing permission: Microsoft.Resources/subscriptions/resourceGroups/write on ",
            "Missing permission: Microsoft.Authorization/roleAssignments/write on ",
            "--role 'Role Based Access Control Administrator'",
            f"--scope {rights.azure.subscription}\n",
        )


def test_a_contributor_is_told_that_grants_take_more_before_anything_is_made(rights: Cli) -> None:
    operator_becomes(rights, CONTRIBUTOR)

    said = rights("provision")

    refused(rights, said, 4, "Missing permission: Microsoft.Authorization/roleAssignments/write on ")
    assert "resourceGroups/write" not in said.err


def test_a_reader_tears_nothing_down_and_is_told(rights: Cli) -> None:
    rights.done("provision")
    operator_becomes(rights, READER)

    said = rights("teardown")

    assert said.code == 4, said.out
    assert "Missing permission: " in said.out + said.err
    assert "Traceback" not in said.out + said.err


def test_a_wrong_secret_of_the_operator_is_a_missing_right(cli: Cli) -> None:
    kept = (cli.azure.state / "operator-secret").read_text()
    try:
        (cli.azure.state / "operator-secret").write_text(f"{kept[:-1]}{'a' if kept[-1] != 'a' else 'b'}")
        said = cli("plan")
    finally:
        (cli.azure.state / "operator-secret").write_text(kept)
    assert cli.writes() == []
    assert (said.code, said.out) == (4, "")
    assert "AADSTS7000215" in said.err


PUBLIC = {"cloud": "public", "tenant": None}
NOBODY = {"HOME": "/nonexistent", "PATH": "/nonexistent", "AZURE_CONFIG_DIR": "/nonexistent"}


def public(cli: Cli, *words: str, **env: str) -> Said:
    """On `cloud: public`, behind a proxy that leads nowhere: no test may reach the real Azure."""
    cli.spec.update(PUBLIC)
    cli.spec["airflow"]["version"] = "2.6.3"
    cli.file.write_text(yaml.safe_dump({name: value for name, value in cli.spec.items() if value is not None}))
    cli.spec = yaml.safe_load(cli.file.read_text())
    dead = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
    cli.env = {**NOBODY, **dead, "NO_PROXY": "", "no_proxy": "", **env}
    verb, *options = words
    return cli.run_process(verb, str(cli.file), *options)


@pytest.mark.parametrize("verb", ["plan", "provision", "status", "output"])
def test_without_credentials_the_public_cloud_says_how_to_sign_in(cli: Cli, verb: str) -> None:
    said = public(cli, verb)

    assert (said.code, said.out) == (4, ""), said.err
    assert "Sign in with `az login`, or set AZURE_TENANT_ID" in said.err
    assert "nobody is signed in here" in said.err
    assert len(said.err) < 800


def test_credentials_that_are_incomplete_are_told(cli: Cli) -> None:
    said = public(cli, "plan", AZURE_TENANT_ID="t", AZURE_CLIENT_ID="c", AZURE_CLIENT_CERTIFICATE_PATH="/nowhere.pem")

    assert (said.code, said.out) == (4, "")
    assert "/nowhere.pem" in said.err


def test_a_teardown_in_the_public_cloud_needs_a_yes_before_it_asks_azure_anything(cli: Cli) -> None:
    said = public(cli, "teardown")

    assert (said.code, said.out) == (1, "")
    assert "--yes" in said.err
    assert public(cli, "teardown", "--yes").code == 4  # now it would sign in


def test_a_protected_environment_is_not_even_signed_in_for(cli: Cli) -> None:
    cli.spec["protected"] = True

    said = public(cli, "teardown", "--yes")

    assert (said.code, "is protected" in said.err) == (1, True)


def test_a_cloud_that_cannot_be_reached_is_told(cli: Cli) -> None:
    tenant = "5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01"
    said = public(cli, "plan", AZURE_TENANT_ID=tenant, AZURE_CLIENT_ID="c", AZURE_CLIENT_SECRET="s")

    assert (said.code, said.out) == (1, ""), said.err
    assert "got no answer" in said.err
    assert "Check the network, the proxy variables" in said.err


def test_a_journal_that_cannot_be_written_stops_nothing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file where the folder should be")

    assert cli("provision", "--only", "resource_group/flink-local").code == 0


def test_a_local_azure_without_a_folder_is_told(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "file"
    folder.write_text("no folder")
    monkeypatch.setenv("PROVISIONER_LOCAL_STATE", str(folder))

    said = cli("plan")

    assert (said.code, said.out) == (1, "")
    assert f"cannot use {folder}: File exists" in said.err
