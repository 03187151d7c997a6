"""The report of whether Airflow's workers can sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.localazure.datafactory.test_factories import RUNTIME, call, runtime

if TYPE_CHECKING:
    from localazure.app.secret import Secret
    from tests.emulator import LocalAzure


def deploy_credential(azure: LocalAzure, client_id: str, secret: Secret) -> None:
    """Put a credential into the runtime's variables."""
    variables = {"AZURE_CLIENT_ID": client_id, "AZURE_CLIENT_SECRET": secret.reveal()}
    assert call(azure, "PUT", RUNTIME, runtime(airflowEnvironmentVariables=variables)).status == 200


def sign_in_report(azure: LocalAzure) -> dict[str, Any]:
    (report,) = azure.control("GET", "/sign-ins")
    return report


def test_workers_sign_in_with_the_active_credential_of_which_only_the_key_id_is_reported(azure: LocalAzure) -> None:
    client_id, secret = azure.new_client("reader")
    deploy_credential(azure, client_id, secret)

    report = sign_in_report(azure)

    application = azure.graph("GET", f"applications(appId='{client_id}')").json()
    assert report["signs_in"] is True
    assert report["key_id"] == application["passwordCredentials"][0]["keyId"]
    assert secret.reveal() not in str(report)


def test_workers_use_the_old_credential_until_the_new_one_is_rolled_out(azure: LocalAzure) -> None:
    old, new = azure.new_client("old"), azure.new_client("new")
    deploy_credential(azure, *old)
    azure.control("PUT", "/settings/airflow", {"rollout_seconds": 600})
    azure.advance(601)
    deploy_credential(azure, *new)
    assert sign_in_report(azure)["client_id"] == old[0]

    azure.advance(601)

    assert sign_in_report(azure)["client_id"] == new[0]


def test_workers_without_a_valid_credential_are_reported(azure: LocalAzure) -> None:
    assert azure.control("GET", "/sign-ins") == []
    assert call(azure, "PUT", RUNTIME, runtime()).status == 200

    report = sign_in_report(azure)

    assert (report["signs_in"], report["key_id"]) == (False, None)
