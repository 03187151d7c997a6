"""A client secret: what it does to Entra, and how it decides which password is the current one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.clients.graph import Password
from provisioner.errors import NotAuthorized, NotYetVisible
from provisioner.kinds.client_secret import KIND, ClientSecret, Outputs, Passwords, Scope
from provisioner.kinds.vault_secret import VaultSecret
from provisioner.model import Action, Address, Forces, Intent, KeyReference, Node, OrphanAction, Proof, Request, View
from provisioner.secret import Secret
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, VAULT, cloud_of, make_vault, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
OLD, NEW, UNSEEN = "key-old", "key-new", "key-unseen"
DECLARED = ClientSecret(
    application_id="app",
    client_id="client",
    name="airflow",
    tenant_id="tenant",
    lifetime=timedelta(days=60),
    environment=ENVIRONMENT,
)


def passwords(**ages: timedelta) -> Passwords:
    """Passwords of these ages, each with 60 days to live; `_` in a name is `-`."""
    shown = tuple(
        Password(key_id=key.replace("_", "-"), name="ours", start=NOW - age, end=NOW - age + timedelta(days=60))
        for key, age in ages.items()
    )
    return Passwords(owned=True, application_id="app", client_id="client", name="airflow", passwords=shown)


def reference(
    key_id: str, *, age: timedelta = timedelta(days=1), readable: bool = True, current: bool = True
) -> KeyReference:
    return KeyReference(key_id=key_id, since=NOW - age, readable=readable, current=current)


def orphan_action(key_id: str, observed: Passwords, view: View) -> OrphanAction:
    assert KIND.credential is not None
    return KIND.credential.orphan_action(replace(observed, key_id=key_id), view)


def test_a_key_that_every_place_holds_stays() -> None:
    observed, view = (
        passwords(key_old=timedelta(days=1)),
        view_at(NOW, {"a": (reference(OLD),), "b": (reference(OLD),)}),
    )
    assert KIND.diff(DECLARED, observed, view) == ()
    dates = {"since": NOW - timedelta(days=1), "expires": NOW + timedelta(days=59)}
    assert {"key_id": OLD, "active_key_ids": (OLD,), **dates}.items() <= KIND.publish(observed, view).known().items()
    assert orphan_action(OLD, observed, view).action is Action.KEEP


def test_nothing_is_published_before_the_places_are_known() -> None:
    assert KIND.publish(passwords(key_old=timedelta(days=1)), None) == Outputs()


def test_a_key_that_no_place_names_is_rotated_and_goes_after_an_hour() -> None:
    observed, view = passwords(key_old=timedelta(minutes=59)), view_at(NOW, {"a": ()})
    (change,) = KIND.diff(DECLARED, observed, view)
    assert (change.forces, change.reason) == (Forces.ROTATE, "no holder has one")
    assert orphan_action(OLD, observed, view).until == NOW + timedelta(minutes=1)
    lost = passwords(key_old=timedelta(minutes=61))
    assert orphan_action(OLD, lost, view).action is Action.DELETE


def test_a_key_that_was_made_before_every_place_was_given_another_is_lost_at_once() -> None:
    observed = passwords(key_old=timedelta(minutes=3), key_new=timedelta(minutes=2))
    overtaken = view_at(NOW, {"a": (reference(NEW, age=timedelta(minutes=1)),)})
    assert orphan_action(OLD, observed, overtaken).action is Action.DELETE
    for places in ({"a": (reference(NEW, age=timedelta(minutes=5)),)}, {"a": (reference(NEW),), "b": ()}, {}):
        assert orphan_action(OLD, observed, view_at(NOW, places)).action is Action.DEFER


def test_of_two_keys_the_one_published_last_is_current_and_both_stay_while_named() -> None:
    observed = passwords(key_old=timedelta(days=30), key_new=timedelta(hours=2))
    view = view_at(NOW, {"a": (reference(NEW, age=timedelta(hours=1)),), "b": (reference(OLD),)})
    assert KIND.diff(DECLARED, observed, view) == ()
    assert KIND.publish(observed, view).known()["key_id"] == NEW
    assert orphan_action(NEW, observed, view).action is Action.KEEP
    assert orphan_action(OLD, observed, view).action is Action.KEEP


def test_a_retiring_key_stays_for_the_overlap_and_then_goes() -> None:
    observed = passwords(key_old=timedelta(days=30), key_new=timedelta(hours=2))
    older = reference(OLD, current=False)
    young = view_at(NOW, {"a": (reference(NEW, age=timedelta(hours=1)), older)})
    waiting = orphan_action(OLD, observed, young)
    assert (waiting.action, waiting.until) == (Action.DEFER, NOW + timedelta(hours=23))
    ripe = view_at(NOW, {"a": (reference(NEW, age=timedelta(hours=24)), older)})
    assert orphan_action(OLD, observed, ripe).action is Action.DELETE


def test_a_key_kept_where_it_cannot_be_read_waits_for_its_successor() -> None:
    observed = passwords(key_old=timedelta(days=30))
    view = view_at(NOW, {"a": (reference(OLD, current=False, readable=False),)})
    assert KIND.diff(DECLARED, observed, view)[0].forces is Forces.ROTATE
    assert orphan_action(OLD, observed, view).action is Action.DEFER


def test_a_place_that_was_edited_by_hand_gets_back_what_it_still_keeps() -> None:
    observed = passwords(key_old=timedelta(days=30), key_new=timedelta(days=2))
    view = view_at(NOW, {"a": (reference(NEW, current=False), reference(OLD, age=timedelta(days=9), current=False))})
    assert KIND.diff(DECLARED, observed, view) == ()
    assert KIND.publish(observed, view).known()["key_id"] == NEW
    assert orphan_action(NEW, observed, view).action is Action.KEEP


def test_a_place_that_lacks_the_key_gets_it_copied_if_another_can_be_read() -> None:
    observed = passwords(key_old=timedelta(days=1))
    assert KIND.diff(DECLARED, observed, view_at(NOW, {"a": (reference(OLD),), "b": ()})) == ()


def test_a_place_that_lacks_a_key_which_can_be_read_nowhere_makes_it_rotate() -> None:
    observed = passwords(key_old=timedelta(days=1))
    (change,) = KIND.diff(DECLARED, observed, view_at(NOW, {"a": (reference(OLD, readable=False),), "b": ()}))
    assert change.forces is Forces.ROTATE
    assert change.reason == "vault_secret/b lacks it, and no holder can reveal it"


def test_a_key_that_graph_does_not_show_yet_is_kept_for_some_minutes_only() -> None:
    observed = passwords(key_old=timedelta(days=30))
    young = view_at(NOW, {"a": (reference(UNSEEN, age=timedelta(minutes=14)),), "b": (reference(OLD),)})
    assert KIND.diff(DECLARED, observed, young) == ()
    assert KIND.publish(observed, young) == Outputs(key_id=UNSEEN)
    gone = view_at(NOW, {"a": (reference(UNSEEN, age=timedelta(minutes=16)),)})
    (change,) = KIND.diff(DECLARED, observed, gone)
    assert change.reason == "vault_secret/a names a key that Entra does not have"


def test_an_expired_key_is_rotated() -> None:
    observed, view = passwords(key_old=timedelta(days=61)), view_at(NOW, {"a": (reference(OLD),)})
    (change,) = KIND.diff(DECLARED, observed, view)
    assert (change.forces, change.reason) == (Forces.ROTATE, "it expired on 2027-02-28")
    assert orphan_action(OLD, observed, view).action is Action.DELETE


def test_a_key_that_was_tried_and_does_not_work_is_rotated() -> None:
    observed = passwords(key_old=timedelta(days=1))
    view = replace(view_at(NOW, {"a": (reference(OLD),)}), unusable_keys=frozenset({OLD}))
    (change,) = KIND.diff(DECLARED, observed, view)
    reason = "the secret in vault_secret/a is not the one that was written there"
    assert (change.forces, change.reason) == (Forces.ROTATE, reason)


def test_nothing_is_decided_while_a_place_that_may_hold_it_cannot_be_read() -> None:
    observed = passwords(key_old=timedelta(days=1))
    view = replace(view_at(NOW, {"a": ()}), unread=(Address("vault_secret", "a"),))
    assert KIND.diff(DECLARED, observed, view) == ()
    assert KIND.publish(observed, view) == Outputs()
    assert (orphan_action(OLD, observed, view).action, orphan_action(OLD, observed, view).until) == (Action.DEFER, None)


def test_teardown_takes_current_ones_too() -> None:
    observed, view = passwords(key_old=timedelta(days=1)), view_at(NOW, {"a": (reference(OLD),)})
    assert orphan_action(OLD, observed, replace(view, request=Request(intent=Intent.TEARDOWN))).action is Action.DELETE


def declare(azure: LocalAzure) -> ClientSecret:
    """Of an application with a service principal and a password that somebody else made."""
    application = azure.graph("POST", "applications", {"displayName": "dev airflow"}).json()
    azure.graph("POST", "servicePrincipals", {"appId": application["appId"]})
    azure.graph(
        "POST", f"applications/{application['id']}/addPassword", {"passwordCredential": {"displayName": "hand"}}
    )
    return replace(
        DECLARED, application_id=application["id"], client_id=application["appId"], tenant_id=azure.tenant_id
    )


def declare_with_vault(azure: LocalAzure) -> ClientSecret:
    """And with a vault that holds it."""
    make_vault(azure)
    return declare(azure)


def place(desired: ClientSecret) -> tuple[Node, ...]:
    """The vault secret that holds it."""
    credential = Address("client_secret", desired.name)
    secret = VaultSecret(
        vault=VAULT,
        name="api-secret",
        value=Outputs.value.of(credential),
        key_id=Outputs.key_id.of(credential),
        expires=Outputs.expires.of(credential),
        active_key_ids=Outputs.active_key_ids.of(credential),
        client_id=desired.client_id,
        credential=credential,
        environment=ENVIRONMENT,
    )
    return (Node(address=Address("vault_secret", "api-secret"), desired=secret),)


def remove_by_hand(azure: LocalAzure, desired: ClientSecret) -> ClientSecret:
    """Somebody removed it from the application, some time ago."""
    path = f"applications/{desired.application_id}"
    for one in azure.graph("GET", path).json()["passwordCredentials"]:
        if one["displayName"] != "hand":
            azure.graph("POST", f"{path}/removePassword", {"keyId": one["keyId"]})
    azure.advance(16 * 60)
    return desired


def scope_of(desired: ClientSecret) -> Scope:
    return Scope(application_id=desired.application_id, name=desired.name, environment=ENVIRONMENT)


EXAMPLE = Example(name=DECLARED.name, declare=declare_with_vault, change=remove_by_hand, beside=place, scope=scope_of)
desired = pytest.fixture(declare, name="desired")


def made(cloud: Cloud, desired: ClientSecret) -> Outputs:
    assert KIND.create is not None
    outputs = KIND.create(cloud, desired)
    assert isinstance(outputs, Outputs)
    return outputs


def seen(cloud: Cloud, desired: ClientSecret) -> Passwords:
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def text_of(outputs: Outputs) -> Secret:
    assert outputs.value is not None
    return outputs.value


def remove(cloud: Cloud, observed: Passwords) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def orphans(cloud: Cloud, desired: ClientSecret) -> dict[str, Passwords]:
    assert not isinstance(KIND.owned, str)
    found = {one.name: one.observed for one in KIND.owned(cloud, scope_of(desired))}
    return {name: one for name, one in found.items() if isinstance(one, Passwords)}


def test_it_is_made_proven_found_by_its_key_and_removed(cloud: Cloud, desired: ClientSecret) -> None:
    outputs = made(cloud, desired)
    observed = seen(cloud, desired)
    assert [one.key_id for one in observed.passwords] == [outputs.key_id]
    assert observed.passwords[0].end == outputs.expires
    assert outputs.expires == cloud.session.clock.decision_time() + desired.lifetime
    assert KIND.proofs.written is not None
    assert KIND.proofs.written(cloud, desired, observed, outputs, None) is Proof.USABLE
    assert KIND.proofs.written(cloud, desired, observed, Outputs(key_id=outputs.key_id), None) is Proof.UNKNOWABLE
    (left,) = orphans(cloud, desired).items()
    assert left[0] == f"airflow/{outputs.key_id}"
    remove(cloud, left[1])
    remove(cloud, left[1])
    assert orphans(cloud, desired) == {}


def test_its_text_shows_nowhere_but_in_what_making_it_returns(cloud: Cloud, desired: ClientSecret) -> None:
    outputs = made(cloud, desired)
    text = text_of(outputs).reveal()
    assert text not in repr((outputs, seen(cloud, desired), orphans(cloud, desired)))


def test_a_rotation_adds_one_and_removes_none(cloud: Cloud, desired: ClientSecret) -> None:
    first = made(cloud, desired)
    assert KIND.credential is not None
    second = KIND.credential.rotate(cloud, desired, seen(cloud, desired), view_at(cloud.session.clock.decision_time()))
    assert isinstance(second, Outputs)
    assert set(orphans(cloud, desired)) == {f"airflow/{one.key_id}" for one in (first, second)}
    remove(cloud, orphans(cloud, desired)[f"airflow/{first.key_id}"])
    assert list(orphans(cloud, desired)) == [f"airflow/{second.key_id}"]
    assert cloud.session.can_sign_in(desired.tenant_id, str(desired.client_id), text_of(second))
    assert KIND.proofs.deleted is not None
    assert KIND.proofs.deleted(cloud, seen(cloud, desired), text_of(first))
    assert not KIND.proofs.deleted(cloud, seen(cloud, desired), text_of(second))


def test_passwords_of_others_are_neither_seen_nor_touched(
    cloud: Cloud, azure: LocalAzure, desired: ClientSecret
) -> None:
    made(cloud, desired)
    made(cloud, replace(desired, environment=OTHER))
    made(cloud, replace(desired, name="airflow-2"))
    remove(cloud, seen(cloud, desired))
    shown = azure.graph("GET", f"applications/{desired.application_id}").json()["passwordCredentials"]
    assert sorted(one["displayName"] for one in shown) == sorted(
        ("hand", f"provisioner-{OTHER}-airflow", f"provisioner-{ENVIRONMENT}-airflow-2")
    )


def test_of_an_application_that_has_been_there_for_long_none_of_ours_means_absent(
    cloud: Cloud, azure: LocalAzure, desired: ClientSecret
) -> None:
    young = seen(cloud, desired)  # Graph may not show it yet
    assert (young.passwords, young.owned) == ((), False)
    azure.advance(3601)
    assert KIND.read(cloud_of(azure), desired) is None


def test_without_its_application_it_is_absent_and_removing_it_is_fine(
    cloud: Cloud, azure: LocalAzure, desired: ClientSecret
) -> None:
    made(cloud, desired)
    observed = seen(cloud, desired)
    azure.graph("DELETE", f"applications/{desired.application_id}")
    assert KIND.read(cloud, desired) is None
    assert orphans(cloud, desired) == {}
    remove(cloud, observed)


def test_an_answer_that_was_lost_leaves_one_password_not_two(
    cloud: Cloud, azure: LocalAzure, desired: ClientSecret
) -> None:
    azure.fault(fault="lost", method="POST", path="addPassword")
    outputs = made(cloud, desired)
    assert [one.key_id for one in seen(cloud, desired).passwords] == [outputs.key_id]


def test_a_lost_answer_to_its_removal_is_no_failure(cloud: Cloud, azure: LocalAzure, desired: ClientSecret) -> None:
    made(cloud, desired)
    azure.fault(fault="lost", method="POST", path="removePassword")
    remove(cloud, seen(cloud, desired))
    assert orphans(cloud, desired) == {}


def test_it_is_proven_only_when_every_replica_knows_it(cloud: Cloud, azure: LocalAzure, desired: ClientSecret) -> None:
    azure.control("PUT", "/faults", {"secret_lag_seconds": 1.5})
    azure.control("DELETE", "/calls")
    outputs = made(cloud, desired)
    assert not cloud.session.can_sign_in(desired.tenant_id, str(desired.client_id), text_of(outputs))
    assert KIND.proofs.written is not None
    assert KIND.proofs.written(cloud, desired, seen(cloud, desired), outputs, None) is Proof.USABLE
    calls = azure.control("GET", "/calls")["calls"]
    told = [call["status"] for call in calls if call["path"].endswith("/oauth2/v2.0/token")]
    assert (told[-3:], set(told[:-3]) >= {401}) == ([200, 200, 200], True)  # in a row, after it was not known


def test_one_that_never_signs_in_is_given_up_at_the_deadline(cloud: Cloud, desired: ClientSecret) -> None:
    assert KIND.proofs.written is not None
    hasty = replace(desired, sign_in_seconds=0.3)
    with pytest.raises(NotYetVisible):
        KIND.proofs.written(cloud, hasty, seen(cloud, desired), Outputs(value=Secret("wrong")), None)


def test_without_the_right_it_says_so(cloud: Cloud, azure: LocalAzure, desired: ClientSecret) -> None:
    azure.fault(
        fault="error", method="POST", path="addPassword", status=403, code="Authorization_RequestDenied", message="No."
    )
    with pytest.raises(NotAuthorized):
        made(cloud, desired)
