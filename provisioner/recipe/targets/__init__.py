"""The targets' declarations: found in the folders `airflow/` and `flink/`, listed nowhere."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provisioner.spec.targets.contract import Target


def declaration(section: Target) -> Any:
    """The module that declares the target of a spec's section; it is called as the section's own module."""
    role, name = type(section).__module__.split(".")[-2:]
    return import_module(f"{__name__}.{role}.{name}")
