"""The SDKs' aio clients, over aiohttp, work on the local Azure as the operator."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.clients import azure_resources
from tests.clients.conftest import SECONDS, told

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

PROGRAMS = Path(__file__).resolve().parent / "programs"


def run(azure: LocalAzure, python: Path, program: str, *arguments: str) -> Any:
    """What a program of `programs/` prints, as JSON; a failure fails the test with all that it said."""
    done = subprocess.run(
        [str(python), "-W", "error::ResourceWarning", str(PROGRAMS / program), *arguments],
        env=told(azure),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_groups_vaults_roles_and_secrets_at_once(azure: LocalAzure, async_python: Path) -> None:
    found = run(
        azure, async_python, "async_vault.py", azure.subscription_id, azure.tenant_id, azure_resources.SECRETS_OFFICER
    )
    assert found == {
        "group": "Succeeded",
        "vault": "https://kv-async-one.vault.azure.net/",
        "refused": "Forbidden",
        "secrets": {f"secret-{number}": f"value-{number}" for number in range(8)},
        "listed": [f"secret-{number}" for number in range(8)],
        "restored": "value-7",
        "group after delete": False,
    }


def test_accounts_filesystems_and_files_at_once(azure: LocalAzure, async_python: Path) -> None:
    found = run(azure, async_python, "async_lake.py", azure.subscription_id, azure_resources.BLOB_DATA_OWNER)
    assert found == {
        "hierarchical": True,
        "refused": "AuthorizationPermissionMismatch",
        "files": {f"in/{number}.bin": 100_000 + number for number in range(6)},
        "renamed": True,
        "as blob": 100_003,
    }


def test_data_factory_and_identities(azure: LocalAzure, async_python: Path) -> None:
    found = run(azure, async_python, "async_factory.py", azure.subscription_id)
    assert found["identity"] == found["identity again"]
    assert found["factories"]
    assert (found["run"], found["runtime"]) == ("Succeeded", "Started")
