"""Processes that threads begin and wait for beside each other."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from tests.child import Process


def exit_code(code: int) -> int | None:
    process = Process(target=os._exit, args=(code,))
    process.start()
    process.join()
    return process.exitcode


def test_each_thread_gets_the_exit_code_of_its_own_process() -> None:
    codes = [number % 5 for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(exit_code, codes)) == codes
