"""Airflow's settings in a runtime that we make, and in one that others made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import Conflict, NotFound, Refused, UnknownReference
from provisioner.kinds import application, client_secret
from provisioner.kinds.airflow_runtime import KIND, Outputs
from provisioner.model import Address, Change, KeyReference, Proof, View
from provisioner.secret import Secret
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, put
from tests.kinds.factories import (
    CREDENTIAL,
    PROVIDER,
    SECRET,
    VERSION,
    adopted,
    airflow,
    changes,
    create,
    delete,
    example,
    read,
    runtime_id,
    stands,
    update,
    variables,
)
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.kinds.airflow_runtime import AirflowRuntime
    from tests.emulator import LocalAzure


EXAMPLE = Example(
    declare=example, change=lambda azure, _desired: example(azure, key_id="key-2", overrides={"AIRFLOW__A": "b"})
)


def shown(cloud: Cloud, desired: AirflowRuntime) -> dict[str, Change]:
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    return {change.field: change for change in KIND.diff(desired, read(cloud, desired), view)}


def test_it_is_absent_then_made_then_as_declared_then_gone(cloud: Cloud, azure: LocalAzure) -> None:
    desired = example(azure)
    assert KIND.read(cloud, desired) is None
    create(cloud, desired)
    observed = read(cloud, desired)
    assert observed.owned
    assert changes(cloud, desired) == []
    assert (KIND.publish(observed, None).known()["web_url"]).startswith("https://")
    assert KIND.container is not None
    assert KIND.container.unmanaged is not None
    assert KIND.container.unmanaged(cloud, observed) == ()
    assert KIND.proofs.written is not None
    assert KIND.proofs.written(cloud, desired, observed, Outputs(), None) is Proof.USABLE
    create(cloud, desired)
    assert changes(cloud, desired) == []
    delete(cloud, observed)
    delete(cloud, observed)
    cloud.session.reads.new_pass()
    assert KIND.read(cloud, desired) is None
    assert KIND.proofs.written(cloud, desired, observed, Outputs(), None) is Proof.NOT_YET


def test_a_made_runtime_has_its_settings_as_variables_and_the_mark(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    found = variables(azure)
    assert found["AIRFLOW__SECRETS__BACKEND"] == "a.b.AzureKeyVaultBackend"
    assert found["AZURE_CLIENT_SECRET"] == SECRET
    assert found["PROVISIONER_ENVIRONMENT"] == ENVIRONMENT
    assert found["PROVISIONER_KEY_ID"] == "key-1"
    assert f"requirement:{PROVIDER}" in found["PROVISIONER_KEYS"]
    assert airflow(azure)["airflowRequirements"] == [f"{PROVIDER}==10.0.0"]


def test_no_value_of_it_can_be_printed(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    observed = read(cloud, example(azure))
    told = (
        f"{observed} {observed.runtime} {example(azure)} {list(shown(cloud, example(azure, key_id='key-2')).values())}"
    )
    assert SECRET not in told
    assert "blue-team" not in told


def test_drift_is_shown_by_name_and_repaired(cloud: Cloud, azure: LocalAzure) -> None:
    desired = example(azure)
    create(cloud, desired)
    body = {"properties": stands(azure)}
    settings = body["properties"]["typeProperties"]["airflowProperties"]
    settings["airflowEnvironmentVariables"] |= {"TEAM": "red-team"}
    del settings["airflowEnvironmentVariables"]["AZURE_CLIENT_ID"]
    settings["airflowRequirements"] = [f"{PROVIDER}==1.0", "numpy @ https://user:word@example.org/numpy.whl"]
    body["properties"]["typeProperties"]["computeProperties"]["computeSize"] = "Large"
    put(azure, runtime_id(azure), VERSION, body)
    found = shown(cloud, desired)
    assert set(found) == {"AZURE_CLIENT_ID", "TEAM", f"requirements.{PROVIDER}", "compute_size"}
    assert (found["TEAM"].before, found["TEAM"].after) == ("(secret)", "(secret)")
    assert found[f"requirements.{PROVIDER}"].before == f"{PROVIDER}==1.0"
    update(cloud, desired)
    assert changes(cloud, desired) == []
    assert variables(azure)["TEAM"] == "blue-team"
    assert airflow(azure)["airflowRequirements"][1].startswith("numpy")


def test_what_the_spec_no_longer_sets_is_taken_out(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure, requirements=(f"{PROVIDER}==10.0.0", "boto3 @ https://example.org/boto3.whl")))
    less = example(azure, overrides={}, requirements=())
    found = shown(cloud, less)
    assert found["AIRFLOW__SECRETS__BACKEND"].after is None
    assert found["requirements.boto3"].before == "(secret)"
    update(cloud, less)
    assert "AIRFLOW__SECRETS__BACKEND" not in variables(azure)
    assert airflow(azure)["airflowRequirements"] == []
    assert changes(cloud, less) == []


def test_a_missing_list_of_our_keys_is_written_again(cloud: Cloud, azure: LocalAzure) -> None:
    desired = example(azure)
    create(cloud, desired)
    body = {"properties": stands(azure)}
    body["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"].pop("PROVISIONER_KEYS")
    put(azure, runtime_id(azure), VERSION, body)
    assert changes(cloud, desired) == [("PROVISIONER_KEYS", "update")]
    update(cloud, desired)
    assert changes(cloud, desired) == []


def test_a_new_key_is_published_beside_the_one_before(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    newer = {**example(azure).environment_variables, "AZURE_CLIENT_SECRET": Secret("the-second")}
    rotated = example(azure, key_id="key-2", environment_variables=newer)
    assert changes(cloud, rotated) == [("PROVISIONER_KEY_ID", "update")]
    update(cloud, rotated)
    assert variables(azure)["AZURE_CLIENT_SECRET"] == "the-second"
    assert changes(cloud, rotated) == []
    assert KIND.holder is not None
    now, before = KIND.holder.holds(read(cloud, rotated))[CREDENTIAL]
    assert (now.key_id, now.readable, now.current) == ("key-2", True, True)
    assert (before.key_id, before.current, before.since) == ("key-1", False, now.since)
    assert now.since is not None
    assert KIND.holder is not None
    assert KIND.holder.reveal(cloud, read(cloud, rotated), "key-2").reveal() == "the-second"
    with pytest.raises(NotFound):
        KIND.holder.reveal(cloud, read(cloud, rotated), "key-1")


def test_a_client_secret_of_the_same_key_stays_as_it_is(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    unknown = client_secret.Outputs.value.of(CREDENTIAL)
    more = {**example(azure).environment_variables, "AZURE_CLIENT_SECRET": unknown, "MORE": "1"}
    desired = example(azure, environment_variables=more)
    assert ("MORE", "update") in changes(cloud, desired)
    update(cloud, desired)
    assert variables(azure)["AZURE_CLIENT_SECRET"] == SECRET
    with pytest.raises(UnknownReference):
        update(cloud, example(azure, environment_variables=more, key_id="key-2"))


def test_a_value_that_is_not_known_yet_is_a_change(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    client = {
        **example(azure).environment_variables,
        "AZURE_CLIENT_ID": application.Outputs.client_id.of(Address("application", "a")),
    }
    assert shown(cloud, example(azure, environment_variables=client))["AZURE_CLIENT_ID"].after == "(known after apply)"


def test_without_the_secret_or_a_date_little_is_held(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    body = {"properties": stands(azure)}
    settings = body["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
    settings["PROVISIONER_PUBLISHED_AT"] = "yesterday"
    put(azure, runtime_id(azure), VERSION, body)
    assert KIND.holder is not None
    assert KIND.holder.holds(read(cloud, example(azure))) == {
        CREDENTIAL: (KeyReference(key_id="key-1", readable=True, unversioned=True),)
    }
    del settings["AZURE_CLIENT_SECRET"]
    put(azure, runtime_id(azure), VERSION, body)
    assert KIND.holder.holds(read(cloud, example(azure))) == {}


def test_in_an_adopted_runtime_only_our_keys_change(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure, airflowConfigurationOverrides={"AIRFLOW__CORE__X": "1"})
    desired = example(azure, compute_size="Large")
    assert {forces for _, forces in changes(cloud, desired)} == {"update"}
    update(cloud, desired)
    assert changes(cloud, desired) == []
    assert not read(cloud, desired).owned
    assert variables(azure)["THEIRS"] == "their-value"
    assert "PROVISIONER_ENVIRONMENT" not in variables(azure)
    assert airflow(azure)["airflowRequirements"] == ["pandas==2.0.3", f"{PROVIDER}==10.0.0"]
    assert airflow(azure)["airflowConfigurationOverrides"] == {"AIRFLOW__CORE__X": "1"}
    assert stands(azure)["description"] == "of the platform team"
    assert stands(azure)["typeProperties"]["futureProperties"] == {"kept": True}
    assert stands(azure)["typeProperties"]["computeProperties"]["computeSize"] == "Small"


def test_teardown_of_an_adopted_runtime_takes_our_keys_only(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure, airflowEnvironmentVariables={"THEIRS": "their-value", "TEAM": "blue-team"})
    desired = example(azure)
    update(cloud, desired)
    delete(cloud, read(cloud, desired))
    delete(cloud, read(cloud, desired))
    assert variables(azure) == {"THEIRS": "their-value", "TEAM": "blue-team"}
    assert airflow(azure)["airflowRequirements"] == ["pandas==2.0.3"]


def test_a_key_of_others_with_another_value_is_a_conflict_unless_taken_over(cloud: Cloud, azure: LocalAzure) -> None:
    theirs = {"TEAM": "red-team", "AZURE_CLIENT_ID": "the-client", "AZURE_CLIENT_SECRET": SECRET}
    adopted(azure, airflowEnvironmentVariables=theirs, airflowRequirements=[f"{PROVIDER}==8.0.0"])
    refused = [field for field, forces in changes(cloud, example(azure)) if forces == "refuse"]
    assert refused == ["AZURE_CLIENT_SECRET", "TEAM", PROVIDER]
    desired = example(azure, take_over=("AZURE_CLIENT_SECRET", "TEAM", PROVIDER))
    assert {forces for _, forces in changes(cloud, desired)} == {"update"}
    update(cloud, desired)
    assert changes(cloud, desired) == []
    assert "AZURE_CLIENT_ID" not in variables(azure)["PROVISIONER_KEYS"]


def test_a_runtime_that_another_environment_keeps_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    update_for = example(azure, environment=OTHER)
    adopted(azure)
    update(cloud, update_for)
    assert ("PROVISIONER_KEYS", "refuse") in changes(cloud, example(azure))
    assert KIND.holder is not None
    assert KIND.holder.holds(read(cloud, example(azure))) == {}
    delete(cloud, read(cloud, example(azure)))
    assert changes(cloud, update_for) == []


@pytest.mark.parametrize(
    ("theirs", "desired", "field"),
    [
        ({"airflowVersion": "2.4.3"}, {}, "version"),
        ({"airflowConfigurationOverrides": {"TEAM": "x"}}, {}, "TEAM"),
        ({"enableAADIntegration": False, "userName": "u", "password": "word"}, {}, "password"),
        (
            {"gitSyncProperties": {"repo": "https://g/r", "gitCredentialType": "PAT", "credential": "token"}},
            {},
            "credential",
        ),
        ({"encryptedSecrets": [{"value": "*****"}]}, {}, "encryptedSecrets.0.value"),
    ],
)
def test_what_cannot_serve_is_refused(
    cloud: Cloud, azure: LocalAzure, theirs: dict[str, object], desired: dict[str, object], field: str
) -> None:
    adopted(azure, **theirs)
    assert (field, "refuse") in changes(cloud, example(azure, **desired))


def test_a_runtime_of_another_type_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    put(azure, runtime_id(azure), VERSION, {"properties": {"type": "SelfHosted"}})
    assert ("type", "refuse") in changes(cloud, example(azure))


def test_a_masked_secret_that_the_spec_supplies_goes_back(cloud: Cloud, azure: LocalAzure) -> None:
    git = {"repo": "https://g/r", "gitCredentialType": "PAT", "credential": "token"}
    adopted(azure, enableAADIntegration=False, userName="u", password="word", gitSyncProperties=git)
    desired = example(azure, supplied={"credential": Secret("token"), "password": Secret("word")})
    update(cloud, desired)
    assert changes(cloud, desired) == []
    delete(cloud, read(cloud, desired))
    assert "PROVISIONER_KEYS" not in variables(azure)


def test_git_sync_without_a_credential_hides_nothing(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure, gitSyncProperties={"repo": "https://g/r", "gitCredentialType": "None"})
    assert {forces for _, forces in changes(cloud, example(azure))} == {"update"}


def test_taking_our_keys_out_never_erases_what_azure_hides(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure)
    update(cloud, example(azure))
    body = {"properties": stands(azure)}
    body["properties"]["typeProperties"]["airflowProperties"] |= {"enableAADIntegration": False, "password": "word"}
    put(azure, runtime_id(azure), VERSION, body)
    with pytest.raises(Refused, match="password"):
        delete(cloud, read(cloud, example(azure)))


def test_where_variables_are_hidden_nothing_is_written(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure)
    update(cloud, example(azure))
    azure.control("PUT", "/settings/airflow", {"mask_variables": True})
    refused = {field for field, forces in changes(cloud, example(azure)) if forces == "refuse"}
    assert "PROVISIONER_KEYS" in refused
    with pytest.raises(Refused):
        delete(cloud, read(cloud, example(azure)))


def test_a_client_secret_that_azure_hides_is_renewed_rather_than_erased(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    azure.control("PUT", "/settings/airflow", {"mask_variables": ["AZURE_CLIENT_SECRET", "TEAM"]})
    known = example(azure).environment_variables
    hidden = {
        **known,
        "AZURE_CLIENT_SECRET": client_secret.Outputs.value.of(CREDENTIAL),
        "TEAM": client_secret.Outputs.key_id.of(CREDENTIAL),
    }
    found = shown(cloud, example(azure, environment_variables=hidden, overrides={"AIRFLOW__A": "b"}))
    place = "airflowEnvironmentVariables.{}".format
    assert "rotate --force --only airflow" in found[place("AZURE_CLIENT_SECRET")].reason
    assert "supply it" in found[place("TEAM")].reason


def test_what_others_put_into_our_runtime_keeps_it(cloud: Cloud, azure: LocalAzure) -> None:
    desired = example(azure)
    create(cloud, desired)
    body = {"properties": stands(azure)}
    body["properties"]["typeProperties"]["airflowProperties"] |= {
        "airflowRequirements": [f"{PROVIDER}==10.0.0", "pandas"],
        "gitSyncProperties": {"repo": "https://g/r", "gitCredentialType": "None"},
        "airflowConfigurationOverrides": {"AIRFLOW__CORE__X": "1"},
        "airflowEntityReferences": [{"name": "x"}],
    }
    body["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]["THEIRS"] = "1"
    put(azure, runtime_id(azure), VERSION, body)
    assert KIND.container is not None
    assert KIND.container.unmanaged is not None
    assert KIND.container.unmanaged(cloud, read(cloud, desired)) == (
        "variable THEIRS",
        "requirement pandas",
        "git sync from https://g/r",
        "override AIRFLOW__CORE__X",
        "references to other entities",
    )


def test_somebody_who_writes_at_the_same_time_loses_nothing(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure)
    observed = read(cloud, example(azure))
    adopted(azure, airflowEnvironmentVariables={"THEIRS": "newer"})
    update(cloud, example(azure), observed)
    assert variables(azure)["THEIRS"] == "newer"
    assert changes(cloud, example(azure)) == []
    observed = read(cloud, example(azure))
    put(azure, runtime_id(azure), VERSION, {"properties": stands(azure)})
    delete(cloud, observed)
    assert variables(azure) == {"THEIRS": "newer"}


def test_a_conflict_that_came_meanwhile_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure)
    observed = read(cloud, example(azure))
    adopted(azure, airflowEnvironmentVariables={"TEAM": "red-team"})
    with pytest.raises(Refused, match="TEAM"):
        update(cloud, example(azure), observed)
    with pytest.raises(Refused, match="TEAM"):
        create(cloud, example(azure))


def test_a_runtime_that_went_meanwhile_is_not_made_by_an_update(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure)
    update(cloud, example(azure))
    observed = read(cloud, example(azure))
    azure.request("DELETE", f"https://management.azure.com{runtime_id(azure)}?api-version={VERSION}")
    with pytest.raises(NotFound):
        update(cloud, example(azure, key_id="key-2"), observed)
    with pytest.raises(Conflict):
        delete(cloud, observed)


def test_a_conflict_of_another_sort_is_told(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure)
    update(cloud, example(azure))
    azure.fault(fault="error", method="PUT", path="integrationruntimes", status=409, code="Busy")
    with pytest.raises(Conflict):
        update(cloud, example(azure, key_id="key-2"))
    azure.fault(fault="error", method="PUT", path="integrationruntimes", status=409, code="Busy")
    with pytest.raises(Conflict):
        delete(cloud, read(cloud, example(azure)))


def test_without_a_pinned_provider_there_is_nothing_to_compare(cloud: Cloud, azure: LocalAzure) -> None:
    assert KIND.preflight.ready is not None
    assert list(KIND.preflight.ready(cloud, replace(example(azure), newest_provider=""), None)) == []
