"""Role assignments and what they allow: the SDK, invalid requests, custom roles, inheritance, revocation."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import RoleAssignmentCreateParameters

from tests.resource_manager import OPERATOR, ROLES, VAULT, Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

PROVIDER = "/providers/Microsoft.Authorization"
ONE, TWO = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def _put_assignment(arm: Manager, path: str, name: str, body: dict[str, Any], version: str = "2022-04-01") -> Any:
    return arm("PUT", f"{path}{PROVIDER}/roleAssignments/{name}", body, version=version)


def _custom_role(arm: Manager, name: str, **permissions: list[str]) -> str:
    """Create a custom role; its GUID."""
    guid = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    empty: dict[str, list[str]] = {"actions": [], "notActions": [], "dataActions": [], "notDataActions": []}
    properties = {"roleName": name, "permissions": [empty | permissions], "assignableScopes": [arm.azure.subscription]}
    created = arm("PUT", f"{PROVIDER}/roleDefinitions/{guid}", {"properties": properties}, version="2022-04-01")
    assert created.status == 201, created.json()
    return guid


def test_the_sdk_creates_lists_and_deletes_an_assignment(azure_env: LocalAzure) -> None:
    azure, arm = azure_env, Manager(azure=azure_env)
    scope = f"{azure.subscription}{arm.vault()}"
    secret = azure.operator_secret.reveal()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, secret) as credential,
        AuthorizationManagementClient(credential, azure.subscription_id) as typed,
    ):
        client: Any = typed  # one class for all versions: its declared types are a union that nothing fits
        definitions = list(client.role_definitions.list(scope, filter="roleName eq 'Key Vault Secrets User'"))
        parameters = RoleAssignmentCreateParameters(
            role_definition_id=str(definitions[0].id),
            principal_id=OPERATOR,
            principal_type="ServicePrincipal",
            description="x",
        )
        created = client.role_assignments.create(scope, ONE, parameters)
        assert (created.scope, created.principal_type, created.description) == (scope, "ServicePrincipal", "x")
        assert client.role_assignments.get(scope, ONE).id == created.id
        assert client.role_assignments.get_by_id(str(created.id)).name == ONE
        listed = client.role_assignments.list_for_scope(scope, filter=f"principalId eq '{OPERATOR}'")
        assert ONE in [assignment.name for assignment in listed]
        with pytest.raises(ResourceExistsError, match="RoleAssignmentExists"):
            client.role_assignments.create(scope, TWO, parameters)
        assert client.role_assignments.delete(scope, ONE) is not None
        assert client.role_assignments.delete(scope, ONE) is None
        permissions = list(client.permissions.list_for_resource_group("rg-one"))
        assert permissions[0].actions == ["*"]


def test_an_update_answers_201_and_changes_the_description_only(arm: Manager) -> None:
    vault, other = arm.vault(), arm.someone()
    first = arm.assignment("Key Vault Secrets User", description="first")
    assert _put_assignment(arm, vault, ONE, first).status == 201
    updated = _put_assignment(arm, vault, ONE, arm.assignment("Key Vault Secrets User", description="second"))
    assert (updated.status, updated.json()["properties"]["description"]) == (201, "second")
    for body in (arm.assignment("Reader"), arm.assignment("Key Vault Secrets User", other.object_id)):
        assert code(_put_assignment(arm, vault, ONE, body)) == (400, "RoleAssignmentUpdateNotPermitted")
    assert code(_put_assignment(arm, "/resourceGroups/rg-one", ONE, first)) == (400, "RoleAssignmentUpdateNotPermitted")


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("no-guid", {}, (400, "InvalidRoleAssignmentId")),
        (ONE, {"principalId": TWO}, (400, "PrincipalNotFound")),
        (ONE, {"principalType": "Group"}, (400, "UnmatchedPrincipalType")),
        (ONE, {"roleDefinitionId": ROLES["Reader"]}, (400, "InvalidRoleDefinitionId")),
        (ONE, {"roleDefinitionId": f"{PROVIDER}/roleDefinitions/{TWO}"}, (404, "RoleDefinitionDoesNotExist")),
        (ONE, {"principalId": None}, (400, "BadRequestFormat")),
    ],
)
def test_an_invalid_assignment_is_refused_with_azures_code(
    arm: Manager, name: str, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code(_put_assignment(arm, arm.vault(), name, arm.assignment("Reader", **changes))) == expected


@pytest.mark.parametrize("left_out", [False, True])
@pytest.mark.parametrize(
    "version",
    ["2015-07-01", "2018-01-01-preview", "2018-09-01-preview", "2020-04-01-preview", "2020-10-01", "2022-04-01"],
)
def test_a_principal_s_type_is_looked_up_if_the_body_names_none(arm: Manager, version: str, *, left_out: bool) -> None:
    """Terraform's azurerm sends none and reads ServicePrincipal; the specification's default `User` is one of SDKs."""
    body = arm.assignment("Reader", principalType=None)
    if left_out:
        del body["properties"]["principalType"]
    created = _put_assignment(arm, arm.group(), ONE, body, version=version)
    assert (created.status, created.json()["properties"]["principalType"]) == (201, "ServicePrincipal")


def test_the_answer_to_a_put_does_not_say_who_created_the_assignment(arm: Manager) -> None:
    """Recorded by az: test_create_for_rbac_password_with_assignment.yaml."""
    written = _put_assignment(arm, arm.group(), ONE, arm.assignment("Reader")).json()
    assert (written["properties"]["createdBy"], written["properties"]["updatedBy"]) == (None, OPERATOR)
    read = arm("GET", f"/resourceGroups/rg-one{PROVIDER}/roleAssignments/{ONE}", version="2022-04-01").json()
    assert read["properties"]["createdBy"] == OPERATOR


def test_an_assignment_at_a_missing_scope_is_a_404(arm: Manager) -> None:
    assert code(_put_assignment(arm, "/resourceGroups/rg-no", ONE, arm.assignment("Reader"))) == (
        404,
        "ResourceGroupNotFound",
    )
    vault = f"{arm.group()}/providers/Microsoft.KeyVault/vaults/kv-no"
    assert code(_put_assignment(arm, vault, ONE, arm.assignment("Reader"))) == (404, "ResourceNotFound")
    nested = _put_assignment(arm, f"{vault}/secrets/one", ONE, arm.assignment("Reader"))
    assert code(nested) == (404, "ResourceNotFound")
    missing = "The Resource 'Microsoft.KeyVault/vaults/kv-no/secrets/one' under resource group 'rg-one' was not found."
    assert nested.json()["error"]["message"].startswith(missing)


def test_assignments_are_listed_above_and_below_the_scope_and_at_scope_only_above(arm: Manager) -> None:
    vault = arm.vault()
    someone = arm.someone()
    arm.grant(vault, "Reader", someone.object_id)
    arm.grant("/resourceGroups/rg-one", "Contributor", someone.object_id)

    def roles(path: str, query: str = "") -> set[str]:
        listed = arm("GET", f"{path}{PROVIDER}/roleAssignments{query}", version="2022-04-01").json()["value"]
        assigned = [
            assignment["properties"]
            for assignment in listed
            if assignment["properties"]["principalId"] == someone.object_id
        ]
        return {assignment["roleDefinitionId"].rsplit("/", 1)[-1] for assignment in assigned}

    both = {ROLES["Reader"], ROLES["Contributor"]}
    assert roles(vault) == both
    assert roles("/resourceGroups/rg-one") == both
    assert roles("/resourceGroups/rg-one", "?$filter=atScope()") == {ROLES["Contributor"]}
    assert roles("", f"?$filter=principalId eq '{someone.object_id}'") == both
    assert roles("", f"?$filter=atScope() and assignedTo('{someone.object_id}')") == set()
    assert code(arm("GET", f"{PROVIDER}/roleAssignments?$filter=description eq 'x'", version="2022-04-01")) == (
        400,
        "UnsupportedFilter",
    )


def test_contributor_may_not_write_assignments(arm: Manager) -> None:
    group, someone = arm.group(), arm.someone()
    arm.grant(group, "Contributor", someone.object_id)
    caller = arm.as_(someone)
    assert caller("PATCH", group, {"tags": {"a": "b"}}).status == 200
    refused = _put_assignment(caller, group, ONE, arm.assignment("Reader"))
    assert code(refused) == (403, "AuthorizationFailed")
    assert "'Microsoft.Authorization/roleAssignments/write'" in refused.json()["error"]["message"]


def test_a_not_action_takes_away_from_its_own_role_only(arm: Manager) -> None:
    group, someone = arm.group(), arm.someone()
    groups = "Microsoft.Resources/subscriptions/resourceGroups"
    role = _custom_role(arm, "All but delete", actions=[f"{groups}/*"], notActions=[f"{groups}/delete"])
    arm.grant(group, role, someone.object_id)
    caller = arm.as_(someone)
    assert caller("PATCH", group, {"tags": {}}).status == 200
    assert code(caller("DELETE", group)) == (403, "AuthorizationFailed")
    arm.grant(group, _custom_role(arm, "Delete", actions=[f"{groups}/delete"]), someone.object_id)
    assert caller("DELETE", group).status == 202


def test_a_custom_data_role_on_a_group_applies_to_the_vaults_in_it(arm: Manager) -> None:
    arm.vault("kv-one", "rg-one")
    arm.vault("kv-two", "rg-two")
    someone = arm.someone()
    role = _custom_role(arm, "Secret lister", dataActions=["Microsoft.KeyVault/vaults/secrets/readMetadata/action"])
    arm.grant("/resourceGroups/rg-one", role, someone.object_id)
    token = arm.azure.token(VAULT, someone.app_id, someone.secret)
    assert arm.secret("GET", "kv-one", "/secrets", token=token).status == 200
    assert code(arm.secret("GET", "kv-one", "/secrets/x", token=token)) == (403, "Forbidden")
    assert code(arm.secret("GET", "kv-two", "/secrets", token=token)) == (403, "Forbidden")


def test_a_revoked_role_is_missing_from_the_next_call_of_an_existing_token(arm: Manager) -> None:
    vault, someone = arm.vault(), arm.someone()
    created = arm.grant(vault, "Key Vault Secrets User", someone.object_id).json()
    token = arm.azure.token(VAULT, someone.app_id, someone.secret)
    assert code(arm.secret("GET", "kv-one", "/secrets/x", token=token)) == (404, "SecretNotFound")
    assert arm("DELETE", created["id"].removeprefix(arm.azure.subscription), version="2022-04-01").status == 200
    assert code(arm.secret("GET", "kv-one", "/secrets/x", token=token)) == (403, "Forbidden")


def test_a_condition_that_cannot_be_evaluated_allows_nothing(arm: Manager) -> None:
    vault, someone = arm.vault(), arm.someone()
    condition = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringStartsWith 'airflow'"
    created = arm.grant(vault, "Key Vault Secrets User", someone.object_id, condition=condition, conditionVersion="2.0")
    assert created.json()["properties"]["condition"] == condition
    token = arm.azure.token(VAULT, someone.app_id, someone.secret)
    assert code(arm.secret("GET", "kv-one", "/secrets/airflow-x", token=token)) == (403, "Forbidden")


def test_permissions_are_the_callers_at_the_scope(arm: Manager) -> None:
    vault, someone = arm.vault(), arm.someone()
    caller = arm.as_(someone)
    assert caller("GET", f"{vault}{PROVIDER}/permissions", version="2022-04-01").json()["value"] == []
    arm.grant(vault, "Key Vault Secrets User", someone.object_id)
    permissions = caller("GET", f"{vault}{PROVIDER}/permissions", version="2022-04-01").json()["value"]
    assert permissions[0]["dataActions"][0] == "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    assert caller("GET", f"/resourceGroups/rg-one{PROVIDER}/permissions", version="2022-04-01").json()["value"] == []


def test_a_custom_role_in_use_cannot_be_deleted_and_its_name_is_unique(arm: Manager) -> None:
    group = arm.group()
    guid = _custom_role(arm, "Mine", actions=["*/read"])
    path = f"{PROVIDER}/roleDefinitions/{guid}"
    named = arm("GET", f"{PROVIDER}/roleDefinitions?$filter=roleName eq 'mine'", version="2022-04-01").json()["value"]
    assert [role["properties"]["type"] for role in named] == ["CustomRole"]
    assignment = arm.grant(group, guid).json()
    assert code(arm("DELETE", path, version="2022-04-01")) == (400, "RoleDefinitionHasAssignments")
    twin = {"properties": {"roleName": "Mine", "permissions": [], "assignableScopes": [arm.azure.subscription]}}
    assert code(arm("PUT", f"{PROVIDER}/roleDefinitions/{ONE}", twin, version="2022-04-01")) == (
        409,
        "RoleDefinitionWithSameNameExists",
    )
    arm("DELETE", assignment["id"].removeprefix(arm.azure.subscription), version="2022-04-01")
    assert arm("DELETE", path, version="2022-04-01").status == 200
    assert arm("DELETE", path, version="2022-04-01").status == 204
    built_in = f"{PROVIDER}/roleDefinitions/{ROLES['Reader']}"
    assert arm("DELETE", built_in, version="2022-04-01").status == 403


@pytest.mark.parametrize("value", [True, 1, "*/read", {"a": "b"}, [True], [["*"]]])
@pytest.mark.parametrize("field", ["actions", "notActions", "dataActions", "notDataActions"])
def test_the_actions_of_a_custom_role_are_lists_of_strings(arm: Manager, field: str, value: Any) -> None:
    properties = {"roleName": "Mine", "permissions": [{field: value}], "assignableScopes": [arm.azure.subscription]}

    response = arm("PUT", f"{PROVIDER}/roleDefinitions/{ONE}", {"properties": properties}, version="2022-04-01")

    assert code(response) == (400, "InvalidRoleDefinition")


def test_assignments_are_deleted_with_their_resource(arm: Manager) -> None:
    vault = arm.vault()
    assignment = arm.grant(vault, "Key Vault Secrets Officer").json()
    assert arm("DELETE", vault).status == 200
    assert arm("PUT", vault, arm.vault_body(createMode="recover")).status == 200
    response = arm("GET", assignment["id"].removeprefix(arm.azure.subscription), version="2022-04-01")
    assert code(response) == (404, "RoleAssignmentNotFound")
    assert code(arm.secret("GET", "kv-one", "/secrets")) == (403, "Forbidden")
