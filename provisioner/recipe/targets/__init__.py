"""The targets' declarations: found in the folders `airflow/` and `flink/`, listed nowhere."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from provisioner.spec.targets.contract import Target


def declaring_module(section: Target) -> ModuleType:
    """The module that declares the target of a spec's section; it has the name of the module of that section."""
    role, name = type(section).__module__.split(".")[-2:]
    return import_module(f"{__name__}.{role}.{name}")
