"""Tokens of one run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from provisioner.cloud.profile import LOCAL

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud


def test_every_audience_is_asked_for_once_however_many_threads_ask(cloud: Cloud) -> None:
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(cloud.session.sign_in) for _ in range(8)]:
            future.result()
    for scope in LOCAL.scopes:
        cloud.session.credential.get_token_info(scope)
    assert cloud.session.request_counts["POST login.microsoftonline.com"] == len(LOCAL.scopes)
