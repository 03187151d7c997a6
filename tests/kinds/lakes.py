"""The local Azure's storage as tests of kinds use it: an account, and files that others put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kinds.azure_setup import grant, put

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

ACCOUNT = "stkinds"
DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
AUDIENCE = "https://storage.azure.com"


def make_account(azure: LocalAzure, *, hierarchical: bool = True) -> str:
    """An account whose data the operator owns; its id."""
    group = f"{azure.subscription}/resourceGroups/rg-kinds"
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
    body = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"isHnsEnabled": hierarchical},
    }
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    put(azure, account, "2023-05-01", body)
    grant(azure, account, DATA_OWNER)
    return account


def lake(azure: LocalAzure, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    """One request to the data lake as the operator; in header names `_` stands for `-`."""
    url = f"https://{ACCOUNT}.dfs.core.windows.net/{path}"
    sent = {"x-ms-version": "2023-11-03", **headers}
    return azure.request(method, url, body, headers=sent, token=azure.token(AUDIENCE))


def make_filesystem(azure: LocalAzure, name: str) -> None:
    """A filesystem that somebody else made."""
    assert lake(azure, "PUT", f"{name}?resource=filesystem").status == 201


def write_file(azure: LocalAzure, path: str, content: bytes, **headers: str) -> None:
    """A file that somebody else wrote, in place of what was there."""
    assert lake(azure, "PUT", f"{path}?resource=file", None, **headers).status == 201
    assert lake(azure, "PATCH", f"{path}?action=append&position=0", content).status == 202
    assert lake(azure, "PATCH", f"{path}?action=flush&position={len(content)}").status == 200


def content(azure: LocalAzure, path: str) -> bytes:
    """What a reader gets."""
    return lake(azure, "GET", path).body


def names(azure: LocalAzure, filesystem: str) -> list[str]:
    """Every file and directory."""
    found = lake(azure, "GET", f"{filesystem}?resource=filesystem&recursive=true").json()["paths"]
    return [one["name"] for one in found]
