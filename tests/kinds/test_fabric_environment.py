"""What the Airflow of a Fabric job runs with: set beside what others have set, read, rotated, taken out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.errors import NotFound, NotYetVisible, Refused, Unexpected, UnknownReference
from provisioner.key_probe import Probe
from provisioner.kind import Verdict
from provisioner.kinds import application, client_secret
from provisioner.kinds.fabric_environment import KIND, FabricEnvironment, worker_variables
from provisioner.kinds.fabric_environment.decide import MOST_RUNS
from provisioner.model import Address, AirflowApi, AirflowSignIn, KeyReference, Proof, Published
from provisioner.secret import Secret
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, make_vault, put
from tests.kinds.fabric import adopted, changes, read, view
from tests.kinds.fabric import settings as stored
from tests.kinds.lifecycle import Example
from tests.localazure.fabric.workspace import Fabric

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.transport.waits import Wait
    from tests.emulator import LocalAzure

BACKEND, KWARGS = "AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"
PACKAGE = "apache-airflow-providers-microsoft-azure"
CREDENTIAL = Address("client_secret", "airflow")
SECRET = "the-first-secret-text"
THEIRS = {"environmentVariables": {"THEIRS": "value"}, "airflowConfigurationOverrides": {"AIRFLOW__CORE__X": "1"}}


def declare(azure: LocalAzure, **more: Any) -> FabricEnvironment:
    fields: dict[str, Any] = {
        "job": more.pop("job", None) or adopted(azure),
        "name": "airflow-dev",
        "backend": "a.b.AzureKeyVaultBackend",
        "arguments": {"vault_url": "https://kv.vault.azure.net/", "tenant_id": "the-tenant"},
        "client_id": "the-client",
        "client_secret": Secret(SECRET),
        "requirement": f"{PACKAGE}==12.8.1",
        "newest": f"{PACKAGE}==12.8.1",
        "always_on": False,
        "vault_id": f"{azure.subscription}/resourceGroups/rg-kinds/providers/Microsoft.KeyVault/vaults/kv-kinds",
        "credential": CREDENTIAL,
        "key_id": "key-1",
        "environment": ENVIRONMENT,
    }
    return FabricEnvironment(**{**fields, **more})


EXAMPLE = Example(
    declare=declare,
    change=lambda _azure, desired: replace(desired, key_id="key-2", client_secret=Secret("the-second-text")),
)


def create(cloud: Cloud, desired: FabricEnvironment) -> Any:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return read(cloud, KIND, desired)


def kwargs(azure: LocalAzure) -> dict[str, str]:
    return json.loads(stored(azure, adopted(azure))["airflowConfigurationOverrides"][KWARGS])


def status(azure: LocalAzure) -> str:
    return str(Fabric(azure=azure)("GET", f"/v1{adopted(azure)}/environment?beta=true").json()["status"])


def test_what_others_have_set_stays_beside_it(cloud: Cloud, azure: LocalAzure) -> None:
    job = adopted(azure, **THEIRS)
    triggerers = {"triggerers": "Enabled"}
    assert Fabric(azure=azure)("POST", f"/v1{job}/environment/updateSettings?beta=true", triggerers).status == 202
    Fabric(azure=azure)("POST", f"/v1{job}/environment/deployRequirements?beta=true", b"pandas==2.2.3\nnumpy\n")
    desired = declare(azure)
    assert {forces for _, forces in changes(cloud, KIND, desired)} == {"update"}
    observed = create(cloud, desired)
    assert changes(cloud, KIND, desired) == []
    assert (observed.owned, observed.managed_keys) == (False, True)
    there = stored(azure, job)
    assert there["environmentVariables"].items() >= THEIRS["environmentVariables"].items()
    assert there["environmentVariables"]["PROVISIONER_KEY_ID"] == "key-1"
    assert there["airflowConfigurationOverrides"].items() >= THEIRS["airflowConfigurationOverrides"].items()
    assert kwargs(azure) == {**desired.arguments, "client_id": "the-client", "client_secret": SECRET}
    assert observed.found.libraries == {"pandas": "2.2.3", "numpy": "", PACKAGE: "12.8.1"}
    assert observed.found.triggerers == "Enabled"
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    assert stored(azure, job) == THEIRS
    assert read(cloud, KIND, desired).found.libraries == {"pandas": "2.2.3", "numpy": ""}


def test_no_value_of_it_can_be_printed(cloud: Cloud, azure: LocalAzure) -> None:
    observed = create(cloud, declare(azure))
    shown = f"{observed} {observed.found} {declare(azure)} {KIND.diff(declare(azure), observed, view(cloud))}"
    assert SECRET not in shown
    assert "the-client" not in f"{observed} {observed.found}"


def test_one_that_stands_still_is_started_first_and_a_starter_pool_may_stand_still(
    cloud: Cloud, azure: LocalAzure
) -> None:
    job = adopted(azure)
    desired = declare(azure)
    create(cloud, desired)
    assert Fabric(azure=azure)("POST", f"/v1{job}/environment/stop?beta=true").status == 202
    assert changes(cloud, KIND, desired) == []
    assert changes(cloud, KIND, replace(desired, always_on=True)) == [("status", "update")]
    create(cloud, replace(desired, always_on=True))
    assert status(azure) == "Started"


def test_a_start_that_takes_a_while_is_waited_for_and_the_wait_is_shown(cloud: Cloud, azure: LocalAzure) -> None:
    said: list[Wait] = []
    cloud.session.waits.report = said.append
    job = adopted(azure)
    Fabric(azure=azure)("POST", f"/v1{job}/environment/stop?beta=true")
    Fabric(azure=azure).settings(start_seconds=0.5, rollout_seconds=0.3)
    create(cloud, declare(azure))
    assert status(azure) == "Started"
    assert any("start" in one.what for one in said), said


def test_one_that_failed_is_a_persons(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    Fabric(azure=azure).settings(state="Failed")
    observed = read(cloud, KIND, desired)
    assert KIND.preflight.ready is not None
    first, *_ = KIND.preflight.ready(cloud, desired, observed)
    assert (first.verdict, first.what) == (Verdict.STOPS, "its state is Failed")
    with pytest.raises(Unexpected, match=r"its state is Failed\. Look at the job in Fabric"):
        create(cloud, desired)
    assert KIND.proofs.written is not None
    assert KIND.proofs.written(cloud, desired, observed, Published(), None) is Proof.NOT_YET


def test_one_that_does_not_come_up_in_time_is_told(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    Fabric(azure=azure).settings(state="Starting")
    cloud.session.waits.limits = replace(cloud.session.waits.limits, operation_seconds=0.3)
    with pytest.raises(NotYetVisible, match="Airflow in Fabric to start"):
        create(cloud, desired)


def test_a_key_that_somebody_else_has_set_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure, airflowConfigurationOverrides={BACKEND: "their.Backend", KWARGS: "no JSON"})
    desired = declare(azure)
    assert [one for one in changes(cloud, KIND, desired) if one[1] == "refuse"] == [
        (BACKEND, "refuse"),
        (KWARGS, "refuse"),
    ]
    with pytest.raises(Refused, match=f"{BACKEND} is set by somebody else"):
        create(cloud, desired)
    adopted(azure, airflowConfigurationOverrides={BACKEND: desired.backend, KWARGS: "[1]"})
    assert (KWARGS, "refuse") in changes(cloud, KIND, desired)
    assert (BACKEND, "refuse") not in changes(cloud, KIND, desired)


def test_a_setting_that_goes_before_ours_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure, environmentVariables={BACKEND: "their.Backend"})
    assert (BACKEND, "refuse") in changes(cloud, KIND, declare(azure))


def test_what_had_the_declared_value_before_is_not_taken_out(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    adopted(azure, airflowConfigurationOverrides={BACKEND: desired.backend})
    job = adopted(azure)
    Fabric(azure=azure)("POST", f"/v1{job}/environment/deployRequirements?beta=true", desired.requirement.encode())
    observed = create(cloud, desired)
    assert observed.managed_settings == {KWARGS}
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    assert stored(azure, job)["airflowConfigurationOverrides"] == {BACKEND: desired.backend}
    assert read(cloud, KIND, desired).found.libraries == {PACKAGE: "12.8.1"}
    KIND.delete(cloud, observed)


def test_a_hidden_value_of_others_is_not_replaced_by_its_mask(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure, **THEIRS)
    desired = declare(azure)
    observed = create(cloud, desired)
    Fabric(azure=azure).settings(mask_variables=["THEIRS"])
    assert changes(cloud, KIND, desired) == []
    assert ("THEIRS", "refuse") in changes(cloud, KIND, replace(desired, key_id="key-2"))
    assert KIND.delete is not None
    with pytest.raises(Refused, match="Fabric hides THEIRS"):
        KIND.delete(cloud, observed)
    Fabric(azure=azure).settings(mask_variables=["PROVISIONER_KEYS"])
    assert changes(cloud, KIND, desired)[0] == ("PROVISIONER_KEYS", "refuse")


def test_a_hidden_credential_is_not_read_and_can_be_replaced(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    create(cloud, desired)
    hidden = {**stored(azure, adopted(azure))["airflowConfigurationOverrides"], KWARGS: "**********"}
    adopted(azure, airflowConfigurationOverrides=hidden)
    observed = read(cloud, KIND, desired)
    assert KIND.holder is not None
    (reference,) = KIND.holder.holds(observed)[CREDENTIAL]
    assert not reference.readable
    names = (KWARGS, "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
    assert worker_variables(observed) == dict.fromkeys(names)
    assert changes(cloud, KIND, desired) == []
    other = replace(desired, backend="c.d.Backend")
    assert (KWARGS, "refuse") in changes(cloud, KIND, other)
    second = replace(desired, key_id="key-2", client_secret=Secret("the-second-text"))
    assert changes(cloud, KIND, second) == [("PROVISIONER_KEY_ID", "update")]
    create(cloud, second)
    assert kwargs(azure)["client_secret"] == "the-second-text"


def test_a_new_key_is_published_beside_the_one_before(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, declare(azure))
    rotated = declare(azure, key_id="key-2", client_secret=Secret("the-second-text"), active_key_ids=("key-1",))
    assert changes(cloud, KIND, rotated) == [("PROVISIONER_KEY_ID", "update")]
    observed = create(cloud, rotated)
    assert changes(cloud, KIND, rotated) == []
    assert KIND.holder is not None
    now, before = KIND.holder.holds(observed)[CREDENTIAL]
    assert (now.key_id, now.readable, now.current, before.key_id, before.current) == (
        "key-2", True, True, "key-1", False
    )  # fmt: skip
    assert now.since is not None
    assert now.settled == now.since + timedelta(hours=1)
    assert KIND.holder.reveal(cloud, observed, "key-2").reveal() == "the-second-text"
    with pytest.raises(NotFound):
        KIND.holder.reveal(cloud, observed, "key-1")
    gone = create(cloud, replace(rotated, key_id="key-3", active_key_ids=()))
    assert gone.previous_key_ids == ("key-2", "key-1")  # the newest may not be listed yet


def test_a_secret_that_nobody_knows_stays_as_long_as_its_key(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, declare(azure))
    unknown = client_secret.Outputs.value.of(CREDENTIAL)
    desired = declare(azure, client_secret=unknown, backend="c.d.Backend")
    assert changes(cloud, KIND, desired) == [(BACKEND, "update")]
    create(cloud, desired)
    assert kwargs(azure)["client_secret"] == SECRET
    with pytest.raises(UnknownReference):
        create(cloud, replace(desired, key_id="key-2"))


def test_a_client_that_is_not_known_yet_is_a_change(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, declare(azure))
    client = application.Outputs.client_id.of(Address("application", "a"))
    assert changes(cloud, KIND, declare(azure, client_id=client)) == [(KWARGS, "update")]


def test_drift_is_repaired_part_by_part(cloud: Cloud, azure: LocalAzure) -> None:
    job, desired = adopted(azure), declare(azure)
    create(cloud, desired)
    deploy = f"/v1{job}/environment/deployRequirements?beta=true"
    Fabric(azure=azure)("POST", deploy, f"{PACKAGE}==10.0.0".encode())
    assert changes(cloud, KIND, desired) == [(f"requirements.{PACKAGE}", "update")]
    azure.control("DELETE", "/calls")
    create(cloud, desired)
    assert changes(cloud, KIND, desired) == []
    posts = [call["path"] for call in azure.control("GET", "/calls")["calls"] if call["method"] == "POST"]
    assert not any(path.endswith("updateSettings") for path in posts)
    kept = stored(azure, job)["environmentVariables"]
    adopted(azure, environmentVariables={**kept, "PROVISIONER_KEYS": f"{ENVIRONMENT} {BACKEND} {KWARGS} OLD"})
    assert changes(cloud, KIND, desired) == [("PROVISIONER_KEYS", "update")]
    create(cloud, desired)
    assert changes(cloud, KIND, desired) == []


def test_a_job_that_another_environment_uses_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    observed = create(cloud, declare(azure, environment=OTHER))
    mine = declare(azure)
    assert ("PROVISIONER_KEYS", "refuse") in changes(cloud, KIND, mine)
    with pytest.raises(Refused, match=rf"set by environment {OTHER}.* choose another `airflow\.job`"):
        create(cloud, mine)
    assert KIND.holder is not None
    assert KIND.holder.holds(read(cloud, KIND, mine)) == {}
    assert KIND.delete is not None
    KIND.delete(cloud, read(cloud, KIND, mine))
    assert read(cloud, KIND, declare(azure, environment=OTHER)).key_id == observed.key_id


def test_without_a_date_or_a_secret_little_is_held(cloud: Cloud, azure: LocalAzure) -> None:
    job, desired = adopted(azure), declare(azure)
    create(cloud, desired)
    there = stored(azure, job)["environmentVariables"]
    adopted(azure, environmentVariables={**there, "PROVISIONER_PUBLISHED_AT": "yesterday"})
    assert KIND.holder is not None
    expected = {CREDENTIAL: (KeyReference(key_id="key-1", readable=True, unversioned=True),)}
    assert KIND.holder.holds(read(cloud, KIND, desired)) == expected
    adopted(azure, airflowConfigurationOverrides={BACKEND: desired.backend})
    assert KIND.holder.holds(read(cloud, KIND, desired)) == {}
    assert "AZURE_CLIENT_ID" not in worker_variables(read(cloud, KIND, desired))


def test_what_its_workers_sign_in_with_has_the_names_that_it_has_elsewhere(cloud: Cloud, azure: LocalAzure) -> None:
    found = worker_variables(create(cloud, declare(azure)))
    names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
    assert [value.reveal() for name in names if (value := found[name])] == ["the-tenant", "the-client", SECRET]


def test_a_teardown_waits_for_no_start_and_a_job_that_has_gone_is_fine(cloud: Cloud, azure: LocalAzure) -> None:
    job, desired = adopted(azure), declare(azure)
    observed = create(cloud, desired)
    Fabric(azure=azure)("POST", f"/v1{job}/environment/stop?beta=true")
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    assert (status(azure), stored(azure, job)["environmentVariables"]) == ("Stopped", {})
    Fabric(azure=azure)("DELETE", f"/v1{job}")
    KIND.delete(cloud, observed)
    with pytest.raises(NotFound):
        read(cloud, KIND, desired)


def test_an_operation_that_fails_says_why(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    Fabric(azure=azure).settings(operation_error="RequirementsNotInstalled")
    with pytest.raises(Unexpected, match=r"RequirementsNotInstalled.*Look at the job in Fabric"):
        create(cloud, desired)


def test_an_operation_that_takes_too_long_is_told(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    Fabric(azure=azure).settings(rollout_seconds=60.0)
    cloud.session.waits.limits = replace(cloud.session.waits.limits, operation_seconds=0.3)
    with pytest.raises(NotYetVisible, match="Fabric has not finished it after 0 s"):
        create(cloud, desired)


@pytest.mark.parametrize(("version", "verdict"), [("12.8.1", Verdict.HOLDS), ("15.2.1", Verdict.STOPS)])
def test_the_provider_is_one_that_fabrics_airflow_supports(
    cloud: Cloud, azure: LocalAzure, version: str, verdict: Verdict
) -> None:
    assert KIND.preflight.ready is not None
    (found,) = KIND.preflight.ready(cloud, declare(azure, requirement=f"{PACKAGE}=={version}"), None)
    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("network", "verdict"),
    [
        ({"publicNetworkAccess": "Disabled"}, Verdict.STOPS),
        ({"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7"}]}}, Verdict.NOTE),
    ],
)
def test_a_vault_behind_a_private_network_is_out_of_its_reach(
    cloud: Cloud, azure: LocalAzure, network: dict[str, Any], verdict: Verdict
) -> None:
    make_vault(azure)
    desired = declare(azure)
    properties = {"tenantId": azure.tenant_id, "sku": {"family": "A", "name": "standard"}, **network}
    put(azure, desired.vault_id, "2023-07-01", {"location": "westeurope", "properties": properties})
    assert KIND.preflight.ready is not None
    _, found = KIND.preflight.ready(cloud, desired, read(cloud, KIND, desired))
    assert (found.verdict, found.about) == (verdict, "key_vault/kv-kinds")
    assert "has no private network" in found.what


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        ((), "Airflow restarts, which takes minutes"),
        (("count 0", "count 1"), "and interrupts count 0, count 1"),
        (tuple(f"count {one}" for one in range(MOST_RUNS + 2)), "count 4 and 2 more"),
        (None, "(whether DAG runs are under way is not known)"),
    ],
)
def test_a_change_names_the_dag_runs_that_it_interrupts(
    cloud: Cloud, azure: LocalAzure, runs: tuple[str, ...] | None, says: str
) -> None:
    create(cloud, declare(azure))
    rotated = declare(azure, key_id="key-2")
    (change,) = KIND.diff(rotated, replace(read(cloud, KIND, rotated), runs=runs), view(cloud))
    assert change.reason.startswith("Airflow signs in with another secret; ")
    assert change.reason.endswith(says)


def test_who_runs_and_which_key_is_in_use_is_asked_of_its_airflow(cloud: Cloud, azure: LocalAzure) -> None:
    asked = {"probe": probe(), "web_url": "https://airflow-dev.fabric.airflow.svc.datafactory.azure.com"}
    assert create(cloud, declare(azure)).runs is None
    assert create(cloud, declare(azure, **asked)).runs == ()
    observed = create(cloud, declare(azure, key_id="key-2", active_key_ids=("key-1",), **asked))
    assert observed.usage.unknown_reason == "no run of probe has shown it"
    assert KIND.holder is not None
    assert KIND.holder.probe_usage is not None
    assert KIND.holder.probe_usage(cloud, observed).unknown_reason.startswith("Airflow did not answer: POST")
    assert KIND.holder.probe_usage(cloud, replace(observed, probe=None)).unknown_reason == "it has no probe DAG"
    elsewhere = {**asked, "web_url": "https://nobody.fabric.airflow.svc.datafactory.azure.com"}
    assert read(cloud, KIND, declare(azure, **elsewhere)).runs is None
    Fabric(azure=azure)("POST", f"/v1{observed.job}/environment/stop?beta=true")
    assert read(cloud, KIND, declare(azure, **asked)).runs == ()


def probe() -> Probe:
    sign_in = AirflowSignIn(way="entra", scope="5d13f7d7-0567-429c-9880-320e9555e5fc/.default")
    return Probe(dag_id="probe", api=AirflowApi(version="2.10.5", right="a role", setting="airflow", sign_in=sign_in))
