"""environments/fabric.yaml: a job by a real Airflow 2.10.5 of Fabric, whose credential rotates across a restart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.end_to_end.life import counts_all_words, is_provisioned, is_torn_down, key_ids, rotates
from tests.localazure.fabric.workspace import JOBS, Fabric

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Person

DAY = 86_400.0


def environment_of_airflow(person: Person) -> dict[str, str]:
    """What the scheduler that runs has in its environment."""
    (airflow,) = (one for one in person.told("local-status")["runtimes"] if one["kind"] == "airflow")
    environments = (Path(f"/proc/{pid}/environ") for pid in airflow["pids"])
    texts = (file.read_bytes().decode() for file in environments if file.exists())
    found = (dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair) for text in texts)
    return next(one for one in found if "PROVISIONER_KEY_ID" in one)


def test_a_job_runs_in_fabric_and_its_credential_rotates(in_fabric: Person) -> None:
    is_provisioned(in_fabric)
    counts_all_words(in_fabric)
    in_fabric.done("provision", "--yes --wait-dag")
    assert {one["state"] for one in in_fabric.told("verify")["findings"]} == {"ok"}
    there = environment_of_airflow(in_fabric)
    assert "AZURE_CLIENT_ID" not in there
    assert "AZURE_CLIENT_SECRET" not in there
    first = key_ids(in_fabric)

    rotates(in_fabric)
    counts_all_words(in_fabric)
    assert environment_of_airflow(in_fabric)["PROVISIONER_KEY_ID"] not in first
    in_fabric.azure.advance(1.2 * DAY)
    in_fabric.azure.tokens.clear()
    in_fabric.done("rotate", "--yes")  # the probe DAG has shown that workers use the new key
    assert not key_ids(in_fabric) & first
    counts_all_words(in_fabric)

    is_torn_down(in_fabric)
    assert Fabric(azure=in_fabric.azure)("GET", JOBS).json()["value"] == []
