"""`provisioner schedule`: what it writes is what its platform takes, and the script that it calls does as it says."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cronsim import CronSim

from provisioner.cli.main import main

ROOT = Path(__file__).parents[2]
ODD = 'it\'s 100% "odd" $HOME `id` & co'
# As its own pre-commit hook for Azure Pipelines calls it.
CHECK = (str(ROOT / ".venv/bin/check-jsonschema"), "--regex-variant", "nonunicode", "--builtin-schema")


@pytest.fixture
def render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`render("cron", "dev")`: the files by name, as they lie in the folder of `--out`."""
    monkeypatch.chdir(ROOT)

    def call(kind: str, *more: str) -> dict[str, Path]:
        code = main(["schedule", *more, "--kind", kind, "--out", str(tmp_path / "made")])
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return {Path(line).name: Path(line) for line in out.splitlines()}

    return call


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A checkout in a folder with an odd name, whose provisioner notes how it was called and ends as it is told."""
    place = tmp_path / ODD
    (place / ".venv/bin").mkdir(parents=True)
    (place / "environments").mkdir()
    (place / "templates/schedules").mkdir(parents=True)
    shutil.copy(ROOT / "templates/schedules/run.sh", place / "templates/schedules/run.sh")
    program = place / ".venv/bin/provisioner"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$#" "$@" "${ASKED-}" >>calls\necho "said $1"\nexit "$(cat "$1")"\n')
    program.chmod(0o755)
    ends(place, rotate=0, plan=0)
    return place


def ends(place: Path, **codes: int) -> None:
    for verb, code in codes.items():
        (place / verb).write_text(str(code))


def run(place: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script as a scheduler calls it: from anywhere, with hardly a variable."""
    script = place / "templates/schedules/run.sh"
    told = {"PATH": os.environ["PATH"], "HOME": str(place), **variables}
    command = ["/bin/sh", str(script), *arguments]
    return subprocess.run(command, cwd="/", env=told, capture_output=True, text=True, timeout=60, check=False)


def calls(place: Path) -> list[str]:
    return (place / "calls").read_text().splitlines()


def odd_spec(place: Path) -> str:
    """A spec whose path is as odd as that of the checkout."""
    folder = place / "environments"
    shutil.copy(ROOT / "templates/jobs/wordcount/wordcount.jar", folder / "job.jar")
    fields = yaml.safe_load((ROOT / "environments/dev.yaml").read_text())
    file = folder / f"{ODD}.yaml"
    file.write_text(yaml.safe_dump({**fields, "job": "job.jar"}))
    return str(file)


def test_the_crontab_has_one_line_that_cron_reads_and_that_runs_the_script(render: Any, odd: Path) -> None:
    spec = odd_spec(odd)
    (file,) = render("cron", spec, "--directory", str(odd)).values()
    (line,) = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    *fields, command = line.split(" ", 5)
    next(CronSim(" ".join(fields), datetime(2026, 1, 1, tzinfo=UTC)))
    assert re.findall(r"(?<!\\)%", command) == []
    told = {"PATH": os.environ["PATH"], "HOME": str(odd)}
    done = subprocess.run(["/bin/sh", "-c", command.replace("\\%", "%")], cwd="/", env=told, check=True, timeout=60)
    assert done.returncode == 0
    assert calls(odd) == [
        *("4", "rotate", spec, "--yes", "--notify", ""),
        *("4", "plan", spec, "--detailed-exitcode", "--notify", ""),
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here (Debian: systemd)")
def test_systemd_takes_the_units_and_reads_in_them_what_was_meant(render: Any, odd: Path, tmp_path: Path) -> None:
    spec = odd_spec(odd)
    units = render("systemd", spec, "--directory", str(odd))
    told = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "debug"}
    command = ["systemd-analyze", "verify", "--user", "--man=no", *map(str, units.values())]
    done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=60, check=False)
    complaints = [line for line in done.stderr.splitlines() if line.startswith(str(units["provisioner-dev.service"]))]
    assert (done.returncode, complaints) == (0, [])
    said = next(line for line in done.stdout.splitlines() if "Command Line:" in line).partition(": ")[2]
    unquoted = subprocess.run(["/bin/sh", "-c", f"printf '%s\\n' {said}"], capture_output=True, text=True, check=True)
    words = unquoted.stdout.replace("$$", "$").splitlines()  # systemd does that last, when it starts the unit
    assert words == ["/bin/sh", str(odd / "templates/schedules/run.sh"), "dev", spec]
    timer = units["provisioner-dev.timer"].read_text()
    when = re.findall(r"OnCalendar=(.*)", timer)
    subprocess.run(["systemd-analyze", "calendar", *when], check=True, capture_output=True, timeout=60)
    assert "Persistent=true" in timer


def check(schema: str, file: Path) -> None:
    done = subprocess.run([*CHECK, schema, str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_workflows_fulfil_githubs_schema(render: Any) -> None:
    for file in render("github-actions", "dev", "prod").values():
        check("vendor.github-workflows", file)


def test_azure_pipelines_fulfil_their_schema(render: Any, tmp_path: Path) -> None:
    for file in render("azure-pipelines", "dev", "prod").values():
        read = tmp_path / "read.json"  # to Azure Pipelines every scalar is a text, and its schema says so
        read.write_text(json.dumps(yaml.load(file.read_text(), yaml.BaseLoader)))  # noqa: S506  # makes texts only
        check("vendor.azure-pipelines", read)


def test_a_github_workflow_runs_actions_of_fixed_commits(render: Any) -> None:
    (file,) = render("github-actions", "dev").values()
    actions = [line.partition("uses: ")[2] for line in file.read_text().splitlines() if "uses: " in line]
    assert len(actions) == 2
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in actions)


def test_a_github_workflow_signs_in_by_federation_and_never_runs_twice_at_once(render: Any) -> None:
    (file,) = render("github-actions", "dev").values()
    flow = yaml.safe_load(file.read_text())
    assert flow["permissions"] == {"contents": "read", "id-token": "write"}
    assert flow["concurrency"] == {"group": "provisioner-dev", "cancel-in-progress": False}
    assert ran(flow["jobs"]["rotate"]["steps"], "run") == [
        "make .venv/runtime.stamp",
        '.venv/bin/provisioner rotate "$PROVISIONER_SPEC" --yes --notify',
        '.venv/bin/provisioner plan "$PROVISIONER_SPEC" --detailed-exitcode --notify',
    ]
    *_, drift = flow["jobs"]["rotate"]["steps"]
    assert drift["if"] == "${{ !cancelled() && steps.install.outcome == 'success' }}"  # after a failed rotate, too
    (schedule,) = flow[True]["schedule"]  # YAML 1.1 reads `on` as true
    next(CronSim(schedule["cron"], datetime(2026, 1, 1, tzinfo=UTC)))


def test_an_azure_pipeline_signs_in_by_federation_and_never_runs_twice_at_once(render: Any) -> None:
    (file,) = render("azure-pipelines", "dev").values()
    flow = yaml.safe_load(file.read_text())
    assert (flow["lockBehavior"], flow["schedules"][0]["batch"]) == ("sequential", True)
    steps = [step for step in flow["jobs"][0]["steps"] if step.get("task") == "AzureCLI@2"]
    assert {step["inputs"]["azureSubscription"] for step in steps} == {"provisioner-dev"}
    assert ran([step["inputs"] for step in steps], "inlineScript") == [
        '.venv/bin/provisioner rotate "$PROVISIONER_SPEC" --yes --notify',
        '.venv/bin/provisioner plan "$PROVISIONER_SPEC" --detailed-exitcode --notify',
    ]
    assert [step["condition"] for step in steps] == ["succeeded()", "succeededOrFailed()"]
    assert all(step["env"]["SYSTEM_ACCESSTOKEN"] == "$(System.AccessToken)" for step in steps)


def ran(steps: list[dict[str, Any]], key: str) -> list[str]:
    return [step[key] for step in steps if key in step]


@pytest.mark.parametrize(("rotate", "plan", "code"), [(0, 0, 0), (0, 2, 2), (3, 2, 3), (4, 0, 4), (1, 1, 1)], ids=str)
def test_the_script_looks_for_drift_in_any_case_and_fails_if_either_fails(
    odd: Path, rotate: int, plan: int, code: int
) -> None:
    ends(odd, rotate=rotate, plan=plan)
    done = run(odd, "dev", "x.yaml")
    assert (done.returncode, done.stdout) == (code, "said rotate\nsaid plan\n")
    told = f"dev: rotate ended with {rotate}, plan with {plan} (docs/rotation.md says what each means)\n"
    assert done.stderr == (told if code else "")


def test_a_quiet_script_speaks_only_of_failures(odd: Path) -> None:
    assert run(odd, "--quiet", "dev", "x.yaml").stdout == ""
    ends(odd, plan=2)
    done = run(odd, "--quiet", "dev", "x.yaml")
    assert (done.returncode, done.stdout.splitlines()[:2]) == (2, ["said rotate", "said plan"])


def test_the_script_passes_on_the_variables_of_the_environments_own_file(odd: Path) -> None:
    (odd / ".config/provisioner").mkdir(parents=True)
    (odd / ".config/provisioner/dev.env").write_text("ASKED='of dev'\n")
    run(odd, "dev", "x.yaml")
    run(odd, "prod", "x.yaml")
    assert calls(odd)[5::6] == ["of dev", "of dev", "", ""]


def test_a_second_run_of_one_environment_waits_and_then_says_so(odd: Path) -> None:
    run(odd, "dev", "x.yaml")
    (odd / "calls").unlink()
    with (odd / ".local/schedules/dev.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(odd, "dev", "x.yaml", PROVISIONER_PATIENCE="0.1")
        other = run(odd, "prod", "x.yaml", PROVISIONER_PATIENCE="0.1")
    assert (done.returncode, "another scheduled run still goes on" in done.stderr) == (1, True)
    assert other.returncode == 0
    assert calls(odd).count("rotate") == 1


def test_the_script_without_its_arguments_says_how_it_is_used(odd: Path) -> None:
    done = run(odd, "dev")
    assert (done.returncode, done.stderr) == (1, "usage: run.sh [--quiet] NAME SPEC\n")


def test_json_holds_files_and_what_could_not_be_expressed(capsys: pytest.CaptureFixture[str], odd: Path) -> None:
    spec = Path(odd_spec(odd))
    spec.write_text(spec.read_text() + "rotation: {runs_every: 5h, overlap: 1d}\n")
    assert main(["schedule", str(spec), "--kind", "systemd", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [file["name"] for file in found["files"]] == ["provisioner-dev.service", "provisioner-dev.timer"]
    assert ["is 5h" in note and "every 4h" in note for note in found["notes"]] == [True]
    assert err == ""


def test_text_is_the_file_itself_and_notes_go_to_standard_error(capsys: pytest.CaptureFixture[str], odd: Path) -> None:
    spec = Path(odd_spec(odd))
    spec.write_text(spec.read_text() + "rotation: {runs_every: 5h, overlap: 1d}\nvariables: {uri: '${URI}'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("URI", "sentinel-of-the-uri")
        assert main(["schedule", str(spec), "--kind", "airflow"]) == 0
    out, err = capsys.readouterr()
    compile(out, "dag.py", "exec")
    assert ("which no calendar can express" in err, "these variables of the worker, too: URI" in out) == (True, True)
    assert "sentinel-of-the-uri" not in out + err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "cron", "--directory", "here"], "here: is not an absolute path"),
        (["--kind", "cron", "--out", "/proc/none"], "cannot be written"),
        (["--kind", "github-actions"], "outside the repository"),
    ],
    ids=["relative", "unwritable", "elsewhere"],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], odd: Path, options: list[str], said: str
) -> None:
    assert main(["schedule", odd_spec(odd), *options]) == 4
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)


def test_a_principal_that_asks_for_more_runs_gets_them(capsys: pytest.CaptureFixture[str], odd: Path) -> None:
    spec = Path(odd_spec(odd))
    own = {"every": "7d", "overlap": "1d", "lifetime": "20d", "runs_every": "6h"}
    fields = yaml.safe_load(spec.read_text())
    spec.write_text(yaml.safe_dump({**fields, "principals": {"flink-api": {"rotation": own}}}))
    assert main(["schedule", str(spec), "--kind", "systemd"]) == 0
    out, err = capsys.readouterr()
    (hours,) = re.findall(r"OnCalendar=.*? ([\d,]+):", out)
    assert (len(hours.split(",")), err) == (4, "")


def test_an_unknown_kind_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schedule", "dev", "--kind", "at"]) == 1
    assert "systemd" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["cron", "airflow"])
def test_a_schedule_of_the_local_azure_says_what_it_will_run(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["schedule", "local", "dev", "--kind", kind]) == 0
    assert capsys.readouterr().err.count("is on cloud: local: where the schedule runs") == 1


def test_make_schedule_without_a_kind_says_which_there_are() -> None:
    said = subprocess.run(["make", "--dry-run", "schedule"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode != 0
    assert "KIND says which scheduler: KIND=cron, systemd" in said.stderr
