"""What is posted to a webhook, and that one that is slow, wrong or gone holds up nobody and tells no address."""

from __future__ import annotations

import socket

import pytest

from provisioner.cloud import webhook as posting
from provisioner.cloud.webhook import post_returning_failure
from provisioner.secret import Secret
from tests.webhook import PATH, webhook


def test_a_message_that_is_taken_is_told_once() -> None:
    with webhook() as hook:
        assert post_returning_failure(Secret(hook.url), b'{"one": 1}') == ""
    assert hook.posted == [{"one": 1}]


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500])
def test_another_answer_is_told_and_followed_nowhere(status: int) -> None:
    with webhook() as hook:
        hook.status = status
        assert post_returning_failure(Secret(hook.url), b"{}") == f"it answered {status}"
    assert len(hook.posted) == 1


def test_one_that_is_gone_is_told_without_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert (
        post_returning_failure(Secret(f"http://127.0.0.1:{port}{PATH}"), b"{}")
        == "it cannot be reached (ConnectionError)"
    )
    assert post_returning_failure(Secret(f"https://{'x' * 300}{PATH}"), b"{}").startswith("it cannot be reached (")


def test_one_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SECONDS", 0.2)
    with webhook() as hook:
        hook.silent = True
        assert post_returning_failure(Secret(hook.url), b"{}") == "no answer within 0 s"
