"""The life of an environment as a person types it: provision, run, drift, rotate, upgrade, teardown.

`matrix.py` has it for each pair of targets; `make test` has a sample of it.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.emulator import ARM
from tests.end_to_end.conftest import ROOT

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Person

TEXT = ROOT / "templates/jobs/wordcount/wordcount.txt"
WORDS, TOTAL = "words", "total"  # a job with an end, and one without
BASES = {
    "data-factory": "local",
    "fabric": "fabric",
    "self-managed": "self-managed",
    "hdinsight-aks": "local",
    "rest": "flink-rest",
}
ELSEWHERE = ("which only its platform has", "it does not sign in from here")  # a worker's token: nobody else can try it
IN_THE_LAKE = "abfss://jobs@{}.dfs.core.windows.net/savepoints"  # of which the local Flink has a folder of its own
PAUSE = 20  # milliseconds between two numbers


def counted(folder: Path) -> Counter[str]:
    """What Flink wrote: a word and its count a line, in parts."""
    lines = (line for part in folder.rglob("part-*") for line in part.read_text().splitlines())
    return Counter({word: int(count) for word, count in (line.split(" ") for line in lines)})


def words() -> Counter[str]:
    """The same by Python alone; Java takes ASCII for words only."""
    return Counter(re.findall(r"\w+", TEXT.read_text().lower(), re.ASCII))


def example(name: str) -> dict[str, Any]:
    """A file of environments/."""
    return yaml.safe_load((ROOT / f"environments/{name}.yaml").read_text())


def has_both_jobs(person: Person, airflow: str, flink: str) -> None:
    """The environment's file names this pair of targets and both jobs."""
    spec = example(BASES[airflow]) | {"flink": example(BASES[flink])["flink"]}
    del spec["job"]
    jars, output = ROOT / "templates/jobs", person.file.parent
    spec["jobs"] = {
        WORDS: {"jar": f"{jars}/wordcount/wordcount.jar", "args": f"--output {output}/{{job}}"},
        TOTAL: {
            "jar": f"{jars}/runningtotal/runningtotal.jar",
            "args": ["--output", f"{output}/total", "--pause", str(PAUSE)],
            "until": "running",
            "parallelism": 1,
            "upgrade": "savepoint",
            "savepoints": f"file://{output}/states" if flink == "rest" else IN_THE_LAKE.format(spec["storage_account"]),
        },
    }
    person.file.write_text(yaml.safe_dump(spec))


def runs(person: Person, job: str) -> dict[str, Any]:
    """A run of the job's DAG, to its end."""
    ran = person.told("run", JOB=job)
    assert ran["state"] == "success", ran
    return ran


def counts_all_words(person: Person, job: str = "") -> None:
    """Run the job to its end: the result is what Python counts. job: empty for the only one."""
    ran = runs(person, job)
    assert (ran["job"]["status"], counted(Path(ran["result"]))) == ("FINISHED", words())


def is_provisioned(person: Person) -> None:
    """Everything is there."""
    person.done("provision", "--yes")
    assert person.make("plan", "--detailed-exitcode").returncode == 0


def is_verified(person: Person) -> None:
    """Each step from Airflow to the jars works, and the DAG of each job is there."""
    checks = person.told("verify")["findings"]
    assert not [one for one in checks if one["state"] != "ok" and not one["told"].endswith(ELSEWHERE)], checks
    assert {WORDS, TOTAL} <= {one["told"].rpartition("-")[2] for one in checks}, checks


def grants_in_the_lake(person: Person) -> list[str]:
    """Ids of the roles on the account or a container of it that are no role of the operator."""
    account = f"{person.azure.subscription}/resourceGroups/{person.spec['resource_group']}/providers/Microsoft.Storage"
    scope = f"{account}/storageAccounts/{person.spec['storage_account']}"
    url = f"{ARM}{scope}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01"
    found = person.azure.request("GET", url).json()["value"]
    mine = person.azure.graph("GET", f"servicePrincipals(appId='{person.azure.operator_client_id}')").json()["id"]
    return [
        one["id"]
        for one in found
        if one["properties"]["principalId"] != mine and one["properties"]["scope"].lower().startswith(scope.lower())
    ]


def drifts_and_is_repaired(person: Person) -> None:
    """Somebody takes the roles in the lake away; a plan shows it, `provision` puts them back."""
    taken = grants_in_the_lake(person)
    assert taken
    for grant in taken:
        assert person.azure.request("DELETE", f"{ARM}{grant}?api-version=2022-04-01").status == 200
    assert person.make("plan", "--detailed-exitcode").returncode == 2
    is_provisioned(person)


def key_ids(person: Person) -> set[str]:
    """Of the client secrets that the environment's applications have."""
    return {key["keyId"] for one in applications(person) for key in one["passwordCredentials"]}


def applications(person: Person) -> list[dict[str, Any]]:
    """What `az ad app list` shows of the environment."""
    found = person.azure.graph("GET", "applications").json()["value"]
    return [one for one in found if one["displayName"].startswith(f"{person.spec['name']} ")]


def rotates(person: Person) -> None:
    """Each client secret gets a successor, where there is one."""
    before = key_ids(person)
    person.done("rotate", "--force --yes")
    assert len(key_ids(person) - before) == len(before)


def totals(output: Path) -> list[tuple[int, int]]:
    """The numbers that the job has added, each with the total after it."""
    return [(int(number), int(total)) for number, total in map(str.split, output.read_text().splitlines())]


def is_upgraded(person: Person) -> None:
    """Another version of the job without end goes on where the one before it stopped: each number is added once."""
    first = runs(person, TOTAL)["job"]["id"]
    spec = person.spec
    spec["jobs"][TOTAL]["args"][-1] = str(PAUSE + 1)
    person.file.write_text(yaml.safe_dump(spec))
    person.done("provision")
    second = runs(person, TOTAL)["job"]
    assert (second["status"], second["id"] != first) == ("RUNNING", True)
    person.done("job", JOB=TOTAL, ACTION="cancel")
    added = totals(person.file.parent / "total")
    assert added == [(number, number * (number + 1) // 2) for number in range(1, len(added) + 1)]


def is_torn_down(person: Person) -> None:
    """Nothing of the environment is left, once the savepoints are deleted, which are a person's own."""
    account = f"https://{person.spec['storage_account']}.dfs.core.windows.net"
    token = person.azure.token("https://storage.azure.com")
    url, headers = f"{account}/jobs/savepoints?recursive=true", {"x_ms_version": "2023-11-03"}
    deleted = person.azure.request("DELETE", url, token=token, headers=headers)
    assert deleted.status in {200, 404}, deleted.body
    person.done("teardown", "--yes")
    assert applications(person) == []
    group = f"{ARM}{person.azure.subscription}/resourceGroups/{person.spec['resource_group']}"
    assert person.azure.request("GET", f"{group}?api-version=2022-09-01").status == 404
