"""A vault secret: plain values and places of credentials, repaired after every kind of hand edit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.errors import NotAuthorized, NotFound, Unexpected
from provisioner.kinds import application, client_secret
from provisioner.kinds.vault_secret import KIND, Scope, StoredSecret, VaultSecret
from provisioner.model import KNOWN_AFTER_APPLY, Address, Change
from provisioner.secret import Secret
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, SECRETS_OFFICER, VAULT, grant, make_vault, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

API = "https://{}.vault.azure.net/{}?api-version=7.4"
RESOURCE = "https://vault.azure.net"
CREDENTIAL = Address("client_secret", "airflow")
ENDS = datetime(2027, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)


def declare(azure: LocalAzure) -> VaultSecret:
    """A variable with an end and a type, in a vault that is there."""
    make_vault(azure)
    value = Secret("sentinel-one")
    return VaultSecret(
        vault=VAULT, name="variables-a", value=value, environment=ENVIRONMENT, content_type="text", expires=ENDS
    )


EXAMPLE = Example(
    name="variables-a",
    declare=declare,
    change=lambda _azure, desired: replace(desired, value=Secret("sentinel-two")),
    scope=lambda desired: Scope(vault=desired.vault, environment=ENVIRONMENT),
)


@pytest.fixture
def plain(vault: str) -> VaultSecret:
    """A variable of the spec."""
    return VaultSecret(vault=vault, name="variables-a", value=Secret("sentinel-one"), environment=ENVIRONMENT)


@pytest.fixture
def place(vault: str) -> VaultSecret:
    """A place of a credential."""
    return VaultSecret(
        vault=vault,
        name="variables-api-secret",
        value=Secret("sentinel-key-1"),
        environment=ENVIRONMENT,
        credential=CREDENTIAL,
        key_id="k1",
        expires=ENDS,
    )


def by_hand(azure: LocalAzure, method: str, path: str, body: Any = None, vault: str = "kv-kinds") -> Any:
    """A request as a person with the portal would send it."""
    answer = azure.request(method, API.format(vault, path), body, token=azure.token(RESOURCE))
    assert answer.status < 300, answer.body
    return answer.json()


def seen(cloud: Cloud, desired: VaultSecret) -> StoredSecret:
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def made(cloud: Cloud, desired: VaultSecret) -> StoredSecret:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return seen(cloud, desired)


def changes(cloud: Cloud, desired: VaultSecret) -> Sequence[Change]:
    return KIND.diff(desired, seen(cloud, desired), view_at(cloud.session.clock.decision_time()))


def drift(cloud: Cloud, desired: VaultSecret) -> list[str]:
    return [change.field for change in changes(cloud, desired)]


def repair(cloud: Cloud, desired: VaultSecret) -> StoredSecret:
    assert KIND.update is not None
    KIND.update(cloud, desired, seen(cloud, desired))
    assert drift(cloud, desired) == []
    return seen(cloud, desired)


def remove(cloud: Cloud, observed: StoredSecret) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def found_names(cloud: Cloud, vault: str, *prefixes: str) -> list[str]:
    assert not isinstance(KIND.owned, str)
    return [one.name for one in KIND.owned(cloud, Scope(vault=vault, environment=ENVIRONMENT, prefixes=prefixes))]


def held(observed: StoredSecret) -> list[tuple[str, bool]]:
    assert KIND.holder is not None
    return [(one.key_id, one.current) for one in KIND.holder.holds(observed).get(CREDENTIAL, ())]


def test_it_is_absent_then_made_then_as_declared_then_gone_and_comes_back(cloud: Cloud, plain: VaultSecret) -> None:
    assert KIND.read(cloud, plain) is None
    observed = made(cloud, plain)
    assert observed.owned
    assert drift(cloud, plain) == []
    assert found_names(cloud, plain.vault) == ["variables-a"]
    remove(cloud, observed)
    remove(cloud, observed)
    assert KIND.read(cloud, plain) is None
    assert made(cloud, replace(plain, value=Secret("sentinel-two"))).owned
    assert drift(cloud, plain) == ["value"]


def test_another_value_is_drift_and_neither_value_shows(cloud: Cloud, plain: VaultSecret) -> None:
    observed = made(cloud, plain)
    wanted = replace(plain, value=Secret("sentinel-two"))
    (change,) = changes(cloud, wanted)
    assert (change.before, change.after) == ("(secret)", "(secret)")
    assert "sentinel" not in repr((change, observed, wanted, KIND.publish(observed, None)))
    repair(cloud, wanted)


def test_a_value_that_is_not_known_yet_is_a_change(cloud: Cloud, plain: VaultSecret) -> None:
    made(cloud, plain)
    unknown = replace(plain, value=application.Outputs.client_id.of(Address("application", "api")))
    assert [change.after for change in changes(cloud, unknown)] == [KNOWN_AFTER_APPLY]


def test_a_value_may_be_another_resource_s_output(cloud: Cloud, plain: VaultSecret) -> None:
    wanted = replace(plain, value="a-client-id")
    made(cloud, wanted)
    assert drift(cloud, wanted) == []


def test_a_hand_edit_that_dropped_the_tags_is_drift_and_still_ours(
    cloud: Cloud, azure: LocalAzure, plain: VaultSecret
) -> None:
    made(cloud, plain)
    by_hand(azure, "PUT", "secrets/variables-a", {"value": "sentinel-one"})
    assert seen(cloud, plain).owned
    assert [(one.field, one.reason) for one in changes(cloud, plain)] == [("version", "edited by hand")]
    assert found_names(cloud, plain.vault) == []
    assert found_names(cloud, plain.vault, "variables-") == ["variables-a"]
    repair(cloud, plain)
    assert found_names(cloud, plain.vault) == ["variables-a"]


def test_a_hand_edit_that_copied_the_tags_is_drift(cloud: Cloud, azure: LocalAzure, place: VaultSecret) -> None:
    tags = dict(made(cloud, place).latest.tags)
    by_hand(azure, "PUT", f"secrets/{place.name}", {"value": "stolen", "tags": tags, "attributes": {"exp": 1}})
    assert drift(cloud, place) == ["version", "expires"]
    assert held(seen(cloud, place)) == [("k1", False)]
    assert KIND.holder is not None
    assert KIND.holder.reveal(cloud, seen(cloud, place), "k1").matches(Secret("sentinel-key-1"))
    assert held(repair(cloud, place)) == [("k1", True)]


def test_a_write_that_was_cut_off_before_its_version_was_noted_is_finished(cloud: Cloud, place: VaultSecret) -> None:
    tags = {"provisioner-environment": ENVIRONMENT, "keyId": "k1", "since": "2027-01-01T00:00:00Z"}
    half = cloud.secrets.set_secret(
        place.vault, place.name, Secret("sentinel-key-1"), tags=tags, expires=ENDS, content_type=None
    )
    assert [(one.field, one.reason) for one in changes(cloud, place)] == [
        ("version", "its last write was not finished")
    ]
    assert held(seen(cloud, place)) == [("k1", True)]
    finished = repair(cloud, place)
    assert finished.latest.version == half.version
    assert finished.latest.tags["since"] == "2027-01-01T00:00:00Z"


def test_a_disabled_one_is_drift_and_no_place_of_its_key(cloud: Cloud, azure: LocalAzure, place: VaultSecret) -> None:
    version = made(cloud, place).latest.version
    by_hand(azure, "PATCH", f"secrets/{place.name}/{version}", {"attributes": {"enabled": False}})
    assert drift(cloud, place) == ["enabled", "value"]
    assert held(seen(cloud, place)) == []
    repair(cloud, place)


def test_a_disabled_plain_one_is_drift(cloud: Cloud, azure: LocalAzure, plain: VaultSecret) -> None:
    version = made(cloud, plain).latest.version
    by_hand(azure, "PATCH", f"secrets/{plain.name}/{version}", {"attributes": {"enabled": False}})
    assert drift(cloud, plain) == ["enabled", "value"]
    repair(cloud, plain)


def test_a_new_key_makes_a_version_and_the_older_one_still_holds_its_own(cloud: Cloud, place: VaultSecret) -> None:
    made(cloud, place)
    rotated = replace(place, key_id="k2", value=Secret("sentinel-key-2"))
    assert [(one.field, one.after) for one in changes(cloud, rotated)] == [("key_id", "k2")]
    observed = repair(cloud, rotated)
    assert held(observed) == [("k2", True), ("k1", False)]
    assert KIND.holder is not None
    assert KIND.holder.reveal(cloud, observed, "k1").matches(Secret("sentinel-key-1"))
    assert KIND.holder.reveal(cloud, observed, "k2").matches(Secret("sentinel-key-2"))
    with pytest.raises(NotFound):
        KIND.holder.reveal(cloud, observed, "k3")


def test_a_key_that_is_being_made_is_a_change(cloud: Cloud, place: VaultSecret) -> None:
    made(cloud, place)
    assert drift(
        cloud,
        replace(
            place,
            key_id=client_secret.Outputs.key_id.of(CREDENTIAL),
            expires=client_secret.Outputs.expires.of(CREDENTIAL),
        ),
    ) == ["key_id"]


def test_a_key_whose_end_is_not_known_yet_is_left_alone(cloud: Cloud, place: VaultSecret) -> None:
    made(cloud, place)
    assert drift(cloud, replace(place, expires=client_secret.Outputs.expires.of(CREDENTIAL))) == []


def test_another_end_or_type_or_tag_is_mended_without_a_new_version(
    cloud: Cloud, azure: LocalAzure, place: VaultSecret
) -> None:
    before = made(cloud, place).latest
    by_hand(azure, "PATCH", f"secrets/{place.name}/{before.version}", {"tags": {**before.tags, "theirs": "x"}})
    wanted = replace(place, expires=ENDS.replace(month=7), content_type="text/plain", tags={"team": "a"})
    assert drift(cloud, wanted) == ["expires", "content_type", "tags.team"]
    after = repair(cloud, wanted).latest
    assert (after.version, after.tags["theirs"], after.tags["since"]) == (before.version, "x", before.tags["since"])


def test_a_credential_s_value_is_not_kept_in_what_was_read(cloud: Cloud, place: VaultSecret) -> None:
    assert made(cloud, place).latest.value is None


def test_a_secret_of_somebody_else_gets_the_value_but_never_our_mark(
    cloud: Cloud, azure: LocalAzure, plain: VaultSecret, place: VaultSecret
) -> None:
    for desired in (plain, place):
        by_hand(azure, "PUT", f"secrets/{desired.name}", {"value": "sentinel-one", "tags": {"theirs": "x"}})
    assert drift(cloud, plain) == []
    assert drift(cloud, place) == ["key_id", "expires"]
    observed = repair(cloud, place)
    assert (observed.owned, observed.latest.tags["theirs"], held(observed)) == (False, "x", [("k1", True)])
    assert not repair(cloud, replace(plain, value=Secret("sentinel-two"))).owned
    assert found_names(cloud, plain.vault, "variables-") == []
    by_hand(azure, "PUT", f"secrets/{plain.name}", {"value": "sentinel-two"})
    assert drift(cloud, replace(plain, value=Secret("sentinel-two"))) == ["version"]


def test_the_mark_of_another_environment_is_not_ours(cloud: Cloud, plain: VaultSecret) -> None:
    made(cloud, replace(plain, environment=OTHER))
    assert not seen(cloud, plain).owned
    assert found_names(cloud, plain.vault, "variables-") == []


def test_what_is_searched_holds_nothing_until_it_is_declared(cloud: Cloud, place: VaultSecret) -> None:
    made(cloud, place)
    assert not isinstance(KIND.owned, str)
    (found,) = KIND.owned(cloud, Scope(vault=place.vault, environment=ENVIRONMENT))
    assert isinstance(found.observed, StoredSecret)
    assert held(found.observed) == []
    remove(cloud, found.observed)
    assert KIND.read(cloud, place) is None


def test_without_the_role_reading_says_which_right_is_missing(
    cloud: Cloud, azure: LocalAzure, plain: VaultSecret
) -> None:
    scope = f"{azure.subscription}/resourceGroups/rg-kinds/providers/Microsoft.KeyVault/vaults/{plain.vault}"
    assignment = grant(azure, scope, SECRETS_OFFICER)
    azure.request("DELETE", f"https://management.azure.com{assignment}?api-version=2022-04-01")
    with pytest.raises(NotAuthorized):
        KIND.read(cloud, plain)


def test_a_lost_answer_and_a_throttle_are_no_failure(cloud: Cloud, azure: LocalAzure, plain: VaultSecret) -> None:
    azure.fault(fault="lost", method="PUT", host="vault")
    azure.fault(fault="throttle", method="PATCH", host="vault", retry_after=0)
    assert made(cloud, plain).owned
    assert drift(cloud, plain) == []
    azure.fault(fault="lost", method="DELETE", host="vault")
    remove(cloud, seen(cloud, plain))
    assert KIND.read(cloud, plain) is None
    azure.fault(fault="lost", method="POST", host="vault", path="recover")
    assert made(cloud, plain).owned


def versions(azure: LocalAzure, name: str) -> int:
    """How many a secret has."""
    return len(by_hand(azure, "GET", f"secrets/{name}/versions")["value"])


def test_a_write_whose_answer_is_lost_makes_one_version(cloud: Cloud, azure: LocalAzure, plain: VaultSecret) -> None:
    azure.fault(fault="lost", method="PUT", path=f"secrets/{plain.name}")
    made(cloud, plain)
    assert versions(azure, plain.name) == 1
    azure.fault(fault="lost", method="PUT", path=f"secrets/{plain.name}")
    newer = replace(plain, value=Secret("sentinel-two"))
    assert KIND.update is not None
    KIND.update(cloud, newer, seen(cloud, plain))
    assert versions(azure, plain.name) == 2
    assert drift(cloud, newer) == []


def test_a_write_that_failed_there_is_sent_again(cloud: Cloud, azure: LocalAzure, plain: VaultSecret) -> None:
    azure.fault(fault="error", method="PUT", path=f"secrets/{plain.name}", status=502, code="BadGateway")
    made(cloud, plain)
    assert versions(azure, plain.name) == 1


def test_a_write_that_was_refused_is_not(cloud: Cloud, azure: LocalAzure, plain: VaultSecret) -> None:
    azure.fault(fault="error", method="PUT", path=f"secrets/{plain.name}", status=400, code="BadParameter")
    with pytest.raises(Unexpected, match="BadParameter"):
        made(cloud, plain)
    assert KIND.read(cloud, plain) is None


def readable(azure: LocalAzure, name: str) -> list[str]:
    """The keys in versions that are enabled."""
    found = by_hand(azure, "GET", f"secrets/{name}/versions")["value"]
    return sorted(one["tags"]["keyId"] for one in found if one["attributes"]["enabled"])


def test_a_key_that_was_removed_can_be_read_no_more_once_another_took_its_place(
    cloud: Cloud, azure: LocalAzure, place: VaultSecret
) -> None:
    observed = made(cloud, place)
    newer = replace(place, key_id="k2", value=Secret("sentinel-key-2"), active_key_ids=("k2",))
    assert KIND.update is not None
    KIND.update(cloud, newer, observed)
    assert readable(azure, place.name) == ["k2"]
    assert drift(cloud, newer) == []


def test_a_key_that_lives_stays_readable_until_it_is_removed(
    cloud: Cloud, azure: LocalAzure, place: VaultSecret
) -> None:
    newer = replace(place, key_id="k2", value=Secret("sentinel-key-2"), active_key_ids=("k1", "k2"))
    assert KIND.update is not None
    KIND.update(cloud, newer, made(cloud, place))
    assert readable(azure, place.name) == ["k1", "k2"]
    alone = replace(newer, active_key_ids=("k2",))
    (change,) = changes(cloud, alone)
    assert change.reason == "its credential was removed"
    KIND.update(cloud, alone, seen(cloud, alone))
    assert readable(azure, place.name) == ["k2"]
    assert versions(azure, place.name) == 2


def test_a_recovered_secret_gives_back_no_key_of_before(cloud: Cloud, azure: LocalAzure, place: VaultSecret) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, made(cloud, place))
    made(cloud, replace(place, key_id="k2", value=Secret("sentinel-key-2")))
    assert readable(azure, place.name) == ["k2"]
    assert versions(azure, place.name) == 2
