"""From `make provision` and `make run` to counted words; the grant goes and comes back; what people see of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.clients.environment import environment
from tests.emulator import ARM
from tests.end_to_end import life
from tests.end_to_end.conftest import ROOT, SECONDS
from tests.end_to_end.life import counted, words

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Person

BROWSE = ROOT / "tests/clients/programs/browse.py"
PICTURES = ROOT / ".local/pictures"
GRANTS = "providers/Microsoft.Authorization/roleAssignments"
OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"  # Storage Blob Data Owner


def the_clusters_grants(person: Person) -> list[str]:
    """Ids of what lets a principal own the data of the account."""
    account = f"{person.azure.subscription}/resourceGroups/flink-local/providers/Microsoft.Storage/storageAccounts"
    scope = f"{account}/stflinklocal"
    url = f"{ARM}{scope}/{GRANTS}?api-version=2022-04-01&$filter=atScope()"
    found = person.azure.request("GET", url).json()["value"]
    here = (one for one in found if one["properties"]["scope"].lower() == scope.lower())
    return [one["id"] for one in here if one["properties"]["roleDefinitionId"].endswith(OWNER)]


def run(person: Person) -> dict[str, Any]:
    """`make run`, to its end."""
    return person.told("run")


def provision_another(person: Person) -> None:
    """Another environment on the same local Azure, with an Airflow of its own that no run here needs."""
    spec = yaml.safe_load(person.file.read_text())
    names = {"name": "other", "resource_group": "other", "vault": "kv-other", "storage_account": "stother"}
    file = person.file.with_name("other.yaml")
    file.write_text(yaml.safe_dump({**spec, **names, "airflow": {**spec["airflow"], "runtime": "airflow-other"}}))
    replace(person, file=file).done("provision", "--yes")


def the_words_that_flink_counted_are_those_of_the_text(person: Person) -> None:
    person.done("provision")
    provision_another(person)
    ran = run(person)
    assert ran["state"] == "success"
    (airflow,) = (one for one in person.told("local-status")["runtimes"] if one["kind"] == "airflow")
    assert ran["url"].startswith(f"{airflow['url']}/dags/FlinkWordCountExample/")
    assert re.fullmatch("[0-9a-f]{32}", ran["job"]["id"])
    assert ran["job"]["status"] == "FINISHED"
    assert counted(Path(ran["result"])) == words()
    person.done("verify")


def without_the_clusters_grant_a_run_fails_and_says_why(person: Person) -> None:
    taken = the_clusters_grants(person)
    assert taken
    for grant in taken:
        assert person.azure.request("DELETE", f"{ARM}{grant}?api-version=2022-04-01").status == 200
    failed = person.make("run")
    assert failed.returncode != 0
    assert "AuthorizationPermissionMismatch" in failed.stdout + failed.stderr
    assert "Traceback" not in failed.stderr


def provision_puts_it_back(person: Person) -> dict[str, Any]:
    person.done("provision")
    ran = run(person)
    assert ran["state"] == "success"
    return ran


def dashboard(flink: dict[str, Any]) -> str:
    """Where the file leads that `local status` names."""
    file = Path(flink["shown"]["dashboard"].removeprefix("file://"))
    return re.findall(r'url=(http://[^"]+/)"', file.read_text())[0]


def people_see_the_run_in_airflow_and_the_job_on_flinks_dashboard(person: Person, ran: dict[str, Any]) -> None:
    behind = {one["kind"]: one for one in person.told("local-status")["runtimes"]}
    PICTURES.mkdir(parents=True, exist_ok=True)
    airflow = f"{behind['airflow']['url']}/dags/FlinkWordCountExample/runs/{ran['run_id']}"
    flink = f"{dashboard(behind['flink'])}#/job/completed/{ran['job']['id']}/overview"
    pages = ((airflow, "text=3 Task Instances", "airflow"), (flink, "svg .node >> text=Sink", "flink"))
    asked = [word for url, wanted, name in pages for word in (url, wanted, str(PICTURES / f"{name}.png"))]
    shown = behind["airflow"]["shown"]
    python = environment("browser") / "bin" / "python"
    done = subprocess.run(
        [str(python), str(BROWSE), str(shutil.which("chromium")), shown["user"], *asked],
        input=Path(shown["password in"]).read_text(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"Success", "FINISHED"} <= set(done.stdout.split())


def test_the_job_runs(person: Person) -> None:
    """One test, for the steps share an Airflow and a Flink that take half a minute to start."""
    the_words_that_flink_counted_are_those_of_the_text(person)
    without_the_clusters_grant_a_run_fails_and_says_why(person)
    ran = provision_puts_it_back(person)
    browser = shutil.which("chromium")
    if browser:
        people_see_the_run_in_airflow_and_the_job_on_flinks_dashboard(person, ran)
    life.rotates(person)
    life.has_both_jobs(person, "data-factory", "hdinsight-aks")
    life.is_provisioned(person)
    life.counts_all_words(person, life.WORDS)
    life.is_upgraded(person)
    life.is_torn_down(person)
    if not browser:
        pytest.skip("all but the pages was seen: `make browser` installs Chromium, as root on Debian")
