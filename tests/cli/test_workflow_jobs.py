"""The jobs of the pipelines that `provisioner workflow` renders, run step by step; programs on PATH note their calls.

GitHub runs a script by `bash --noprofile --norc -eo pipefail`
(https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell), Azure Pipelines
without -e (https://github.com/microsoft/azure-pipelines-tasks/blob/master/Tasks/CmdLineV2/cmdline.ts).
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from cronsim import CronSim

from provisioner.cli.main import main
from tests.cli.test_workflow import COMMIT, render

__all__ = ["render"]

KINDS = ("github-actions", "azure-pipelines")
SHELLS = {"github-actions": ["-eo", "pipefail"], "azure-pipelines": list[str]()}
# Notes its call, prints what it is to answer to its first words, and ends with the code that is meant for its verb.
STUB = """#!/bin/sh
name=$(basename "$0")
printf '%s' "$name" >>calls; printf ' %s' "$@" >>calls; echo >>calls
for words in "$name $1 $2 $3" "$name $1 $2" "$name $1"; do
  file=answers/$(echo "$words" | tr / _)
  if [ -f "$file" ]; then cat "$file"; break; fi
done
case "$*" in *"artifact download"*) echo '{}' >plan.json ;; esac
exit "$(cat "codes/$name $1" 2>/dev/null || echo 0)"
"""
AFTER_A_FAILURE = ("succeededOrFailed()", "${{ !cancelled() && steps.install.outcome == 'success' }}")
PREDEFINED = {
    "SYSTEM_COLLECTIONURI": "https://dev.azure.example/o/",
    "SYSTEM_TEAMPROJECT": "p",
    "SYSTEM_TEAMPROJECTID": "pid",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
    "SYSTEM_DEFINITIONID": "3",
    "BUILD_REPOSITORY_ID": "rid",
    "BUILD_SOURCEVERSION": "merged",
    "GITHUB_REPOSITORY": "o/r",
    "GITHUB_SHA": "merged",
    "GITHUB_WORKFLOW": "w",
    "PULL_REQUEST": "7",
}
WHERE = "--organization https://dev.azure.example/o/ --project p"


@dataclass
class Agent:
    """A machine that runs jobs of one kind of pipeline. folder: where they run, and where calls are noted."""

    kind: str
    folder: Path
    file: Path = field(default_factory=Path)

    def programs(self) -> None:
        for name in ("az", "gh", "provisioner", "python"):
            (self.folder / name).write_text(STUB)
            (self.folder / name).chmod(0o755)
        for name in ("answers", "codes"):
            (self.folder / name).mkdir()

    def answers(self, call: str, text: str) -> None:
        (self.folder / "answers" / call.replace("/", "_")).write_text(text)

    def ends(self, call: str, code: int) -> None:
        (self.folder / "codes" / call).write_text(str(code))

    def job(self, name: str) -> dict[str, int]:
        """Run a job. Returns the exit code of each script by its title; those that would not run have none."""
        (self.folder / "calls").write_text("")
        common = self.content["env" if self.kind == "github-actions" else "variables"]
        codes: dict[str, int] = {}
        for step in self.jobs[name]["steps"]:
            script = step.get("run") or step.get("script") or step.get("inputs", {}).get("inlineScript")
            condition = step.get("if") or step.get("condition") or "succeeded()"
            if script and (condition in AFTER_A_FAILURE or not any(codes.values())):
                title = step.get("name") or step["displayName"]
                codes[title] = self._run(script, {**common, **step.get("env", {})})
        return codes

    def _run(self, script: str, variables: dict[str, str]) -> int:
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}", **PREDEFINED, **variables}
        command = ["bash", "--noprofile", "--norc", *SHELLS[self.kind], "-c", script]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        (self.folder / "said").write_text(done.stdout + done.stderr)
        return done.returncode

    @property
    def content(self) -> dict[str, Any]:
        return parsed(self.file.read_text())

    @property
    def jobs(self) -> dict[str, Any]:
        """By name."""
        jobs = self.content["jobs"]
        return jobs if self.kind == "github-actions" else {job["job"]: job for job in jobs}

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, render: Any, tmp_path: Path) -> Agent:
    """With the pipeline of environments/dev.yaml."""
    made = Agent(request.param, tmp_path / "agent")
    made.folder.mkdir()
    made.programs()
    (made.file,) = render(made.kind, "dev")
    return made


INSTALL = f"python -m pip install --quiet airflow-flink-provisioner @ {COMMIT}"
ROTATE = "provisioner rotate environments/dev.yaml --yes --notify"
DRIFT = "provisioner plan environments/dev.yaml --detailed-exitcode --notify"


@pytest.mark.parametrize(("rotate", "plan"), [(0, 0), (0, 2), (0, 5), (3, 0), (4, 2)], ids=str)
def test_the_rotation_job_rotates_then_looks_for_drift_in_any_case_and_fails_if_either_fails(
    agent: Agent, rotate: int, plan: int
) -> None:
    agent.ends("provisioner rotate", rotate)
    agent.ends("provisioner plan", plan)

    codes = agent.job("rotate")

    assert agent.calls == [INSTALL, ROTATE, DRIFT]
    assert codes == {"Install provisioner": 0, "Rotate what is due": rotate, "Look for drift": plan}


def test_the_rotation_job_runs_as_often_as_a_schedule_of_the_same_environment(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schedule", "dev", "--kind", agent.kind]) == 0
    alone, ours = (cron_of(text) for text in (capsys.readouterr().out, agent.file.read_text()))

    assert ours == alone
    due = CronSim(ours, datetime(2026, 1, 1, tzinfo=UTC))
    moments = [next(due) for _ in range(15)]
    assert {later - sooner for sooner, later in pairwise(moments)} == {timedelta(days=1)}


def parsed(text: str) -> dict[str, Any]:
    return yaml.load(text, yaml.BaseLoader)  # noqa: S506  # makes texts only


def cron_of(text: str) -> str:
    content = parsed(text)
    (schedule,) = content["schedules"] if "schedules" in content else content["on"]["schedule"]
    return str(schedule["cron"])


def test_each_job_runs_for_its_event_alone(agent: Agent) -> None:
    events = {name: job["if" if agent.kind == "github-actions" else "condition"] for name, job in agent.jobs.items()}
    if agent.kind == "github-actions":
        assert set(agent.content["on"]) == {"pull_request", "push", "schedule", "workflow_dispatch"}
        assert events["rotate"] == (
            "${{ github.event_name == 'schedule' || github.event_name == 'workflow_dispatch' }}"
        )
        assert events["provision"] == "${{ github.event_name == 'push' }}"
        assert agent.jobs["rotate"]["concurrency"]["cancel-in-progress"] == "false"
    else:
        assert events["rotate"] == "in(variables['Build.Reason'], 'Schedule', 'Manual')"
        assert events["provision"] == "in(variables['Build.Reason'], 'IndividualCI', 'BatchedCI')"
        assert agent.content["schedules"][0]["always"] == "true"
    assert set(events) == {"plan", "provision", "rotate"}


OURS = "<!-- provisioner plan dev -->\n### Plan of before\n"
THREADS: list[dict[str, Any]] = [
    {"id": 1, "comments": [{"content": "looks good"}], "status": "active"},
    {"id": 2, "comments": [{"content": OURS}], "status": "closed"},
    {"id": 3, "comments": [{"content": OURS, "parentCommentId": 0}, {"content": "why?"}], "status": "active"},
    {"id": 4, "comments": [{"content": OURS.replace("dev", "prod")}], "status": "active"},
    {
        "id": 5,
        "comments": [{"content": "as", "parentCommentId": 0}, {"content": OURS, "parentCommentId": 1}],
        "status": "active",
    },
    {"id": 6, "comments": [{"commentType": "system"}]},
    {"id": 7, "comments": None, "isDeleted": True, "status": "active"},
]


def test_the_plan_job_keeps_the_plan_and_posts_it(agent: Agent) -> None:
    agent.answers("provisioner plan", '<!-- provisioner plan dev -->\n### Plan "of" dev\n')
    agent.answers("az devops invoke", json.dumps({"value": THREADS}))

    codes = agent.job("plan")

    assert set(codes.values()) == {0}, (codes, (agent.folder / "said").read_text())
    assert "provisioner plan environments/dev.yaml --out plan.json --markdown" in agent.calls
    posted, kept = agent.calls[-1], agent.jobs["plan"]["steps"][-1]
    if agent.kind == "azure-pipelines":
        assert kept == {"publish": "plan.json", "artifact": "plan-dev"}
        common = (
            "--area git --resource pullRequestThreads --api-version 7.1 --organization https://dev.azure.example/o/"
        )
        common += " --route-parameters project=pid repositoryId=rid pullRequestId=7"
        assert agent.calls[-3:] == [
            f"az devops invoke --http-method GET --output json {common}",
            f"az devops invoke --http-method POST --in-file thread.json --output none {common}",
            f"az devops invoke --http-method PATCH --in-file closed.json --output none {common} threadId=3",
        ]
        assert json.loads((agent.folder / "closed.json").read_text()) == {"status": "closed"}
        (comment,) = json.loads((agent.folder / "thread.json").read_text())["comments"]
        assert comment["content"] == (agent.folder / "comment.md").read_text()
    else:
        assert kept["with"].items() >= {"name": "plan-dev", "path": "plan.json"}.items()
        assert posted == "gh api --silent repos/o/r/issues/7/comments --field body=@comment.md"


def test_a_plan_that_fails_is_not_posted(agent: Agent) -> None:
    agent.ends("provisioner plan", 4)

    assert agent.job("plan") == {"Install provisioner": 0, "Plan": 4}


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_provision_job_does_the_plan_of_the_pull_request_that_led_to_the_commit(agent: Agent, code: int) -> None:
    agent.answers("az repos pr list", "12\n")
    agent.answers("az pipelines runs list", "42\n")
    agent.answers("gh api repos/o/r/commits/merged/pulls", "head\n")
    agent.answers("gh run list", "42\n")
    agent.ends("provisioner provision", code)

    codes = agent.job("provision")

    assert list(codes.values()) == [0, 0, code], (agent.folder / "said").read_text()
    *_, download, provision = agent.calls
    assert provision == "provisioner provision environments/dev.yaml --plan plan.json"
    if agent.kind == "azure-pipelines":
        (runs,) = [call for call in agent.calls if call.startswith("az pipelines runs list")]
        assert "--pipeline-ids 3 --reason pullRequest --branch refs/pull/12/merge --result succeeded" in runs
        assert download == f"az pipelines runs artifact download {WHERE} --run-id 42 --artifact-name plan-dev --path ."
    else:
        assert download == "gh run download 42 --name plan-dev"


@pytest.mark.parametrize("pull", ["", "12\n"])
def test_without_a_reviewed_plan_nothing_is_provisioned(agent: Agent, pull: str) -> None:
    agent.answers("az repos pr list", pull)

    codes = agent.job("provision")

    assert codes == {"Install provisioner": 0, "Find the reviewed plan": 1}
    assert "Run provisioner provision by hand" in (agent.folder / "said").read_text()
    assert not any(call.startswith("provisioner") or "download" in call for call in agent.calls)


def test_where_the_platform_does_not_answer_nobody_is_told_that_there_is_no_plan(agent: Agent) -> None:
    agent.ends("az repos", 1)
    agent.ends("gh api", 1)

    codes = agent.job("provision")

    assert codes == {"Install provisioner": 0, "Find the reviewed plan": 1}
    assert "by hand" not in (agent.folder / "said").read_text()
