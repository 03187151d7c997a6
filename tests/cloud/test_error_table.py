"""The table of answers, row by row: what each becomes, what is done, and where that is shown on the local Azure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisioner.cloud.error_table import KNOWN_ERRORS, Handling, Row, handling_of
from provisioner.cloud.errors import refusal
from provisioner.errors import Unreachable
from tests.cloud.test_errors import Answer

TESTS = Path(__file__).parents[1]
DOCTOR, STALE = "commands/test_doctor.py", "commands/test_stale_reads.py"
FABRIC_ENVIRONMENT, FABRIC_JOB = "kinds/test_fabric_environment.py", "kinds/test_fabric_airflow_job.py"
# Where the local Azure answers so and a run (or a client of ours) ends right.
SHOWN = {
    "PrincipalNotFound": "kinds/test_contract.py::test_replicas_that_lag_are_waited_for",
    "AADSTS700016": "kinds/test_client_secret.py::test_it_is_proven_only_when_every_replica_knows_it",
    "AADSTS7000215": "kinds/test_client_secret.py::test_it_is_proven_only_when_every_replica_knows_it",
    "OperationNotFound": f"{STALE}::test_an_operation_that_no_replica_shows_yet",
    "ResourceGroupNotFound": f"{STALE}::test_a_parent_that_this_run_has_made",
    "ResourceNotFound": f"{STALE}::test_a_parent_that_this_run_has_made",
    "ParentResourceNotFound": f"{STALE}::test_a_parent_that_this_run_has_made",
    "FilesystemNotFound": f"{STALE}::test_a_parent_that_this_run_has_made",
    "Request_ResourceNotFound": "kinds/test_contract.py::test_replicas_that_lag_are_waited_for",
    "ItemNotFound": f"{FABRIC_ENVIRONMENT}::test_a_teardown_waits_for_no_start_and_a_job_that_has_gone_is_fine",
    "NoBackingApplicationObject": "kinds/test_service_principal.py::test_an_application_made_just_now_is_waited_for",
    "ForbiddenByRbac": "commands/test_access.py::test_a_run_waits_for_the_access",
    "AuthorizationPermissionMismatch": "commands/test_access.py::test_a_run_waits_for_the_access",
    "AuthorizationFailed": "cli/test_bad_input.py::test_a_caller_without_any_right_is_told",
    "Authorization_RequestDenied": "commands/test_graph_rights.py::test_who_may_only_read_the_directory_is_told",
    "ForbiddenByFirewall": f"{DOCTOR}::test_a_vault_behind_a_firewall",
    "ForbiddenByConnection": f"{DOCTOR}::test_a_vault_behind_a_firewall",
    "AuthorizationFailure": f"{DOCTOR}::test_an_account_behind_a_firewall",
    "InsufficientPrivileges": "kinds/test_contract.py::test_a_caller_without_the_right_is_told_which",
    "InsufficientWorkspaceRole": f"{FABRIC_JOB}::test_the_role_in_the_workspace_is_told",
    "CapacityNotActive": f"{FABRIC_JOB}::test_a_paused_capacity_is_named",
    "RoleAssignmentExists": "cloud/test_handling.py::test_a_grant_that_stands_under_another_name",
    "RoleAssignmentUpdateNotPermitted": "cloud/test_handling.py::test_an_assignment_keeps_its_principal",
    "ObjectIsDeletedButRecoverable": "kinds/test_vault_secret.py::test_it_is_absent_then_made_then_as_declared",
    "Another object with the same value for property": "kinds/test_application.py::test_a_soft_deleted_one_comes_back",
    "A vault with the same name already exists in deleted state": f"{DOCTOR}::test_a_deleted_vault_of_ours",
    "VaultAlreadyExists": f"{DOCTOR}::test_names_that_others_have",
    "Operation 'DeletedVaultPurge' is not allowed": "cloud/test_handling.py::test_a_protected_vault_is_not_purged",
    "StorageAccountAlreadyTaken": f"{DOCTOR}::test_names_that_others_have",
    "TooManyRequests": "cloud/test_handling.py::test_what_a_second_try_mends",
    "Throttled": "cloud/test_handling.py::test_what_a_second_try_mends",
    "AnotherOperationInProgress": "cloud/test_handling.py::test_what_a_second_try_mends",
    "StorageAccountOperationInProgress": "cloud/test_handling.py::test_what_a_second_try_mends",
    "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity": (
        "kinds/test_identity_federation.py::test_a_write_that_meets_another_run_s_is_sent_again"
    ),
    "ContainerBeingDeleted": "kinds/test_filesystem.py::test_one_that_is_still_being_deleted_is_waited_for",
    "FilesystemBeingDeleted": "kinds/test_filesystem.py::test_one_that_is_still_being_deleted_is_waited_for",
    "ServiceUnavailable": "cloud/test_handling.py::test_what_a_second_try_mends",
    "ResourceGroupBeingDeleted": "cloud/test_handling.py::test_a_group_that_is_being_deleted",
    "MissingSubscriptionRegistration": "cloud/test_handling.py::test_a_provider_that_is_not_registered",
    "SubscriptionNotRegistered": "cloud/test_handling.py::test_a_provider_that_is_not_registered",
    "RequestDisallowedByPolicy": "cloud/test_handling.py::test_what_a_person_must_mend",
    "ScopeLocked": "cloud/test_handling.py::test_what_a_person_must_mend",
    "AccountNameInvalid": "cloud/test_handling.py::test_what_a_person_must_mend",
    "SecretDisabled": "kinds/test_vault_secret.py::test_a_disabled_one_is_drift",
    "CredentialInvalidLifetimeAsPerAppPolicy": f"{DOCTOR}::test_a_tenant_that_admits_shorter_secrets",
    "CredentialTypeNotAllowedAsPerAppPolicy": f"{DOCTOR}::test_a_tenant_that_admits_no_secrets",
}


def body(row: Row) -> dict[str, Any]:
    """The row's answer: a code, or where Azure has none of its own, its words."""
    if " " in row.code:
        return {"error": {"code": "BadRequest", "message": f"{row.code} x"}}
    if row.code.startswith("AADSTS"):
        return {"error": "invalid_client", "error_description": f"{row.code}: x"}
    return {"error": {"code": row.code, "message": "x"}}


@pytest.mark.parametrize("row", KNOWN_ERRORS, ids=lambda row: row.code)
def test_each_row_decides_type_and_course(row: Row) -> None:
    error = refusal(Answer(row.status, body(row)), "PUT it")
    assert (type(error), handling_of(error)) == (row.error, row.handling)
    assert row.page.startswith("https://")
    assert error.sentence().rstrip().endswith((".", "`", ")")) or "--scope" in error.sentence()


@pytest.mark.parametrize("row", KNOWN_ERRORS, ids=lambda row: row.code)
def test_each_row_is_shown_on_the_local_azure(row: Row) -> None:
    file, _, name = SHOWN[row.code].partition("::")
    text = (TESTS / file).read_text()
    assert f"def {name}" in text


def test_the_table_shows_no_row_that_is_not_there() -> None:
    assert SHOWN.keys() == {row.code for row in KNOWN_ERRORS}


def test_the_innermost_code_decides() -> None:
    inner = {"innererror": {"code": "ForbiddenByRbac"}}, {"details": [{"code": "ForbiddenByRbac", "target": "x"}]}
    for one in inner:
        error = refusal(Answer(403, {"error": {"code": "Forbidden", "message": "m", **one}}), "GET it")
        assert error.code == "ForbiddenByRbac"


def test_without_a_row_the_type_decides() -> None:
    assert handling_of(Unreachable(operation="GET it")) is Handling.RETRY
    assert handling_of(refusal(Answer(418, {"error": {"code": "Teapot"}}), "GET it")) is Handling.PERSON
