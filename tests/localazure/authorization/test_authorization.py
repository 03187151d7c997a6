"""Role assignments and what they decide: the SDK's life of one, refusals, custom roles, inheritance, revocation."""

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

HERE = "/providers/Microsoft.Authorization"
ONE, TWO = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def _put(arm: Manager, path: str, name: str, body: dict[str, Any], version: str = "2022-04-01") -> Any:
    return arm("PUT", f"{path}{HERE}/roleAssignments/{name}", body, version=version)


def _custom(arm: Manager, name: str, **permissions: list[str]) -> str:
    """A custom role; its GUID."""
    guid = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    empty: dict[str, list[str]] = {"actions": [], "notActions": [], "dataActions": [], "notDataActions": []}
    properties = {"roleName": name, "permissions": [empty | permissions], "assignableScopes": [arm.azure.subscription]}
    made = arm("PUT", f"{HERE}/roleDefinitions/{guid}", {"properties": properties}, version="2022-04-01")
    assert made.status == 201, made.json()
    return guid


def test_an_assignment_lives_and_dies_by_the_sdk(azure_env: LocalAzure) -> None:
    azure, arm = azure_env, Manager(azure=azure_env)
    scope = f"{azure.subscription}{arm.vault()}"
    secret = azure.operator_secret.reveal()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, secret) as credential,
        AuthorizationManagementClient(credential, azure.subscription_id) as typed,
    ):
        client: Any = typed  # one class for all versions: its declared types are a union that nothing fits
        found = list(client.role_definitions.list(scope, filter="roleName eq 'Key Vault Secrets User'"))
        wanted = RoleAssignmentCreateParameters(
            role_definition_id=str(found[0].id),
            principal_id=OPERATOR,
            principal_type="ServicePrincipal",
            description="x",
        )
        made = client.role_assignments.create(scope, ONE, wanted)
        assert (made.scope, made.principal_type, made.description) == (scope, "ServicePrincipal", "x")
        assert client.role_assignments.get(scope, ONE).id == made.id
        assert client.role_assignments.get_by_id(str(made.id)).name == ONE
        listed = client.role_assignments.list_for_scope(scope, filter=f"principalId eq '{OPERATOR}'")
        assert ONE in [one.name for one in listed]
        with pytest.raises(ResourceExistsError, match="RoleAssignmentExists"):
            client.role_assignments.create(scope, TWO, wanted)
        assert client.role_assignments.delete(scope, ONE) is not None
        assert client.role_assignments.delete(scope, ONE) is None
        may = list(client.permissions.list_for_resource_group("rg-one"))
        assert may[0].actions == ["*"]


def test_an_update_answers_201_and_changes_the_description_only(arm: Manager) -> None:
    vault, other = arm.vault(), arm.someone()
    first = arm.assignment("Key Vault Secrets User", description="first")
    assert _put(arm, vault, ONE, first).status == 201
    again = _put(arm, vault, ONE, arm.assignment("Key Vault Secrets User", description="second"))
    assert (again.status, again.json()["properties"]["description"]) == (201, "second")
    for changed in (arm.assignment("Reader"), arm.assignment("Key Vault Secrets User", other.object_id)):
        assert code(_put(arm, vault, ONE, changed)) == (400, "RoleAssignmentUpdateNotPermitted")
    assert code(_put(arm, "/resourceGroups/rg-one", ONE, first)) == (400, "RoleAssignmentUpdateNotPermitted")


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("no-guid", {}, (400, "InvalidRoleAssignmentId")),
        (ONE, {"principalId": TWO}, (400, "PrincipalNotFound")),
        (ONE, {"principalType": None}, (400, "UnmatchedPrincipalType")),
        (ONE, {"principalType": "Group"}, (400, "UnmatchedPrincipalType")),
        (ONE, {"roleDefinitionId": ROLES["Reader"]}, (400, "InvalidRoleDefinitionId")),
        (ONE, {"roleDefinitionId": f"{HERE}/roleDefinitions/{TWO}"}, (404, "RoleDefinitionDoesNotExist")),
        (ONE, {"principalId": None}, (400, "BadRequestFormat")),
    ],
)
def test_azure_refuses_a_bad_assignment(
    arm: Manager, name: str, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code(_put(arm, arm.vault(), name, arm.assignment("Reader", **changes))) == expected


def test_other_versions_look_the_principals_type_up(arm: Manager) -> None:
    made = _put(arm, arm.group(), ONE, arm.assignment("Reader", principalType=None), version="2020-04-01-preview")
    assert (made.status, made.json()["properties"]["principalType"]) == (201, "ServicePrincipal")


def test_an_assignment_needs_its_scope(arm: Manager) -> None:
    assert code(_put(arm, "/resourceGroups/rg-no", ONE, arm.assignment("Reader"))) == (404, "ResourceGroupNotFound")
    vault = f"{arm.group()}/providers/Microsoft.KeyVault/vaults/kv-no"
    assert code(_put(arm, vault, ONE, arm.assignment("Reader"))) == (404, "ResourceNotFound")


def test_lists_reach_up_and_down_and_at_scope_only_up(arm: Manager) -> None:
    vault = arm.vault()
    someone = arm.someone()
    arm.grant(vault, "Reader", someone.object_id)
    arm.grant("/resourceGroups/rg-one", "Contributor", someone.object_id)

    def roles(path: str, query: str = "") -> set[str]:
        found = arm("GET", f"{path}{HERE}/roleAssignments{query}", version="2022-04-01").json()["value"]
        mine = [one["properties"] for one in found if one["properties"]["principalId"] == someone.object_id]
        return {one["roleDefinitionId"].rsplit("/", 1)[-1] for one in mine}

    both = {ROLES["Reader"], ROLES["Contributor"]}
    assert roles(vault) == both
    assert roles("/resourceGroups/rg-one") == both
    assert roles("/resourceGroups/rg-one", "?$filter=atScope()") == {ROLES["Contributor"]}
    assert roles("", f"?$filter=principalId eq '{someone.object_id}'") == both
    assert roles("", f"?$filter=atScope() and assignedTo('{someone.object_id}')") == set()
    assert code(arm("GET", f"{HERE}/roleAssignments?$filter=description eq 'x'", version="2022-04-01")) == (
        400,
        "UnsupportedFilter",
    )


def test_writing_an_assignment_needs_the_right_that_contributor_lacks(arm: Manager) -> None:
    group, someone = arm.group(), arm.someone()
    arm.grant(group, "Contributor", someone.object_id)
    mine = arm.as_(someone)
    assert mine("PATCH", group, {"tags": {"a": "b"}}).status == 200
    refused = _put(mine, group, ONE, arm.assignment("Reader"))
    assert code(refused) == (403, "AuthorizationFailed")
    assert "'Microsoft.Authorization/roleAssignments/write'" in refused.json()["error"]["message"]


def test_a_not_action_takes_away_from_its_own_role_only(arm: Manager) -> None:
    group, someone = arm.group(), arm.someone()
    groups = "Microsoft.Resources/subscriptions/resourceGroups"
    role = _custom(arm, "All but delete", actions=[f"{groups}/*"], notActions=[f"{groups}/delete"])
    arm.grant(group, role, someone.object_id)
    mine = arm.as_(someone)
    assert mine("PATCH", group, {"tags": {}}).status == 200
    assert code(mine("DELETE", group)) == (403, "AuthorizationFailed")
    arm.grant(group, _custom(arm, "Delete", actions=[f"{groups}/delete"]), someone.object_id)
    assert mine("DELETE", group).status == 202


def test_a_custom_data_role_at_the_group_opens_the_vaults_in_it(arm: Manager) -> None:
    arm.vault("kv-one", "rg-one")
    arm.vault("kv-two", "rg-two")
    someone = arm.someone()
    role = _custom(arm, "Secret lister", dataActions=["Microsoft.KeyVault/vaults/secrets/readMetadata/action"])
    arm.grant("/resourceGroups/rg-one", role, someone.object_id)
    token = arm.azure.token(VAULT, someone.app_id, someone.secret)
    assert arm.secret("GET", "kv-one", "/secrets", token=token).status == 200
    assert code(arm.secret("GET", "kv-one", "/secrets/x", token=token)) == (403, "Forbidden")
    assert code(arm.secret("GET", "kv-two", "/secrets", token=token)) == (403, "Forbidden")


def test_a_role_revoked_while_a_token_lives_is_gone_with_the_next_call(arm: Manager) -> None:
    vault, someone = arm.vault(), arm.someone()
    made = arm.grant(vault, "Key Vault Secrets User", someone.object_id).json()
    token = arm.azure.token(VAULT, someone.app_id, someone.secret)
    assert code(arm.secret("GET", "kv-one", "/secrets/x", token=token)) == (404, "SecretNotFound")
    assert arm("DELETE", made["id"].removeprefix(arm.azure.subscription), version="2022-04-01").status == 200
    assert code(arm.secret("GET", "kv-one", "/secrets/x", token=token)) == (403, "Forbidden")


def test_a_condition_that_cannot_be_evaluated_allows_nothing(arm: Manager) -> None:
    vault, someone = arm.vault(), arm.someone()
    condition = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringStartsWith 'airflow'"
    made = arm.grant(vault, "Key Vault Secrets User", someone.object_id, condition=condition, conditionVersion="2.0")
    assert made.json()["properties"]["condition"] == condition
    token = arm.azure.token(VAULT, someone.app_id, someone.secret)
    assert code(arm.secret("GET", "kv-one", "/secrets/airflow-x", token=token)) == (403, "Forbidden")


def test_permissions_show_what_the_caller_has_at_the_scope(arm: Manager) -> None:
    vault, someone = arm.vault(), arm.someone()
    mine = arm.as_(someone)
    assert mine("GET", f"{vault}{HERE}/permissions", version="2022-04-01").json()["value"] == []
    arm.grant(vault, "Key Vault Secrets User", someone.object_id)
    found = mine("GET", f"{vault}{HERE}/permissions", version="2022-04-01").json()["value"]
    assert found[0]["dataActions"][0] == "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    assert mine("GET", f"/resourceGroups/rg-one{HERE}/permissions", version="2022-04-01").json()["value"] == []


def test_a_custom_role_in_use_stays_and_its_name_is_its_own(arm: Manager) -> None:
    group = arm.group()
    guid = _custom(arm, "Mine", actions=["*/read"])
    path = f"{HERE}/roleDefinitions/{guid}"
    named = arm("GET", f"{HERE}/roleDefinitions?$filter=roleName eq 'mine'", version="2022-04-01").json()["value"]
    assert [one["properties"]["type"] for one in named] == ["CustomRole"]
    made = arm.grant(group, guid).json()
    assert code(arm("DELETE", path, version="2022-04-01")) == (400, "RoleDefinitionHasAssignments")
    twin = {"properties": {"roleName": "Mine", "permissions": [], "assignableScopes": [arm.azure.subscription]}}
    assert code(arm("PUT", f"{HERE}/roleDefinitions/{ONE}", twin, version="2022-04-01")) == (
        409,
        "RoleDefinitionWithSameNameExists",
    )
    arm("DELETE", made["id"].removeprefix(arm.azure.subscription), version="2022-04-01")
    assert arm("DELETE", path, version="2022-04-01").status == 200
    assert arm("DELETE", path, version="2022-04-01").status == 204
    built_in = f"{HERE}/roleDefinitions/{ROLES['Reader']}"
    assert arm("DELETE", built_in, version="2022-04-01").status == 403


@pytest.mark.parametrize("wrong", [True, 1, "*/read", {"a": "b"}, [True], [["*"]]])
@pytest.mark.parametrize("part", ["actions", "notActions", "dataActions", "notDataActions"])
def test_what_a_custom_role_allows_is_a_list_of_texts(arm: Manager, part: str, wrong: Any) -> None:
    given = {"roleName": "Mine", "permissions": [{part: wrong}], "assignableScopes": [arm.azure.subscription]}

    made = arm("PUT", f"{HERE}/roleDefinitions/{ONE}", {"properties": given}, version="2022-04-01")

    assert code(made) == (400, "InvalidRoleDefinition")


def test_assignments_end_with_their_resource(arm: Manager) -> None:
    vault = arm.vault()
    made = arm.grant(vault, "Key Vault Secrets Officer").json()
    assert arm("DELETE", vault).status == 200
    assert arm("PUT", vault, arm.vault_body(createMode="recover")).status == 200
    found = arm("GET", made["id"].removeprefix(arm.azure.subscription), version="2022-04-01")
    assert code(found) == (404, "RoleAssignmentNotFound")
    assert code(arm.secret("GET", "kv-one", "/secrets")) == (403, "Forbidden")
