"""The JavaScript SDKs of identity, Key Vault and data lakes work on the local Azure as the operator."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.clients import azure_resources
from tests.clients.conftest import SECONDS, told
from tests.clients.environment import HERE, node_folder
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

VAULT = "kv-javascript"


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no Node here, which only this client needs")
def test_secrets_and_files_are_written_and_read(azure: LocalAzure) -> None:
    azure_resources.vault(azure, VAULT)
    lake = lakes.create_lake(azure)
    folder = node_folder()
    program = shutil.copy(HERE / "javascript" / "clients.mjs", folder)  # beside its packages, where Node looks for them
    command = ["node", str(program), VAULT, lake.name]
    done = subprocess.run(command, env=told(azure), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {
        "secret": ["to be", "js", "text/plain"],
        "names": ["word"],
        "deleted": "word",
        "missing": "SecretNotFound",
        "text": "to be or not to be",
        "paths": [["in", True], ["in/renamed.txt", False]],
        "owner": lakes.OPERATOR,
        "again": "ContainerAlreadyExists",
    }
