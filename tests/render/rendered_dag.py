"""Reads rendered DAGs."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from provisioner.render.dag import render_dag

if TYPE_CHECKING:
    from provisioner.render.dag import Hosts
    from provisioner.spec.model import Environment


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


def dag_text(environment: Environment, hosts: Hosts | None = None) -> str:
    """The file of its first job's DAG."""
    return render_dag(environment, environment.all_jobs[0], hosts)


def define(names: dict[str, Any], text: str, *functions: str) -> None:
    """Put functions of a rendered DAG among these names, which they use."""
    body = [one for one in ast.parse(text).body if getattr(one, "name", "") in functions]
    exec(compile(ast.Module(body, []), "dag", "exec"), names)  # noqa: S102  # the template's own functions
