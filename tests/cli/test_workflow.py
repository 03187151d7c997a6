"""`provisioner workflow`: what it writes is what its platform takes, and its scripts do as they say."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.cli.main import main
from tests.cli.test_schedule import check
from tests.documents import document_problems

ROOT = Path(__file__).parents[2]
COMMIT = f"git+https://github.com/example/tool@{'0123456789' * 4}"
WHEEL = f"https://files.example/airflow_flink_provisioner-0.1.0-py3-none-any.whl#sha256={'0f' * 32}"
GH = """#!/bin/sh
printf '%s ' gh "$@" >> calls; echo >> calls
case "$*" in
  *"/pulls "*) cat pulls ;;
  "run list "*) cat runs ;;
  "run download "*) echo '{}' > plan.json ;;
  "api --paginate "*) cat comments ;;
esac
"""


@pytest.fixture
def render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`render("github-actions", "dev")`: the files that it wrote."""
    monkeypatch.chdir(ROOT)

    def call(kind: str, *names: str, source: str = COMMIT) -> list[Path]:
        code = main(["workflow", *names, "--kind", kind, "--source", source, "--out", str(tmp_path / "made")])
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return [Path(line) for line in out.splitlines()]

    return call


@pytest.mark.parametrize("kind", ["github-actions", "azure-pipelines"])
def test_its_document_is_as_the_schema_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["workflow", "dev", "--kind", kind, "--source", COMMIT, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document_problems("workflow", document) == []
    assert all(COMMIT in file["content"] for file in document["files"])


def scripts(file: Path) -> dict[str, str]:
    """By name, every script in a GitHub workflow."""
    jobs = yaml.safe_load(file.read_text())["jobs"].values()
    return {step["name"]: step["run"] for job in jobs for step in job["steps"] if "run" in step}


@pytest.mark.parametrize("source", [COMMIT, WHEEL])
def test_github_workflows_fulfil_githubs_schema(render: Any, source: str) -> None:
    for file in render("github-actions", "dev", "prod", source=source):
        check("vendor.github-workflows", file)
        assert source in file.read_text()
        for name, script in scripts(file).items():
            done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
            assert (name, done.stderr) == (name, "")


def test_azure_pipelines_fulfil_their_schema(render: Any, tmp_path: Path) -> None:
    for file in render("azure-pipelines", "dev", "prod"):
        content = yaml.load(file.read_text(), yaml.BaseLoader)  # noqa: S506  # makes texts only
        (tmp_path / "read.json").write_text(json.dumps(content))
        check("vendor.azure-pipelines", tmp_path / "read.json")
        for step in (step for job in content["jobs"] for step in job["steps"]):
            script = step.get("script") or step.get("inputs", {}).get("inlineScript", "")
            done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
            assert done.stderr == ""


def test_each_job_has_only_the_permissions_it_needs(render: Any) -> None:
    (file,) = render("github-actions", "dev")
    content = yaml.safe_load(file.read_text())

    assert content["permissions"] == {}
    assert [job for job, found in content["jobs"].items() if found["permissions"].get("pull-requests") == "write"] == [
        "plan"
    ]
    assert "head.repo.full_name == github.repository" in content["jobs"]["plan"]["if"]
    uses = [step["uses"] for job in content["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(len(one.partition("@")[2]) == 40 for one in uses)


@pytest.fixture
def runner(tmp_path: Path) -> Any:
    """Runs a script as GitHub does, with a `gh` and a `provisioner` that note how they are called."""
    place = tmp_path / "runner"
    place.mkdir()
    for name, text in {"gh": GH, "provisioner": GH.replace('gh "$@"', 'provisioner "$@"')}.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)

    def run(script: str, **files: str) -> tuple[int, str]:
        for name, content in {"pulls": "", "runs": "", "comments": "", "calls": "", **files}.items():
            (place / name).write_text(content)
        variables = {"GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": "merged", "GITHUB_WORKFLOW": "w", "ARTIFACT": "plan-dev"}
        environment = {"PATH": f"{place}:{os.environ['PATH']}", "PULL_REQUEST": "7", **variables}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, (place / "calls").read_text() + done.stdout

    return run


def test_a_merge_does_the_plan_of_its_pull_request_and_nothing_without_one(render: Any, runner: Any) -> None:
    (file,) = render("github-actions", "dev")
    find = scripts(file)["Find the reviewed plan"]

    code, calls = runner(find, pulls="head\n", runs="42\n")
    assert (code, "gh run download 42 --name plan-dev" in calls) == (0, True), calls
    assert "--commit head --event pull_request --status success" in calls

    for files in ({}, {"pulls": "head\n"}):
        code, calls = runner(find, **files)
        assert (code, "Run provisioner provision by hand" in calls, "download" in calls) == (1, True, False)
    assert "--plan plan.json" in scripts(file)["Do the reviewed plan; refused if anything has changed since"]


def test_a_comment_is_written_once_and_then_replaced(render: Any, runner: Any) -> None:
    (file,) = render("github-actions", "dev")
    say = scripts(file)["Comment on the pull request"]
    comment = "<!-- provisioner plan dev -->\n### Plan\n"

    code, calls = runner(say, **{"comment.md": comment})
    assert (code, "gh api --silent repos/o/r/issues/7/comments --field body=@comment.md" in calls) == (0, True)
    code, calls = runner(say, **{"comment.md": comment, "comments": "99\n"})
    assert "--method PATCH repos/o/r/issues/comments/99" in calls


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("local", "--source", COMMIT), "`cloud: local`"),
        (("dev",), "--source"),
        (("dev", "--source", "airflow-flink-provisioner"), "neither a commit nor a wheel with its hash"),
        (("dev", "--source", COMMIT.replace("0123", "")), "neither a commit nor a wheel with its hash"),
        (("dev", "--source", WHEEL.partition("#")[0]), "neither a commit nor a wheel with its hash"),
        (("dev", "dev", "--source", COMMIT), "is named twice"),
    ],
)
def test_what_no_pipeline_could_do_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(ROOT)

    assert main(["workflow", "--kind", "github-actions", *words]) in {1, 4}
    assert told in capsys.readouterr().err
