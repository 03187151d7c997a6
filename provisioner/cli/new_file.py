"""Writes the file of a new environment, and beside it the JSON Schema that the file's first line names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.render.environment_file import SCHEMA
from provisioner.spec.loader import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.spec.model import Environment


def require_new_spec_path(name: str) -> Path:
    """Where the environment's file is to be. Raises Refused for a name that is none, and if there is one."""
    from provisioner.spec.answers import objection
    from provisioner.spec.model import Environment

    if right := objection(Environment, ("name",), name):
        raise Refused(name, "is no name of an environment", right)
    path = FOLDER / f"{name}.yaml"
    if path.exists():
        raise Refused(str(path), "exists already", "Edit it, or give another name")
    return path


def write_and_load_spec(path: Path, text: str) -> Environment:
    """Write the file, and beside it the JSON Schema, and load it.

    Raises Refused; and SpecError with what is wrong in it, as two answers together may be.
    """
    from provisioner.render.dag_problems import dag_problems
    from provisioner.spec.loader import load
    from provisioner.spec.schema import json_schema

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        schema = json.dumps(json_schema(), indent=2)
        (path.parent / SCHEMA).write_text(f"{schema}\n", encoding="utf-8")
    except OSError as error:
        raise Refused(str(path), f"cannot be written: {error.strerror}", "Change to a folder that can") from None
    return load(str(path), dag_problems=dag_problems)
