"""`provisioner report`: one page that asks nobody for anything and shows no secret."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from provisioner.cli.report.elements import as_html, element, link, table
from provisioner.cli.report.runs import last_runs
from tests.command_line import ROOT
from tests.commands.test_jobs import jobs, launch

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


def drawing(page: str, title: str) -> ET.Element:
    """The SVG that has this title."""
    drawings = [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]  # noqa: S314  # our own
    (found,) = (one for one in drawings if one.findtext("title") == title)
    return found


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading, line by line."""
    text = page.partition(f"<h2>{heading}</h2>")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    body = ET.fromstring(f"<tbody>{text}</tbody>")  # noqa: S314  # our own
    return [["".join(cell.itertext()) for cell in row] for row in body]


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


def test_the_page_shows_the_dates_of_each_key_after_a_rotation(provisioned: Cli) -> None:
    provisioned.azure.advance(10 * 86_400.0)
    provisioned.azure.tokens.clear()
    provisioned.done("rotate", "--force")
    applications = provisioned.azure.graph("GET", "applications").json()["value"]
    expiry = {key["keyId"]: key["endDateTime"] for one in applications for key in one["passwordCredentials"]}

    page = provisioned.done("report").out

    credentials = {one["key_id"]: one for one in provisioned.done("status", "--json").json()["credentials"]}
    assert rows(page, "Credentials") == [
        [
            one["address"].partition("/")[2],
            one["since"][:10],
            f"{holder['address']}: {(holder['in_use'] or '')[:16] or 'not known: ' + holder['unknown_reason']}",
            f"until {one['retiring'][0]['until'][:16]}",
            f"{datetime.fromisoformat(one['since']) + timedelta(days=30):%Y-%m-%d}",
            f"{expiry[key_id][:10]}, in 59 days",
        ]
        for key_id, one in credentials.items()
        for holder in one["holders"]
    ]


def test_the_drawing_of_a_credential_marks_overlap_first_use_and_next_rotation(provisioned: Cli) -> None:
    provisioned.done("rotate", "--force", "--only", "flink-api")
    (one,) = (
        found
        for found in provisioned.done("status", "--json").json()["credentials"]
        if found["address"] == "client_secret/flink-api"
    )

    timeline = drawing(provisioned.done("report").out, "Credentials over time")

    title = f"client_secret/flink-api, key {one['key_id']}"
    (row,) = (group for group in timeline if group.findtext("title") == title)
    used, until = (date[:16].replace("T", " ") for date in (one["holders"][0]["in_use"], one["retiring"][0]["until"]))
    assert [hint.text for hint in row.iter("title")][1:] == [
        f"next rotation {one['next_rotation'][:10]}",
        f"overlap: the key before is valid until {until}",
        f"in use since {used}",
    ]
    key, overlap = row.findall("rect")
    assert (key.get("class"), overlap.findtext("title", "")[:7]) == ("kept", "overlap")
    (due, _) = (float(line.get("x1", "")) for line in row.iter("line"))
    assert span(key)[0] == span(overlap)[0] < span(overlap)[1] < due < span(key)[1]


def span(rect: ET.Element) -> tuple[float, float]:
    """Where a rectangle begins and ends, from left to right."""
    left = float(rect.get("x", ""))
    return left, left + float(rect.get("width", ""))


def arrows(graph: ET.Element) -> set[tuple[str, str]]:
    """By the edges of boxes that they join: what is needed, and what needs it."""
    boxes = [(str(box.findtext("title")).partition(":")[0], box.find("rect")) for box in graph.iter("g")]
    ends = {
        (edge, float(rect.get("y", "")) + float(rect.get("height", "")) / 2): address
        for address, rect in boxes
        if rect is not None
        for edge in span(rect)
    }
    lines = ([float(number) for number in re.findall(r"-?[\d.]+", path.get("d", ""))] for path in graph.iter("path"))
    return {(ends[line[0], line[1]], ends[line[-2], line[-1]]) for line in lines}


def test_an_arrow_leads_to_each_resource_from_all_that_it_needs_directly(cli: Cli) -> None:
    found = arrows(drawing(cli.done("report").out, "Resources, each to the right of what it needs"))

    assert ("resource_group/flink-local", "key_vault/kv-flink-local") in found
    assert ("key_vault/kv-flink-local", "caller_access/vault") in found
    greeting, secret = (f"vault_secret/hdinsight-aks-variables-{name}" for name in ("greeting", "api-secret"))
    assert {start for start, end in found if end == greeting} == {"caller_access/vault"}
    assert {start for start, end in found if end == secret} == {"caller_access/vault", "client_secret/flink-api"}
    assert {end for start, end in found if start == "client_secret/flink-api"} == {secret}


def test_the_page_says_of_each_job_whether_it_is_deployed_and_what_of_it_runs(cli: Cli) -> None:
    jobs(cli, counts={"jar": cli.spec["job"], "until": "running", "upgrade": "stateless"})
    cli.done("provision")
    name = launch(cli, "counts")
    cli.spec["jobs"]["clicks-eu"]["schedule"] = "0 7 * * *"

    clicks, counts = rows(cli.done("report").out, "Jobs")

    assert clicks == ["clicks-eu", "clicks-eu", "no", "nothing"]
    assert counts[:3] == ["counts", "counts", "yes"]
    assert re.fullmatch(rf"{name} \([0-9a-f]{{32}}\) is RUNNING", counts[3])

    cli.azure.fault(fault="error", method="GET", path="/clusters/[^/]*/jobs$", status=403, times=None)
    assert [row[3][:10] for row in rows(cli.done("report").out, "Jobs")] == ["not known:"] * 2


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
