"""Management locks: what they forbid, and where they are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

LOCKS = "/providers/Microsoft.Authorization/locks"
VERSION = "2016-09-01"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def put_lock(arm: Manager, path: str, level: str, name: str = "keep", **properties: Any) -> Answer:
    body = {"properties": {"level": level, **properties}}
    return arm("PUT", f"{path}{LOCKS}/{name}", body, version=VERSION)


def test_a_lock_is_created_replaced_read_and_deleted(arm: Manager) -> None:
    group = arm.group()
    created = put_lock(arm, group, "CanNotDelete", notes="why")
    assert created.status == 201
    assert created.json() == {
        "properties": {"level": "CanNotDelete", "notes": "why"},
        "id": f"{arm.azure.subscription}{group}{LOCKS}/keep",
        "type": "Microsoft.Authorization/locks",
        "name": "keep",
    }
    assert put_lock(arm, group, "readonly").json()["properties"] == {"level": "ReadOnly"}
    assert arm("GET", f"{group}{LOCKS}/KEEP", version=VERSION).json()["properties"] == {"level": "ReadOnly"}
    assert arm("DELETE", f"{group}{LOCKS}/keep", version=VERSION).status == 200
    assert arm("DELETE", f"{group}{LOCKS}/keep", version=VERSION).status == 204
    assert code(arm("GET", f"{group}{LOCKS}/keep", version=VERSION)) == (404, "LockNotFound")
    assert code(put_lock(arm, group, "Strong")) == (400, "InvalidLockLevel")
    assert code(put_lock(arm, group, "ReadOnly", notes="x" * 513)) == (400, "LockNotesTooLong")
    assert code(put_lock(arm, "/resourceGroups/none", "ReadOnly")) == (404, "ResourceGroupNotFound")


def test_nothing_below_a_lock_is_deleted_and_no_scope_with_a_lock_in_it(arm: Manager) -> None:
    vault = arm.vault()
    group, subscription = vault.partition("/providers")[0], arm.azure.subscription
    assert put_lock(arm, vault, "CanNotDelete").status == 201
    for path in (vault, group):
        refused = arm("DELETE", path)
        assert code(refused) == (409, "ScopeLocked")
        assert refused.json()["error"]["message"] == (
            f"The scope '{subscription}{path}' cannot perform delete operation because following scope(s) are locked: "
            f"'{subscription}{vault}'. Please remove the lock and try again."
        )
    assert arm("PATCH", vault, {"tags": {"a": "b"}}).status == 200
    assert arm("DELETE", f"{vault}{LOCKS}/keep", version=VERSION).status == 200
    assert arm("DELETE", vault).status == 200


def test_nothing_below_a_read_only_lock_is_changed_created_or_asked_for_its_keys(arm: Manager) -> None:
    vault = arm.vault()
    group = vault.partition("/providers")[0]
    assert put_lock(arm, group, "ReadOnly").status == 201
    assert arm("GET", vault).status == 200
    changes = [
        arm("PATCH", vault, {"tags": {}}),
        arm("DELETE", vault),
        arm("PUT", f"{group}/providers/Microsoft.KeyVault/vaults/kv-two", arm.vault_body()),
        arm.grant(group, "Reader"),
        arm("POST", f"{group}/providers/Microsoft.Storage/storageAccounts/account1/listKeys"),
    ]
    assert [code(change) for change in changes] == [(409, "ScopeLocked")] * len(changes)
    assert "cannot perform write operation" in changes[0].json()["error"]["message"]
    assert arm("PATCH", arm.vault("kv-other", "rg-two"), {"tags": {}}).status == 200


def test_locks_are_listed_at_and_below_a_scope(arm: Manager) -> None:
    vault = arm.vault()
    group = vault.partition("/providers")[0]
    for path, name in (("", "subscription"), (group, "group"), (vault, "vault")):
        assert put_lock(arm, path, "CanNotDelete", name).status == 201

    def names(path: str, query: str = "") -> list[str]:
        listed = arm("GET", f"{path}{LOCKS}{query}", version=VERSION).json()["value"]
        return sorted(lock["name"] for lock in listed)

    assert names("") == ["group", "subscription", "vault"]
    assert names(group) == ["group", "vault"]
    assert names(group, "?$filter=atScope()") == ["group"]
    assert code(arm("GET", f"{group}{LOCKS}?$filter=name eq 'x'", version=VERSION)) == (
        400,
        "InvalidFilterInQueryString",
    )
    assert all(
        lock["type"] != "Microsoft.Authorization/locks" for lock in arm("GET", f"{group}/resources").json()["value"]
    )
