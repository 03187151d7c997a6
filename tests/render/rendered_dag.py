"""Reads rendered DAGs."""

from __future__ import annotations

import ast
from typing import Any


def constants(source: str) -> dict[str, Any]:
    """The literals that a rendered DAG assigns at its top."""
    found: dict[str, Any] = {}
    for line in ast.parse(source, feature_version=(3, 8)).body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            try:
                found[line.targets[0].id] = ast.literal_eval(line.value)
            except ValueError:
                continue
    return found
