"""Which key Airflow's workers use, as runs of the probe DAG tell it; real ones are in tests/rotation/test_in_use.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cloud.clients.airflow import DagRun
from provisioner.key_probe import Publication, usage_of, usage_so_far
from provisioner.kinds.airflow_runtime import KIND, Probe
from provisioner.model import AirflowApi, AirflowSignIn, Usage
from tests.kinds.factories import CREDENTIAL, create, example, read, update

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

SIGN_IN = AirflowSignIn(way="entra", scope="https://management.azure.com/.default")
API = AirflowApi(version="2.6.3", right="a role", setting="api_scope", sign_in=SIGN_IN)
PROBE = Probe(dag_id="A_key_probe", api=API)


def test_who_uses_a_key_is_asked_only_where_one_before_it_may_be_in_use(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure, probe=PROBE))
    assert read(cloud, example(azure, probe=PROBE)).usage is None
    update(cloud, example(azure, probe=PROBE, key_id="key-2"))
    cloud.session.reads.new_pass()

    observed = read(cloud, example(azure, probe=PROBE, key_id="key-2"))

    assert observed.usage == Usage(unknown_reason="no run of A_key_probe has shown it")
    assert KIND.holder is not None
    assert KIND.holder.holds(observed)[CREDENTIAL][0].usage == observed.usage


def test_an_airflow_that_cannot_be_asked_is_told_with_its_reason(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure, probe=PROBE))
    assert KIND.holder is not None
    assert KIND.holder.probe_usage is not None
    unknown = KIND.holder.probe_usage(cloud, read(cloud, example(azure, probe=PROBE))).unknown_reason
    assert unknown.startswith("Airflow did not answer: POST Airflow dags/A_key_probe/dagRuns answered 404")
    assert KIND.holder.probe_usage(cloud, read(cloud, example(azure))).unknown_reason == "it has no probe DAG"
    assert (
        usage_so_far(cloud, PROBE, "", Publication(key_id="key-1", since=None)).unknown_reason
        == "Airflow has no web server"
    )


def test_a_key_that_comes_back_is_asked_for_again(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure, probe=PROBE))
    for key_id in ("key-2", "key-1"):
        azure.advance(60.0)
        cloud.session.clock.refresh()
        cloud.session.reads.new_pass()
        update(cloud, example(azure, probe=PROBE, key_id=key_id, active_key_ids=("key-1", "key-2")))
    cloud.session.reads.new_pass()
    came_back = read(cloud, example(azure, probe=PROBE, key_id="key-1")).published_at
    azure.control("DELETE", "/calls")

    read(cloud, example(azure, probe=PROBE, key_id="key-1"))
    cloud.session.reads.new_pass()
    read(cloud, example(azure, probe=PROBE, key_id="key-1"))

    asked = [call["path"].rpartition("/")[2] for call in azure.control("GET", "/calls")["calls"]]
    runs = {name for name in asked if name.startswith("provisioner-key__")}
    assert runs == {f"provisioner-key__key-1__{came_back:%Y%m%dT%H%M%S}__1"}


def test_a_publication_without_a_date_has_a_run_too() -> None:
    assert Publication(key_id="key-1", since=None).run_id(2) == "provisioner-key__key-1__unknown__2"


def test_a_run_of_the_probe_shows_a_key_at_its_end_and_only_if_it_went_well(cloud: Cloud) -> None:
    ended = cloud.session.clock.decision_time()
    told = {
        state: usage_of(PROBE, "run-1", DagRun(id="run-1", state=state, conf={}, ended=ended))
        for state in ("queued", "running", "failed", "success")
    }
    named = "the run run-1 of A_key_probe"
    assert told == {
        "queued": Usage(awaited_from=named),
        "running": Usage(awaited_from=named),
        "failed": Usage(awaited_from=f"{named} (it failed; clear it there to ask again)"),
        "success": Usage(since=ended),
    }
