"""Each kind whose owner tag a migration changes: the one of another environment becomes this one's in one write."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.kinds import kinds
from tests.kinds import test_filesystem, test_job_jar, test_key_vault, test_resource_group, test_storage_account
from tests.kinds.azure_setup import ENVIRONMENT, OTHER

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

EXAMPLES = {
    "filesystem": test_filesystem.EXAMPLE,
    "job_jar": test_job_jar.EXAMPLE,
    "key_vault": test_key_vault.EXAMPLE,
    "resource_group": test_resource_group.EXAMPLE,
    "storage_account": test_storage_account.EXAMPLE,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_update_takes_the_owner_tag_over(cloud: Cloud, azure: LocalAzure, name: str) -> None:
    kind: Any = kinds()[name]
    desired: Any = EXAMPLES[name].declare(azure)
    kind.create(cloud, replace(desired, environment=OTHER))
    cloud.session.reads.new_pass()
    before = kind.read(cloud, desired)
    assert (before.owner, before.owned) == (OTHER, False)

    kind.update(cloud, desired, before)

    cloud.session.reads.new_pass()
    after = kind.read(cloud, desired)
    assert (after.owner, after.owned) == (ENVIRONMENT, True)
