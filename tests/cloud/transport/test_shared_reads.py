"""Answers that several runs share: one call for all, a new one for who asks again, none kept that is no answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from provisioner.cloud.transport.shared_reads import AGE_SECONDS, SharedReads

FACTORY = "https://management.azure.com/subscriptions/s/factories/f?api-version=1"
SECRET = "https://kv.vault.azure.net/secrets/x"


@dataclass(frozen=True)
class Said:
    status_code: int = 200


@dataclass
class World:
    """Counts what is sent, on a clock of its own."""

    now: float = 100.0
    sent: int = 0
    status: int = 200
    reads: SharedReads = field(init=False)

    def __post_init__(self) -> None:
        self.reads = SharedReads("https://management.azure.com", ticks=lambda: self.now)

    def send(self) -> Said:
        self.sent += 1
        if self.status == 0:
            raise ConnectionError
        return Said(self.status)

    def read(self, asked: set[str], url: str = FACTORY) -> Said:
        return self.reads.answer(url, asked, self.send)


def test_what_one_run_has_read_others_take_from_it() -> None:
    world = World()
    answers = [world.read(set()) for _ in range(5)]
    assert (world.sent, len({id(answer) for answer in answers})) == (1, 1)


def test_a_run_that_reads_once_more_asks_azure_and_so_do_others_after_a_while() -> None:
    world, asked = World(), set[str]()
    world.read(asked)
    world.read(asked)
    assert world.sent == 2
    world.now += AGE_SECONDS
    world.read(set())
    assert world.sent == 3


def test_only_what_resource_manager_answers_is_shared() -> None:
    world = World()
    world.read(set(), SECRET)
    world.read(set(), SECRET)
    assert world.sent == 2


@pytest.mark.parametrize("status", [0, 403, 404, 429])
def test_what_is_no_answer_is_not_kept(status: int) -> None:
    world = World(status=status)
    for count in (1, 2):
        if status:
            assert world.read(set()).status_code == status
        else:
            with pytest.raises(ConnectionError):
                world.read(set())
        assert world.sent == count
    world.status = 200
    assert world.read(set()).status_code == 200
    assert world.read(set()).status_code == 200
    assert world.sent == 3


def test_who_asks_meanwhile_waits_for_the_same_answer() -> None:
    world, answered, asking = World(), threading.Event(), threading.Event()

    def slow() -> Said:
        asking.set()
        answered.wait(10)
        return world.send()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(world.reads.answer, FACTORY, set[str](), slow)
        asking.wait(10)
        second = pool.submit(world.read, set[str]())
        answered.set()
        assert first.result() is second.result()
    assert world.sent == 1
