"""docs/adding-a-target.md: its target is only new files, and every verb takes it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.app.tenant import SEEDED_IDENTITY
from provisioner.spec.targets.contract import AirflowTarget, FlinkTarget, Target
from tests.test_target_names import mentions

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/adding-a-target.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
KEPT = shutil.ignore_patterns("__pycache__")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tool with the page's files, and an environment that names the toy."""
    for folder in ("provisioner", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=KEPT)
    for file in (*(ROOT / "tests").glob("*.py"), *(ROOT / "tests/kinds").glob("*.py")):
        if not file.name.startswith(("conftest", "test_")):
            (tmp_path / file.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, tmp_path / file.relative_to(ROOT))
    for name, text in FILES.items():
        assert not (tmp_path / name).exists()
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    spec = yaml.safe_load((ROOT / "environments/local.yaml").read_text())
    spec["flink"] = {"target": "toy", "cluster": SEEDED_IDENTITY}
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments/toy.yaml").write_text(yaml.safe_dump(spec))
    return tmp_path


def run(copy: Path, azure: LocalAzure, *arguments: str) -> str:
    """What a module of Python says that runs in the copy."""
    environment = {**os.environ, "PROVISIONER_LOCAL_STATE": str(azure.state), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def provisioner(copy: Path, azure: LocalAzure, verb: str, *options: str) -> Any:
    return json.loads(run(copy, azure, "provisioner", verb, "toy", "--json", *options))


def test_a_target_is_at_most_six_new_files_none_of_which_is_there() -> None:
    assert 0 < len(FILES) <= 6
    assert [name for name in FILES if (ROOT / name).exists()] == []


def test_every_member_of_a_section_is_explained() -> None:
    inherited = {*dir(Target.__mro__[1]), "model_config"}
    own = {name for one in (AirflowTarget, FlinkTarget) for name in dir(one) if not name.startswith(("_", "model_"))}
    annotated = {"version", "provider_version", "rollout", "variables_prefix", "connections_prefix", "service"}
    names = (own - inherited | annotated | {"short"}) - {"part"}
    assert sorted(name for name in names if f"`{name}`" not in PAGE) == []


def test_nothing_else_of_the_tool_names_it(copy: Path) -> None:
    others = [file for file in (copy / "provisioner").rglob("*.py") if str(file.relative_to(copy)) not in FILES]
    assert mentions("toy-cluster", others, copy) == []


def test_its_own_test_passes_and_the_schema_knows_its_fields(copy: Path, azure: LocalAzure) -> None:
    (test,) = (name for name in FILES if name.startswith("tests/"))
    said = run(copy, azure, "pytest", "-q", "-c", os.devnull, "--rootdir", ".", "--import-mode=importlib", test)
    assert "2 passed" in said
    schema = json.loads(run(copy, azure, "provisioner", "schema"))
    assert schema["$defs"]["Toy"]["required"] == ["target", "cluster"]


def test_every_verb_takes_an_environment_of_it(copy: Path, azure: LocalAzure) -> None:
    said = provisioner(copy, azure, "provision", "--yes")
    assert {step["outcome"] for step in said["steps"]} <= {"done", "unchanged"}
    assert provisioner(copy, azure, "plan", "--detailed-exitcode")["summary"]["keep"] > 20
    found = {one["what"]: one["state"] for one in provisioner(copy, azure, "verify")["findings"]}
    assert (found["the toy reads the jar"], found["flink-api may use the Flink cluster"]) == ("ok", "ok")
    assert "a toy runs no job" in provisioner(copy, azure, "status")["notes"]
    provisioner(copy, azure, "teardown", "--yes")
