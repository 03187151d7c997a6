"""What holds for every file of the repository, and what no linter checks: addresses, locks, lengths, who tests what."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
LOCKS = sorted([*TOP.glob("requirements/*.txt"), *TOP.glob("tests/**/*.lock"), *TOP.glob("localazure/**/*.lock")])
BINARY = {".gz", ".jar", ".png", ".svg"}
# Put together here, or this file would be the first to break its own rule.
MACHINE = re.compile("|".join("/" + place for place in ("home/[a-z]", "root/", "work/", "Users/[a-z]", "opt/pypi")))
REGISTRY = re.compile(r"(pypi\.org|pythonhosted\.org|--(extra-)?index-url|--find-links|https?://[^\s/]*/simple)")
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,}")
Function = ast.FunctionDef | ast.AsyncFunctionDef
WORDS = {"utils", "helpers", "common", "base", "core", "misc", "manager"}


def tracked() -> list[Path]:
    """Every file git knows or would take, that is there."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=TOP, capture_output=True, check=True).stdout.decode().split("\0")
    return [TOP / name for name in names if name and (TOP / name).is_file()]


@cache
def texts() -> list[tuple[str, str]]:
    """Name and text of what people can read, but this file."""
    readable = (path for path in tracked() if path.suffix not in BINARY and path != Path(__file__).resolve())
    return [(str(path.relative_to(TOP)), path.read_text(encoding="utf-8")) for path in readable]


def found(pattern: re.Pattern[str], files: list[tuple[str, str]]) -> list[str]:
    """`file:line: text` of each hit."""
    lines = ((name, number, line) for name, text in files for number, line in enumerate(text.splitlines(), 1))
    return [f"{name}:{number}: {line.strip()}" for name, number, line in lines if pattern.search(line)]


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    """Every Python file of ours, parsed."""
    paths = [path for path in tracked() if path.suffix == ".py" and "templates" not in path.parts]
    return [(path.relative_to(TOP), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def imported(tree: ast.Module) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def code_lines(function: Function) -> int:
    """Lines without decorators, docstring and inner functions; a function that only returns data counts as one."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body or (isinstance(body[0], ast.Return) and isinstance(body[0].value, ast.Dict)):
        return 1
    inner = [node for node in body if isinstance(node, Function)]
    return (function.end_lineno or 0) - body[0].lineno + 1 - sum((node.end_lineno or 0) - node.lineno for node in inner)


def test_no_file_names_a_place_on_one_machine() -> None:
    assert found(MACHINE, texts()) == []


def test_no_file_names_a_package_registry() -> None:
    assert found(REGISTRY, [file for file in texts() if file[0] != "requirements/sync.py"]) == []


def test_no_file_holds_a_key_or_a_client_secret() -> None:
    assert found(SECRET, texts()) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_a_version_and_hashes(lock: Path) -> None:
    entries = [entry for entry in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text()) if not entry.startswith("#")]
    assert entries
    assert [entry for entry in entries if "==" not in entry.split()[0] or "--hash=sha256:" not in entry] == []


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    runtime = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["local"]]
    wanted = {"runtime": runtime, **project["dependency-groups"]}
    locks = {lock.stem: lock.read_text() for lock in LOCKS}
    missing = [
        f"{name}: {package}"
        for name, packages in wanted.items()
        for package in packages
        if not re.search(rf"(?m)^{re.escape(re.split(r'[^a-z0-9-]', package)[0])}==", locks[name])
    ]
    assert missing == []


def test_both_locks_agree_on_every_version() -> None:
    pins = [
        set(re.findall(r"(?m)^\S+==\S+", (TOP / f"requirements/{name}.txt").read_text())) for name in ("runtime", "dev")
    ]
    assert pins[0] <= pins[1]


def test_the_makefile_is_alphabetical_and_its_targets_explain_themselves() -> None:
    text = (TOP / "Makefile").read_text()
    targets = re.findall(r"(?m)^([a-z][a-z-]*):", text)
    assert targets == sorted(targets)
    assert targets == re.findall(r"(?m)^([a-z][a-z-]*):[^#\n]* ## \S", text)
    assert targets == re.findall(r"[a-z-]+", text.split(".PHONY:")[1].replace("\\", ""))


def test_make_help_shows_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"(?m)^([a-z][a-z-]*):", (TOP / "Makefile").read_text())
    assert [line.split()[0] for line in shown.splitlines()] == targets


@pytest.mark.parametrize("target", ["local-reset", "migrate", "provision", "rotate", "teardown"])
@pytest.mark.parametrize(("answer", "confirmed"), [("YES=1", True), ("YES=", False)])
def test_make_confirms_only_where_it_is_told_to(target: str, answer: str, *, confirmed: bool) -> None:
    command = ["make", "--dry-run", target, answer, "OLD=dev", "NEW=prod"]
    said = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout
    assert ("--yes" in said.splitlines()[-1].split()) is confirmed, said


def test_no_file_is_longer_than_400_lines_and_no_function_longer_than_30() -> None:
    long = [f"{path}: {lines}" for path, _ in modules() if (lines := len((TOP / path).read_text().splitlines())) > 400]
    for path, tree in modules():
        nodes = (node for node in ast.walk(tree) if isinstance(node, Function))
        long += [f"{path}:{node.lineno}: {node.name}: {code_lines(node)}" for node in nodes if code_lines(node) > 30]
    assert long == []


def test_no_file_has_a_name_that_names_nothing() -> None:
    assert [str(path) for path, _ in modules() if path.stem in WORDS] == []


def test_tests_of_the_local_azure_do_not_use_our_own_client() -> None:
    folders = {("tests", "localazure"), ("tests", "clients")}
    ours = [(path, tree) for path, tree in modules() if path.parts[:2] in folders]
    assert {path.parts[:2] for path, _ in ours} == folders
    guilty = {str(path) for path, tree in ours for name in imported(tree) if name.startswith("provisioner.cloud")}
    assert guilty == set()


def test_every_lint_exception_says_why() -> None:
    bare = re.compile(
        r"#\s*(noqa(?!: [A-Z]+\d+(, ?[A-Z]+\d+)*\s+[#-]\s)|(type|pyright):\s*ignore(?!\[\w+(, ?\w+)*\]\s+[#-]\s))"
    )
    python = [file for file in texts() if file[0].endswith(".py")]
    assert found(bare, python) == []


def test_every_decision_is_in_the_index_of_decisions() -> None:
    records = sorted(path.name for path in (TOP / "docs/adr").glob("[0-9]*.md"))
    index = (TOP / "docs/adr/README.md").read_text()
    assert records
    assert [name for name in records if f"]({name})" not in index] == []


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md", "docs/adding-a-kind.md", "CHANGELOG.md"])
def test_what_the_pages_link_to_is_there(name: str) -> None:
    page = TOP / name
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_json_of_the_repository_can_be_read() -> None:
    for name, text in texts():
        if name.endswith(".json"):
            json.loads(text)


def test_the_readme_names_only_commands_that_exist() -> None:
    text = (TOP / "README.md").read_text()
    targets = set(re.findall(r"(?m)^([a-z][a-z-]*):", (TOP / "Makefile").read_text()))
    assert set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", text, re.MULTILINE)) <= targets
    tables = "".join(path.read_text() for path in (TOP / "provisioner/cli").glob("*.py"))
    verbs = {verb for words in re.findall(r"bin/provisioner ([a-z ]+)", text) for verb in words.split()}
    assert {verb for verb in verbs if f'"{verb}"' not in tables} == set()
