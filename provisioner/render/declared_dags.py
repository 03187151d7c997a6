"""Python text → the DAGs that it declares, as far as that can be read without running it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, kw_only=True)
class ReadDag:
    """A DAG in a file. id, schedule: None where they are no literal text."""

    id: str | None
    schedule: str | None
    line: int


def read_dags(tree: ast.Module) -> tuple[ReadDag, ...]:
    """Each call of `DAG` and each function that `@dag` decorates, in the order of the file."""
    return tuple(sorted(_dags_as_walked(tree), key=lambda dag: dag.line))


def is_empty(tree: ast.Module) -> bool:
    """Whether nothing but comments and texts stands in the file."""
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in tree.body)


def _dags_as_walked(tree: ast.Module) -> Iterator[ReadDag]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "DAG":
            yield _dag(node, node.lineno, None)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if _name(decorator.func if isinstance(decorator, ast.Call) else decorator) == "dag":
                    yield _dag(decorator, node.lineno, node.name)


def _dag(call: ast.expr, line: int, default: str | None) -> ReadDag:
    """What a call says; default: the id without an argument for it."""
    arguments = call.args if isinstance(call, ast.Call) else []
    keywords = {one.arg: one.value for one in call.keywords} if isinstance(call, ast.Call) else {}
    id_ = arguments[0] if arguments else keywords.get("dag_id")
    schedule = keywords.get("schedule") or keywords.get("schedule_interval")
    return ReadDag(id=default if id_ is None else _text(id_), schedule=_text(schedule), line=line)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _text(value: ast.expr | None) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
