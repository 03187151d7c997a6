"""`--notify`: who is told of what a scheduled run finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.claims import claims_of
from tests.emulator import ARM
from tests.webhook import PATH, webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.command_line import Cli
    from tests.webhook import Webhook


@pytest.fixture
def hook(provisioned: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with webhook() as made:
        monkeypatch.setenv("HOOK", made.url)
        provisioned.spec["notify"] = {"url": "${HOOK}"}
        yield made


def kinds(hook: Webhook) -> list[tuple[str, str, int, list[str]]]:
    return [
        (one["environment"], one["verb"], one["exit_code"], [finding["kind"] for finding in one["findings"]])
        for one in hook.posted
    ]


def test_nobody_is_told_where_nothing_is_to_be_done_or_without_the_option(provisioned: Cli, hook: Webhook) -> None:
    provisioned.done("rotate", "--yes", "--notify")
    provisioned.done("plan", "--detailed-exitcode", "--notify")
    provisioned.spec["variables"] = {}
    assert provisioned("plan", "--detailed-exitcode").code == 2
    assert hook.posted == []


def test_drift_is_told_and_the_exit_code_stays(provisioned: Cli, hook: Webhook) -> None:
    provisioned.spec["variables"] = {}

    said = provisioned("plan", "--detailed-exitcode", "--notify")

    assert said.code == 2
    assert kinds(hook) == [("local", "plan", 2, ["drift"])]
    assert hook.posted[0]["findings"][0]["text"].startswith("delete vault_secret/hdinsight-aks-variables-greeting: ")


def test_a_rotation_that_fails_is_told(provisioned: Cli, hook: Webhook) -> None:
    provisioned.azure.fault(fault="error", status=403, method="POST", path="addPassword$", times=None)

    said = provisioned("rotate", "--force", "--yes", "--notify", "--json")

    assert said.json()["error"] is None
    assert kinds(hook) == [("local", "rotate", said.code, ["rotation-failed", "rotation-failed"])]


def test_a_run_that_cannot_begin_is_told(provisioned: Cli, hook: Webhook) -> None:
    provisioned.azure.fault(fault="error", status=400, method="GET", path="/applications", times=None)

    for verb, kind in (("rotate", "rotation-failed"), ("plan", "failed")):
        assert provisioned(verb, "--notify", *(["--yes"] if verb == "rotate" else [])).code == 1
        assert kinds(hook)[-1] == ("local", verb, 1, [kind])


def test_credentials_that_end_soon_and_were_not_replaced_are_told(provisioned: Cli, hook: Webhook) -> None:
    provisioned.spec["notify"]["expiring"] = "40d"
    provisioned.azure.advance(25 * 86_400.0)  # 35 days are left, and nothing is due
    provisioned.azure.tokens.clear()

    said = provisioned.done("rotate", "--yes", "--notify")

    assert "updated" not in said.out
    assert kinds(hook) == [("local", "rotate", 0, ["credential-expiring", "credential-expiring"])]
    provisioned.done("rotate", "--force", "--yes", "--notify")
    assert len(hook.posted) == 1


def test_what_could_not_be_read_is_told(provisioned: Cli, hook: Webhook) -> None:
    azure = provisioned.azure
    vault = f"{ARM}{azure.subscription}/resourceGroups/flink-local/providers/Microsoft.KeyVault/vaults/kv-flink-local"
    grants = f"{vault}/providers/Microsoft.Authorization/roleAssignments"
    caller = claims_of(azure.token())["oid"]
    for grant in azure.request("GET", f"{grants}?api-version=2022-04-01").json()["value"]:
        if grant["properties"]["principalId"] == caller and grant["properties"]["scope"].endswith("kv-flink-local"):
            azure.request("DELETE", f"{ARM}{grant['id']}?api-version=2022-04-01")

    said = provisioned("plan", "--detailed-exitcode", "--notify")

    assert (said.code, kinds(hook)) == (5, [("local", "plan", 5, ["failed"])])


def test_a_webhook_that_takes_nothing_is_named_without_its_address(provisioned: Cli, hook: Webhook) -> None:
    hook.status = 404
    provisioned.spec["variables"] = {}

    said = provisioned("plan", "--detailed-exitcode", "--notify", "--debug")

    assert said.code == 2
    assert "local: the webhook of `notify` failed: it answered 404" in said.err
    assert PATH not in said.out + said.err


@pytest.mark.parametrize("url", ["http://example.com/x", "ftp://example.com", "https://exa mple.com"])
def test_what_is_no_address_of_a_webhook_is_refused_without_showing_it(cli: Cli, url: str) -> None:
    cli.spec["notify"] = {"url": url}

    said = cli("validate")

    assert (said.code, "notify.url" in said.err) == (1, True)
    assert "${VARIABLE}" in said.err
    assert url not in said.err


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_the_format_is_the_one_of_the_spec(provisioned: Cli, hook: Webhook, form: str) -> None:
    provisioned.spec |= {"variables": {}, "notify": {"url": "${HOOK}", "format": form}}
    provisioned("plan", "--notify")
    (posted,) = hook.posted
    assert ("blocks" in posted, "attachments" in posted) == (form == "slack", form == "teams")
