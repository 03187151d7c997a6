"""`provisioner report`: one page that asks nobody for anything and shows no secret."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from provisioner.cli.report.elements import as_html, element, link, table
from provisioner.cli.report.runs import last_runs
from tests.command_line import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.links: dict[str, str] = {}  # by text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "a" and data.strip():
            self.links.setdefault(data, str(attributes["href"]))

    @property
    def text(self) -> str:
        return " ".join(self.words)


def test_the_page_has_all_that_is_to_be_known_of_an_environment(provisioned: Cli, tmp_path: Path) -> None:
    provisioned.spec["variables"]["greeting"] = "welcome"
    provisioned.done("provision")
    provisioned.spec["variables"]["another"] = "hush-hush"
    provisioned.azure.advance(31 * 86_400.0)
    provisioned.azure.tokens.clear()
    file = tmp_path / "report.html"

    said = provisioned.done("report", "--out", str(file))

    assert said.out == f"{file}\n"
    text = file.read_text()
    page = Page(text)
    headings = [page.text.index(one) for one in ("Resources", "Who may do what", "Credentials", "Drift", "Jobs")]
    assert headings == sorted(headings)
    assert "It differs from its file" in page.text
    assert "yes: Key Vault Secrets User is enough" in page.text
    assert "vault_secret/hdinsight-aks-variables-another" in page.text
    assert "overlap with the key before" in page.text
    last = page.text[page.text.index("Last runs") :]
    assert ("provision" in last, "1 done" in last) == (True, True)
    assert "hush-hush" not in text
    portal = [attributes["href"] for tag, attributes in page.tags if tag == "a" and attributes["href"]]
    assert any(href.startswith("https://portal.azure.com/#@") and "/vaults/" in href for href in portal)
    assert sum(tag == "svg" for tag, _ in page.tags) == 2
    assert len([1 for tag, attributes in page.tags if tag == "rect" and attributes["class"] == "kept"]) > 20


PORTAL = "https://portal.azure.com/#@5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01/resource"
FACTORY = "/providers/Microsoft.DataFactory/factories/flink-factory-local"
CLUSTER = "/providers/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
OF_A_RUNTIME = r"https://\w+\.westeurope\.airflow\.svc\.datafactory\.azure\.com/login/"
DASHBOARD = r"https://flink-cluster\.flink-pool\.westeurope\.hdinsightaks\.net/"
SESSION = r"https://sessions\.flink\.example/session-a"
OF_FABRIC = r"https://airflow-fabric\.fabric\.airflow\.svc\.datafactory\.azure\.com"


@pytest.mark.parametrize(
    ("name", "beside", "pages"),
    [
        (
            "local",
            {FACTORY, f"{FACTORY}/integrationruntimes/airflow-local", CLUSTER},
            {"airflow_runtime/airflow: web page": OF_A_RUNTIME, "flink_cluster/flink: web page": DASHBOARD},
        ),
        (
            "flink-rest",
            {FACTORY, f"{FACTORY}/integrationruntimes/airflow-rest"},
            {"airflow_runtime/airflow: web page": OF_A_RUNTIME, "flink_session/flink: REST API": SESSION},
        ),
        (
            "fabric",
            {CLUSTER},
            {"Airflow: web page": OF_FABRIC, "flink_cluster/flink: web page": DASHBOARD},
        ),
        (
            "self-managed",
            set[str](),
            {
                "Airflow: web page": r"https://self-managed\.airflow\.example",
                "flink_session/flink: REST API": SESSION,
            },
        ),
    ],
)
def test_links_lead_into_the_portal_and_to_airflow_and_flink(
    cli: Cli, name: str, beside: set[str], pages: dict[str, str]
) -> None:
    cli.spec = {**yaml.safe_load((ROOT / f"environments/{name}.yaml").read_text()), "job": cli.spec["job"]}
    cli.done("provision")

    links = Page(cli.done("report").out).links

    group = f"/subscriptions/{cli.spec['subscription']}/resourceGroups/{cli.spec['resource_group']}"
    own = {
        group,
        f"{group}/providers/Microsoft.KeyVault/vaults/{cli.spec['vault']}",
        f"{group}/providers/Microsoft.Storage/storageAccounts/{cli.spec['storage_account']}",
    }
    platform = f"/subscriptions/{cli.spec['subscription']}/resourceGroups/flink-platform"
    portal = {f"{PORTAL}{path}" for path in own | {f"{platform}{path}" for path in beside}}
    assert {href for text, href in links.items() if text.endswith(" in the portal")} == portal
    others = {text: href for text, href in links.items() if not text.endswith(" in the portal")}
    assert others.keys() == pages.keys()
    assert [href for text, href in others.items() if not re.fullmatch(pages[text], href)] == []


def test_nothing_in_the_page_makes_a_request(provisioned: Cli) -> None:
    text = provisioned.done("report").out
    page = Page(text)

    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form"} == set()
    assert [
        attributes for _, attributes in page.tags if {"src", "srcset", "action", "background"} & set(attributes)
    ] == []
    assert re.findall(r"url\(|@import", text) == []
    assert "default-src 'none'" in text


def test_the_page_of_an_environment_that_does_not_exist_yet_says_so(cli: Cli) -> None:
    page = Page(cli.done("report").out)

    assert "No principal has a client secret." in page.text
    assert "This machine has a journal of none." in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) == 1
    assert len([1 for tag, attributes in page.tags if tag == "rect" and attributes["class"] == "absent"]) > 20


def test_a_page_that_cannot_be_written_says_why(cli: Cli, tmp_path: Path) -> None:
    said = cli("report", "--out", str(tmp_path / "nowhere" / "report.html"))

    assert (said.code, "cannot be written: No such file or directory" in said.err) == (4, True)


def test_every_text_is_escaped() -> None:
    hostile = '"><script>alert(1)</script>'
    page = as_html(element("p", hostile, element("b", "x"), hostile, title=hostile))

    assert "<script>" not in page
    assert Page(page).tags == [("p", {"title": hostile}), ("b", {})]
    assert link("here", "javascript:alert(1)") == "here"
    assert table(("a",), (), "None.").text == "None."


@pytest.mark.parametrize("content", [None, "", "no json\n[]\n{}\n"])
def test_a_journal_may_be_missing_or_damaged(tmp_path: Path, content: str | None) -> None:
    journal = tmp_path / "dev.jsonl"
    if content is not None:
        journal.write_text(content)

    assert last_runs(journal) == []


def test_the_last_runs_are_the_newest_first(tmp_path: Path) -> None:
    def line(run: int, **entry: Any) -> str:
        return json.dumps({"run": f"2026-11-{run:02}T12:00:00", "verb": "provision", "by": "me@here", **entry})

    lines = [line(n, event="outcome", result="done", seconds=1.5) for n in range(1, 13)]
    (tmp_path / "dev.jsonl").write_text("\n".join([*lines, line(12, event="intent"), "{cut"]))

    runs = last_runs(tmp_path / "dev.jsonl")

    assert [run.began[:10] for run in runs] == [f"2026-11-{n:02}" for n in range(12, 2, -1)]
    assert (runs[0].results["done"], runs[0].seconds, runs[0].by) == (1, 1.5, "me@here")


def test_what_cannot_be_seen_of_a_platform_is_not_known(cli: Cli, tmp_path: Path) -> None:
    cli.spec["airflow"] = {"target": "self-managed", "version": "3.3.2"}
    cli.done("provision")
    file = tmp_path / "report.html"
    cli.done("report", "--out", str(file))
    drift = Page(file.read_text()).text.partition("Drift")[2]
    assert "Airflow's platform: not known; `airflow.url` and `airflow.api` name nobody" in drift
    assert "None." in drift.partition("Jobs")[0]
