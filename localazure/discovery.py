"""Finds the SERVICES and RUNTIMES of the local Azure's packages by walking over them."""

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
    """Iterate over every service, in the order of packages and of the list in each."""
    yield from _find_all("SERVICES")


def find_runtimes() -> Iterator[Runtime]:
    """Iterate over every kind of real program."""
    yield from _find_all("RUNTIMES")


def _find_all(name: str) -> Iterator[Any]:
    for module in walk_packages(localazure.__path__, "localazure."):
        if module.ispkg:
            yield from getattr(import_module(module.name), name, ())
