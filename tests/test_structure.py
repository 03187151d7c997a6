"""The shape of the packages: no import circles, no functions that only pass their arguments on, no long files.

Imports for types and in functions count.
"""

from __future__ import annotations

import ast
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOP = Path(__file__).parents[1]
PACKAGES = ("localazure", "provisioner")


def modules(top: Path, package: str) -> dict[str, Path]:
    """Every module of a package in the folder `top`, by its dotted name; a package has the name of its folder."""
    files = ((".".join(file.relative_to(top).with_suffix("").parts), file) for file in (top / package).rglob("*.py"))
    return {name.removesuffix(".__init__"): file for name, file in files}


def imported(name: str, file: Path) -> Iterator[str]:
    """Dotted names that a module imports, wherever in it; `from a import b` counts as `a.b`."""
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def imports(top: Path, package: str) -> dict[str, set[str]]:
    """Which modules of the package each of its modules imports."""
    files = modules(top, package)

    def module(name: str) -> str:
        """The module of that name, or the one that defines the name."""
        return name if name in files else name.rpartition(".")[0]

    return {name: {module(one) for one in imported(name, file)} & files.keys() for name, file in files.items()}


def shortest_paths(name: str, graph: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    """From a module to each that it imports, directly or through others; to itself only in a circle."""
    paths: dict[str, tuple[str, ...]] = {}
    waiting: deque[tuple[str, ...]] = deque([(name,)])
    while waiting:
        path = waiting.popleft()
        for one in sorted(graph[path[-1]] - paths.keys()):
            paths[one] = (*path, one)
            waiting.append(paths[one])
    return paths


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    """For each group of modules that import each other in circles: how many they are, and the shortest circle."""
    paths = {name: shortest_paths(name, graph) for name in graph}
    groups = {frozenset(one for one in paths[name] if name in paths[one]) for name in graph if name in paths[name]}
    shortest = {group: min((paths[name][name] for name in sorted(group)), key=len) for group in groups}
    return sorted(f"{len(group)}: {' -> '.join(path)}" for group, path in shortest.items())


def within(folder: str, graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Which modules and folders in a folder import which others in it."""

    def part(name: str) -> str:
        return ".".join(name.split(".")[: folder.count(".") + 2])

    inside = {name for name in graph if name.startswith(f"{folder}.")}
    parts: dict[str, set[str]] = {part(name): set() for name in inside}
    for name in inside:
        parts[part(name)] |= {part(one) for one in graph[name] & inside} - {part(name)}
    return parts


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_through_others(package: str) -> None:
    graph = imports(TOP, package)
    assert len(graph) > 10
    assert not circles(graph), "\n".join(["modules in circles:", *circles(graph)])


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_imports_itself_through_others(package: str) -> None:
    graph = imports(TOP, package)
    folders = {name.rpartition(".")[0] for name in graph} - {""}
    folder_circles = [circle for folder in sorted(folders) for circle in circles(within(folder, graph))]
    assert not folder_circles, "\n".join(["folders in circles:", *folder_circles])


TYPES_ONLY = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a": "from toy.b import B", "b": f"{TYPES_ONLY}from toy.a import A"}, ["2: toy.a -> toy.b -> toy.a"]),
        ({"a": "from toy import b", "b": "def f():\n    import toy.a"}, ["2: toy.a -> toy.b -> toy.a"]),
        ({"a": "from .b import B", "b": "from . import a"}, ["2: toy.a -> toy.b -> toy.a"]),
        (
            {"a": "import toy.b", "b": "import toy.c", "c": "import toy.a\nimport toy.d", "d": "import toy.c"},
            ["4: toy.c -> toy.d -> toy.c"],
        ),
        ({"a": "from toy.b.c import C", "b/__init__": "from toy.b.c import C", "b/c": "import json"}, []),
        ({"a": "from toy.b import B\nfrom toy.c import C", "b": "from toy.c import C", "c": ""}, []),
    ],
)
def test_a_circle_of_any_sort_of_import_is_found(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    for name, text in files.items():
        file = tmp_path / "toy" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert circles(imports(tmp_path, "toy")) == expected


def test_a_circle_of_folders_is_found_where_no_modules_are_in_one() -> None:
    graph = {"toy.a.x": {"toy.b.y"}, "toy.b.y": set[str](), "toy.b.z": {"toy.a.w"}, "toy.a.w": set[str]()}
    assert circles(graph) == []
    assert circles(within("toy", graph)) == ["2: toy.a -> toy.b -> toy.a"]
    assert circles(within("toy.a", graph)) == []


# Functions that may pass their arguments on, and why.
PASS_ON = {
    "provisioner.cli.local._runtimes": "chooses the function that it calls",
    "provisioner.cloud.transport.http_transport.sleep": "azure-core's protocol of a transport",
    "provisioner.render.template.as_json": "a filter of the templates, with a name of its own there",
}
# What only one package has still to lose; the others have none.
STILL_PASS_ON = {"localazure": {"localazure.storage.data.paths.put_keeping_etag"}, "provisioner": set[str]()}
LONGEST = 300
REASON = re.compile(r"^In one file: \w.{20,}\.$", re.MULTILINE)  # in the docstring of a longer file


def passes_on(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether its only statement is a call with exactly its own parameters."""
    body = [one for one in function.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    if function.decorator_list or len(body) != 1 or not isinstance(body[0], (ast.Return, ast.Expr)):
        return False
    call, parameters = body[0].value, function.args
    if not isinstance(call, ast.Call):
        return False
    positional = [one.arg for one in (*parameters.posonlyargs, *parameters.args) if one.arg not in {"self", "cls"}]
    positional += [f"*{one.arg}" for one in [parameters.vararg] if one]
    named = {one.arg for one in parameters.kwonlyargs} | {f"**{one.arg}" for one in [parameters.kwarg] if one}
    given = {
        f"{one.arg}={ast.unparse(one.value)}" if one.arg else f"**{ast.unparse(one.value)}" for one in call.keywords
    }
    same = {name if name.startswith("**") else f"{name}={name}" for name in named}
    return bool(positional or named) and list(map(ast.unparse, call.args)) == positional and given == same


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_only_calls_another_with_its_own_arguments(package: str) -> None:
    found = {
        f"{name}.{node.name}"
        for name, file in modules(TOP, package).items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and passes_on(node)
    }

    assert found - PASS_ON.keys() <= STILL_PASS_ON[package]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def a(b, *, c): return d(b, c=c)", True),
        ("def a(self, b): self.d.e(b)", True),
        ("def a(*b, **c): return d(*b, **c)", True),
        ("def a(b): return d(b, 1)", False),
        ("def a(b, c): return d(c, b)", False),
        ("def a(): return d()", False),
        ("def a(b):\n  e()\n  return d(b)", False),
    ],
)
def test_a_function_that_passes_its_arguments_on_is_found(source: str, *, expected: bool) -> None:
    function = ast.parse(source).body[0]

    assert isinstance(function, ast.FunctionDef)
    assert passes_on(function) is expected


def test_no_file_is_long_without_a_reason_in_its_docstring() -> None:
    texts = {
        file.relative_to(TOP).as_posix(): file.read_text(encoding="utf-8")
        for package in ("localazure", "provisioner")
        for file in (TOP / package).rglob("*.py")
    }
    long = {name: text for name, text in texts.items() if len(text.splitlines()) > LONGEST}

    assert long
    assert [name for name, text in long.items() if not REASON.search(ast.get_docstring(ast.parse(text)) or "")] == []
