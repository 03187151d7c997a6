"""Environments → files for somebody's scheduler."""

from __future__ import annotations

import ast
import json
import shlex
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from pathlib import PurePosixPath

import pytest
import yaml
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.errors import Refused
from provisioner.model.durations import duration_text
from provisioner.render.schedules import (
    PERIODS,
    PLATFORMS,
    Cadence,
    Schedule,
    Scheduled,
    as_crontab,
    as_systemd,
    as_yaml,
    cadence,
    render_schedule,
)

PLACE = PurePosixPath("/srv/provisioner")
DAY = timedelta(days=1)
SUNDAY = datetime(2026, 11, 1, tzinfo=UTC)
SLOW = settings(deadline=None, max_examples=60)  # reading a cron line on and on takes its time
PRINTABLE = st.text().filter(str.isprintable)


def one(name: str = "dev", **changed: object) -> Scheduled:
    fields = {
        "identity": f"id-of-{name}",
        "subscription": "s-1",
        "spec": f"environments/{name}.yaml",
        "runs_every": DAY,
    }
    return Scheduled(name=name, **{**fields, **changed})  # pyright: ignore[reportArgumentType]  # fields by name


def made(kind: str, *environments: Scheduled) -> Schedule:
    return render_schedule(kind, environments or [one()], PLACE)


def gaps(cron: str) -> set[timedelta]:
    """The times between runs: over five weeks, or of the first 400, which is more than a day."""
    runs = takewhile(lambda run: run < SUNDAY + timedelta(weeks=5), CronSim(cron, SUNDAY))
    return {later - earlier for earlier, later in pairwise(islice(runs, 400))}


@SLOW
@given(st.sampled_from(PERIODS), st.text())
def test_runs_are_as_far_apart_as_the_spec_says(period: int, identity: str) -> None:
    length = timedelta(minutes=period)
    assert gaps(cadence(length, identity).cron) == {length}


@SLOW
@given(st.integers(5, 60 * 24 * 60), st.text())
def test_runs_are_never_further_apart_than_the_spec_says(minutes: int, identity: str) -> None:
    length = timedelta(minutes=minutes)
    found = gaps(cadence(length, identity).cron)
    assert len(found) == 1
    assert max(found) <= length


def test_a_time_follows_from_the_environment_and_keeps_off_the_full_hour() -> None:
    times = [cadence(DAY, f"environment {number}").cron for number in range(200)]
    assert times == [cadence(DAY, f"environment {number}").cron for number in range(200)]
    assert len(set(times)) > 150
    assert {int(time.split()[0]) for time in times} <= set(range(3, 58))


def test_a_calendar_says_what_cron_says() -> None:
    weekly, often = Cadence(period=10080, offset=2 * 1440 + 5 * 60 + 7), Cadence(period=20, offset=7)
    assert (weekly.cron, weekly.calendar) == ("7 5 * * 2", "Tue *-*-* 05:07:00 UTC")
    assert (often.cron, often.calendar) == ("7,27,47 * * * *", "*-*-* *:07,27,47:00 UTC")
    hourly, half = Cadence(period=60, offset=9), Cadence(period=720, offset=67)
    assert (hourly.cron, hourly.calendar) == ("9 * * * *", "*-*-* *:09:00 UTC")
    assert (half.cron, half.calendar) == ("7 1,13 * * *", "*-*-* 01,13:07:00 UTC")


@pytest.mark.parametrize("kind", PLATFORMS)
def test_what_no_calendar_can_express_runs_more_often_and_says_so(kind: str) -> None:
    found = made(kind, one(runs_every=timedelta(hours=36)))
    said = (
        "runs_every of dev is 1d12h, which no calendar can express: "
        "it runs every 1d, more often, and does nothing when nothing is due."
    )
    assert found.notes == (said,)
    assert any(said in file.content for file in found.files)
    assert made(kind).notes == ()


@pytest.mark.parametrize(("kind", "least"), [("cron", "5m"), ("github-actions", "5m"), ("azure-pipelines", "15m")])
def test_what_is_too_often_for_a_scheduler_is_refused(kind: str, least: str) -> None:
    with pytest.raises(Refused, match=rf"is 4m30s, and a schedule of kind {kind} runs every {least} at most"):
        made(kind, one(runs_every=timedelta(minutes=4, seconds=30)))


@pytest.mark.parametrize("kind", PLATFORMS)
def test_an_environment_that_is_named_twice_is_refused(kind: str) -> None:
    with pytest.raises(Refused, match="named twice"):
        made(kind, one("dev"), one("Dev"))


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("cron", "a\\b.yaml"),
        ("cron", "a\nb.yaml"),
        ("github-actions", "${{ secrets.X }}.yaml"),
        ("azure-pipelines", "$(Build.Reason).yaml"),
        ("azure-pipelines", "$[variables.x].yaml"),
        ("systemd", "a\u2028b.yaml"),
        ("airflow", "a\x00b.yaml"),
    ],
)
def test_a_path_that_a_scheduler_would_misread_is_refused(kind: str, spec: str) -> None:
    with pytest.raises(Refused, match="Rename"):
        made(kind, one(spec=spec))


def test_a_checkout_that_cron_would_misread_is_refused() -> None:
    with pytest.raises(Refused, match="cron would misread"):
        render_schedule("cron", [one()], PurePosixPath("/srv/a\\b"))


@pytest.mark.parametrize("kind", ["github-actions", "azure-pipelines"])
def test_a_spec_outside_the_repository_is_refused_where_only_the_repository_is(kind: str) -> None:
    with pytest.raises(Refused, match="outside the repository"):
        made(kind, one(spec="/elsewhere/dev.yaml"))


def test_a_line_that_is_too_long_for_cron_is_refused() -> None:
    with pytest.raises(Refused, match="longer than cron takes"):
        made("cron", one(spec=f"{'x' * 1000}.yaml"))


@pytest.mark.parametrize("kind", PLATFORMS)
def test_the_variables_of_a_spec_are_asked_for(kind: str) -> None:
    content = made(kind, one(variables=("WAREHOUSE_URI",))).files[0].content
    assert "WAREHOUSE_URI" in content
    assert "WAREHOUSE_URI" not in made(kind).files[0].content


def test_many_environments_get_files_of_their_own_or_one_dag() -> None:
    both = (one("dev", runs_every=timedelta(days=7)), one("prod", runs_every=timedelta(hours=12)))
    names = {kind: [file.name for file in made(kind, *both).files] for kind in PLATFORMS}
    assert names == {
        "cron": ["provisioner-dev.crontab", "provisioner-prod.crontab"],
        "systemd": [
            "provisioner-dev.service",
            "provisioner-dev.timer",
            "provisioner-prod.service",
            "provisioner-prod.timer",
        ],
        "github-actions": ["provisioner-dev.yaml", "provisioner-prod.yaml"],
        "azure-pipelines": ["provisioner-dev.yaml", "provisioner-prod.yaml"],
        "airflow": ["provisioner_rotate.py"],
    }


def test_a_dag_has_a_pool_for_each_subscription_if_that_is_asked_for() -> None:
    several = (one("a"), one("b", subscription="s-2"), one("c"))
    made = render_schedule("airflow", several, PLACE, pools=True)
    pools = next(
        ast.literal_eval(node.value)
        for node in ast.parse(made.files[0].content).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "POOLS"
    )
    assert pools == {
        "provisioner_s-1": {"a": "environments/a.yaml", "c": "environments/c.yaml"},
        "provisioner_s-2": {"b": "environments/b.yaml"},
    }
    assert [note.partition("airflow ")[2].split()[:3] for note in made.notes] == [
        ["pools", "set", name] for name in pools
    ]


def test_pools_are_refused_where_each_environment_has_a_file_of_its_own() -> None:
    with pytest.raises(Refused, match="--pools"):
        render_schedule("cron", [one()], PLACE, pools=True)


def test_a_dag_of_many_runs_as_often_as_the_one_that_needs_it_most() -> None:
    both = (one("dev", runs_every=timedelta(days=7)), one("prod", runs_every=timedelta(hours=12)))
    content = made("airflow", *both).files[0].content
    line = next(line for line in content.splitlines() if "schedule=" in line)
    assert gaps(line.split("'")[1]) == {timedelta(hours=12)}


@given(PRINTABLE)
def test_any_text_that_can_be_printed_stays_one_word(text: str) -> None:
    assert yaml.safe_load(as_yaml(text)) == json.loads(as_yaml(text)) == text
    quoted = as_crontab(text)
    assert "%" not in quoted.replace("\\%", "")
    if "\\" not in text:
        assert shlex.split(quoted.replace("\\%", "%")) == [text]
    inner = as_systemd(text)[1:-1].replace("%%", "%").replace("$$", "$")
    assert inner.replace('\\"', '"').replace("\\\\", "\\") == text or "\\" in text


def test_a_duration_is_spoken_as_a_spec_writes_it() -> None:
    assert duration_text(timedelta(days=1, hours=2, minutes=3, seconds=4)) == "1d2h3m4s"
