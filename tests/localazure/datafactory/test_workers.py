from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.localazure.datafactory.test_factories import RUNTIME, call, runtime

if TYPE_CHECKING:
    from localazure.app.secret import Secret
    from tests.emulator import LocalAzure


def give(azure: LocalAzure, client_id: str, secret: Secret) -> None:
    """Put a credential into the runtime."""
    variables = {"AZURE_CLIENT_ID": client_id, "AZURE_CLIENT_SECRET": secret.reveal()}
    assert call(azure, "PUT", RUNTIME, runtime(airflowEnvironmentVariables=variables)).status == 200


def tried(azure: LocalAzure) -> dict[str, Any]:
    (one,) = azure.control("GET", "/sign-ins")
    return one


def test_workers_sign_in_with_what_is_in_use_and_only_its_key_id_is_told(azure: LocalAzure) -> None:
    client_id, secret = azure.new_client("reader")
    give(azure, client_id, secret)

    told = tried(azure)

    application = azure.graph("GET", f"applications(appId='{client_id}')").json()
    assert told["signs_in"] is True
    assert told["key_id"] == application["passwordCredentials"][0]["keyId"]
    assert secret.reveal() not in str(told)


def test_workers_go_on_with_the_old_value_until_the_new_one_is_rolled_out(azure: LocalAzure) -> None:
    old, new = azure.new_client("old"), azure.new_client("new")
    give(azure, *old)
    azure.control("PUT", "/settings/airflow", {"rollout_seconds": 600})
    azure.advance(601)
    give(azure, *new)
    assert tried(azure)["client_id"] == old[0]

    azure.advance(601)

    assert tried(azure)["client_id"] == new[0]


def test_workers_without_a_living_credential_are_told(azure: LocalAzure) -> None:
    assert azure.control("GET", "/sign-ins") == []
    assert call(azure, "PUT", RUNTIME, runtime()).status == 200

    told = tried(azure)

    assert (told["signs_in"], told["key_id"]) == (False, None)
