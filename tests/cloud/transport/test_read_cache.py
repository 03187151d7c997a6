"""What a pass asked for already."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.cloud.clouds import GROUPS, group

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def test_a_pass_reads_a_thing_once_and_the_next_pass_anew(cloud: Cloud, azure: LocalAzure) -> None:
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(cloud.arm.find, group(azure), GROUPS) for _ in range(8)]
        assert [future.result() for future in futures] == [None] * 8
    assert cloud.session.request_counts["GET management.azure.com"] == 1
    cloud.session.reads.new_pass()
    cloud.arm.find(group(azure), GROUPS)
    assert cloud.session.request_counts["GET management.azure.com"] == 2


def test_what_was_written_is_read_anew_each_time(cloud: Cloud, azure: LocalAzure) -> None:
    cloud.arm.find(group(azure), GROUPS)
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})
    before = cloud.session.request_counts["GET management.azure.com"]
    for _ in range(2):
        assert cloud.arm.find(group(azure), GROUPS) is not None
    assert cloud.session.request_counts["GET management.azure.com"] == before + 2


def test_an_error_in_a_memo_is_not_kept(cloud: Cloud) -> None:
    answers = iter((ValueError("first"), 7))

    def fetch() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match="first"):
        cloud.session.reads.get("k", fetch)
    assert cloud.session.reads.get("k", fetch) == 7
