"""Signals that are heard and not raised."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from provisioner.engine.interrupts import set_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_event_and_raises_nothing_however_often_it_comes(number: int) -> None:
    raised: list[int] = []
    interrupted, before = Event(), signal.signal(number, lambda came, _frame: raised.append(came))
    try:
        with set_on_signals(interrupted):
            assert not interrupted.is_set()
            signal.raise_signal(number)
            signal.raise_signal(number)
        signal.raise_signal(number)
    finally:
        signal.signal(number, before)

    assert interrupted.is_set()
    assert raised == [number]


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    interrupted, before = Event(), signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with set_on_signals(interrupted):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert not interrupted.is_set()


def test_another_thread_than_the_main_one_hears_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)

    def handler() -> object:
        with set_on_signals(Event()):
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(handler).result() is before
