"""Which function each command is: it loads the spec, runs the command, shows the result, returns the exit code."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

# By command: the module of this package, which is imported only for it, and the function.
VERBS = {
    "bootstrap": ("offline", "bootstrap"),
    "completion": ("offline", "completion"),
    "doctor": ("reading", "doctor"),
    "graph": ("offline", "graph"),
    "import": ("importing", "import_setup"),
    "init": ("init", "init"),
    "job": ("jobs", "job"),
    "local": ("local", "run"),
    "migrate": ("migrating", "migrate"),
    "output": ("outputs", "output"),
    "plan": ("reading", "plan"),
    "provision": ("writing", "provision"),
    "render": ("offline", "render"),
    "report": ("report", "report"),
    "rotate": ("writing", "rotate"),
    "run": ("dag_run", "run"),
    "schedule": ("offline", "schedule"),
    "schema": ("offline", "schema"),
    "status": ("reading", "status"),
    "teardown": ("writing", "teardown"),
    "validate": ("offline", "validate"),
    "verify": ("verification", "verify"),
    "workflow": ("offline", "workflow"),
}


def command(verb: str) -> Callable[[Namespace], int]:
    """The function of a command."""
    module, name = VERBS[verb]
    return getattr(import_module(f"provisioner.cli.{module}"), name)
