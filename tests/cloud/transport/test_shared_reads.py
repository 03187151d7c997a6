"""Answers that several runs share: one call for all, a new one for who asks again, none kept that is no answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from provisioner.cloud.transport.shared_reads import AGE_SECONDS, SharedReads

FACTORY = "https://management.azure.com/subscriptions/s/factories/f?api-version=1"
DELETED = "https://graph.microsoft.com/v1.0/directory/deletedItems/microsoft.graph.application"
SECRET = "https://kv.vault.azure.net/secrets/x"


@dataclass(frozen=True)
class Said:
    status_code: int = 200


@dataclass
class Reader:
    """Counts what is sent, on a clock of its own."""

    now: float = 100.0
    sent: int = 0
    status: int = 200
    reads: SharedReads = field(init=False)

    def __post_init__(self) -> None:
        services = ("https://management.azure.com", "https://graph.microsoft.com/v1.0")
        self.reads = SharedReads(*services, ticks=lambda: self.now)

    def send(self) -> Said:
        self.sent += 1
        if self.status == 0:
            raise ConnectionError
        return Said(self.status)

    def read(self, asked: set[str], url: str = FACTORY) -> Said:
        return self.reads.get_or_send(url, asked, self.send)


@pytest.mark.parametrize("url", [FACTORY, DELETED])
def test_what_one_run_has_read_others_take_from_it(url: str) -> None:
    reader = Reader()
    answers = [reader.read(set(), url) for _ in range(5)]
    assert (reader.sent, len({id(answer) for answer in answers})) == (1, 1)


def test_a_run_that_reads_once_more_asks_azure_and_so_do_others_after_a_while() -> None:
    reader, asked = Reader(), set[str]()
    reader.read(asked)
    reader.read(asked)
    assert reader.sent == 2
    reader.now += AGE_SECONDS
    reader.read(set())
    assert reader.sent == 3


def test_only_what_resource_manager_and_graph_answer_is_shared() -> None:
    reader = Reader()
    reader.read(set(), SECRET)
    reader.read(set(), SECRET)
    assert reader.sent == 2


@pytest.mark.parametrize("status", [0, 403, 404, 429])
def test_what_is_no_answer_is_not_kept(status: int) -> None:
    reader = Reader(status=status)
    for count in (1, 2):
        if status:
            assert reader.read(set()).status_code == status
        else:
            with pytest.raises(ConnectionError):
                reader.read(set())
        assert reader.sent == count
    reader.status = 200
    assert reader.read(set()).status_code == 200
    assert reader.read(set()).status_code == 200
    assert reader.sent == 3


def test_who_asks_meanwhile_waits_for_the_same_answer() -> None:
    reader, answered, asking = Reader(), threading.Event(), threading.Event()

    def slow() -> Said:
        asking.set()
        answered.wait(10)
        return reader.send()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(reader.reads.get_or_send, FACTORY, set[str](), slow)
        asking.wait(10)
        second = pool.submit(reader.read, set[str]())
        answered.set()
        assert first.result() is second.result()
    assert reader.sent == 1
