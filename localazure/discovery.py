"""Finds what the packages of the local Azure have: nobody lists them."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

import localazure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.runtime import Runtime
    from localazure.app.service import Service


def find_services() -> Iterator[Service]:
    """Every service, in the order of its package and of the list there."""
    yield from _all("SERVICES")


def find_runtimes() -> Iterator[Runtime]:
    """Every sort of real program."""
    yield from _all("RUNTIMES")


def _all(name: str) -> Iterator[Any]:
    for found in walk_packages(localazure.__path__, "localazure."):
        if found.ispkg:
            yield from getattr(import_module(found.name), name, ())
