"""One file per resource kind; found in this folder, listed nowhere."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provisioner.kind import Kind


def kinds() -> dict[str, Kind[Any, Any]]:
    """Every kind by the name of its file."""
    return {module.name: import_module(f"{__name__}.{module.name}").KIND for module in iter_modules(__path__)}
