"""Environments → files that run `rotate` and look for drift on somebody's scheduler. Reads templates/, writes nothing.

When a run begins follows from the environment's identity, so that many environments do not begin at once, and the
same file comes out each time.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from provisioner.errors import Refused
from provisioner.model.durations import duration_text
from provisioner.render.template import render_text
from provisioner.spec.templates import find_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePosixPath

HOUR, DAY, WEEK = 60, 1440, 10080
# What a calendar of minutes, hours and days of the week can say with equal distances.
PERIODS = (5, 6, 10, 12, 15, 20, 30, HOUR, 120, 180, 240, 360, 480, 720, DAY, WEEK)
WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
DEFAULT_POOL = "default_pool"  # which every Airflow has
POOL_SLOTS = 4  # in the command that a note shows; Resource Manager's limits are a subscription's
LONGEST_CRON_COMMAND = 998  # MAX_COMMAND of cron's cron.h, less its end


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A kind of schedule.

    files: template → name of the file; least_minutes: the shortest period it takes; unsafe: what it would read as
    something else in a path and has no way to quote; portable: runs a checkout of its own, so a spec lies within;
    together: one file for all environments.
    """

    files: dict[str, str]
    least_minutes: int = 5
    unsafe: tuple[str, ...] = ()
    portable: bool = False
    together: bool = False


PLATFORMS = {
    # A backslash before another character than % means one thing to one cron and another to the next.
    "cron": Platform(files={"crontab.j2": "provisioner-{name}.crontab"}, unsafe=("\\",)),
    "systemd": Platform(
        files={
            "systemd.service.j2": "provisioner-{name}.service",
            "systemd.timer.j2": "provisioner-{name}.timer",
        }
    ),
    # https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#schedule
    "github-actions": Platform(
        files={"github_actions.yaml.j2": "provisioner-{name}.yaml"}, unsafe=("${{",), portable=True
    ),
    # Around 1000 runs a week: https://learn.microsoft.com/azure/devops/pipelines/process/scheduled-triggers
    "azure-pipelines": Platform(
        files={"azure_pipelines.yaml.j2": "provisioner-{name}.yaml"},
        least_minutes=15,
        unsafe=("${{", "$(", "$["),
        portable=True,
    ),
    "airflow": Platform(files={"airflow_dag.py.j2": "provisioner_rotate.py"}, together=True),
}


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """One environment to run.

    identity: what its time of day follows from; subscription: its id; spec: its file, relative to the checkout or
    absolute; variables: the names of the variables that the file asks for; local: its cloud is the embedded one.
    """

    name: str
    identity: str
    subscription: str
    spec: str
    runs_every: timedelta
    variables: tuple[str, ...] = ()
    local: bool = False


@dataclass(frozen=True, kw_only=True)
class File:
    """What is to be installed under this name."""

    name: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Files to install, and what could not be written as the spec asks."""

    files: tuple[File, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """Every `period` minutes, beginning `offset` minutes into it; a week begins on Sunday, a day at 0:00."""

    period: int
    offset: int

    @property
    def cron(self) -> str:
        """Five fields, of lists only: steps are not the same everywhere."""
        hours = "*" if self.period <= HOUR else _listed(self._hours())
        weekday = str(self.offset // DAY) if self.period == WEEK else "*"
        return f"{_listed(self._minutes())} {hours} * * {weekday}"

    @property
    def calendar(self) -> str:
        """The same as systemd writes it."""
        day = f"{WEEKDAYS[self.offset // DAY]} " if self.period == WEEK else ""
        hours = "*" if self.period <= HOUR else _listed(self._hours(), "02")
        return f"{day}*-*-* {hours}:{_listed(self._minutes(), '02')}:00 UTC"

    def _minutes(self) -> range:
        return range(self.offset % min(self.period, HOUR), HOUR, min(self.period, HOUR))

    def _hours(self) -> range:
        step = min(self.period, DAY) // HOUR
        return range(self.offset // HOUR % step, 24, step)


def render_schedule(
    kind: str, environments: Sequence[Scheduled], directory: PurePosixPath, *, pools: bool = False
) -> Schedule:
    """The files of one kind for these environments; directory: of the checkout, on the machine that runs it.

    pools: what runs at once is bounded for each subscription. Raises Refused for what that kind cannot express.
    """
    platform = PLATFORMS[kind]
    if pools and not platform.together:
        raise Refused("--pools", f"{kind} has none", "Leave it out, or take --kind airflow")
    refuse_twins(environments)
    for one in environments:
        refuse_unsafe(kind, platform, one.name, one.spec)
        if not platform.portable:
            refuse_unsafe(kind, platform, one.name, str(directory))
    groups = [tuple(environments)] if platform.together else [(one,) for one in environments]
    made = [
        _rendered(kind, platform, group, directory, _pools(group) if pools else {DEFAULT_POOL: group})
        for group in groups
    ]
    return Schedule(
        files=tuple(file for files, _ in made for file in files),
        notes=tuple(dict.fromkeys(note for _, notes in made for note in notes)),
    )


def cadence(runs_every: timedelta, identity: str, *, kind: str = "cron") -> Cadence:
    """As often as `runs_every` says, or the next more often that a calendar can say. Raises Refused."""
    minutes = runs_every.total_seconds() / 60
    fitting = [period for period in PERIODS if PLATFORMS[kind].least_minutes <= period <= minutes]
    if not fitting:
        least = duration_text(timedelta(minutes=PLATFORMS[kind].least_minutes))
        reason = f"is {duration_text(runs_every)}, and a schedule of kind {kind} runs every {least} at most"
        raise Refused("rotation.runs_every", reason, "Let it run less often")
    period = fitting[-1]
    number = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big")
    if period < HOUR:
        return Cadence(period=period, offset=number % period)
    # Not about the full hour, when everybody else's runs begin.
    return Cadence(period=period, offset=number % (period // HOUR) * HOUR + 3 + number // period % 55)


def _pools(group: tuple[Scheduled, ...]) -> dict[str, tuple[Scheduled, ...]]:
    """What runs together, by the pool of its subscription, in the order in which they are named."""
    subscriptions = dict.fromkeys(one.subscription for one in group)
    return {
        f"provisioner_{subscription}": tuple(one for one in group if one.subscription == subscription)
        for subscription in subscriptions
    }


def _rendered(
    kind: str,
    platform: Platform,
    group: tuple[Scheduled, ...],
    directory: PurePosixPath,
    pools: Mapping[str, tuple[Scheduled, ...]],
) -> tuple[list[File], list[str]]:
    """The files of what runs together, and the notes to them."""
    often = min(group, key=lambda one: one.runs_every)
    identity = "\n".join(sorted(one.identity for one in group)) if len(group) > 1 else often.identity
    when = cadence(often.runs_every, identity, kind=kind)
    notes = [*_local_notes(group), *cadence_notes(often, when), *_pool_notes(pools)]
    values: dict[str, Any] = {
        "name": often.name,
        "spec": often.spec,
        "pools": [
            {"name": name, "environments": [{"name": one.name, "spec": one.spec} for one in within]}
            for name, within in pools.items()
        ],
        "default_pool": DEFAULT_POOL,
        "variables": sorted({variable for one in group for variable in one.variables}),
        "directory": str(directory),
        "script": str(directory / "templates/schedules/run.sh"),
        "cron": when.cron,
        "calendar": when.calendar,
        "notes": notes,
    }
    files = [
        File(name=name.format(name=often.name), content=_text(template, values))
        for template, name in platform.files.items()
    ]
    if kind == "cron":
        _refuse_long_command(often.name, files[0].content)
    return files, notes


def _text(template: str, values: dict[str, Any]) -> str:
    source = find_template(f"schedules/{template}").read_text(encoding="utf-8")
    return render_text(source, values, filters={"crontab": as_crontab, "systemd": as_systemd, "yaml": as_yaml})


def _local_notes(group: tuple[Scheduled, ...]) -> list[str]:
    return [
        f"{one.name} is on cloud: local: where the schedule runs it finds, or starts, the local Azure of that machine."
        for one in group
        if one.local
    ]


def _pool_notes(pools: Mapping[str, tuple[Scheduled, ...]]) -> list[str]:
    return [
        f'make its pool, or none of its tasks runs: airflow pools set {name} {POOL_SLOTS} "environments at once"'
        for name in pools
        if name != DEFAULT_POOL
    ]


def cadence_notes(one: Scheduled, when: Cadence) -> list[str]:
    """What to say where it runs more often than the spec asks."""
    period = timedelta(minutes=when.period)
    if period == one.runs_every:
        return []
    asked = f"runs_every of {one.name} is {duration_text(one.runs_every)}, which no calendar can express"
    return [f"{asked}: it runs every {duration_text(period)}, more often, and does nothing when nothing is due."]


def refuse_twins(environments: Sequence[Scheduled]) -> None:
    """Raise Refused for an environment that is named twice."""
    names = [one.name.casefold() for one in environments]
    twin = next((one for one in environments if names.count(one.name.casefold()) > 1), None)
    if twin is not None:
        raise Refused(twin.name, "is named twice", "Name each environment once")


def refuse_unsafe(kind: str, platform: Platform, name: str, path: str) -> None:
    """Raise Refused for a path that the platform would misread, or not find."""
    if not path.isprintable():
        raise Refused(name, f"its path {path!a} holds characters that cannot be printed", "Rename the folder")
    bad = [text for text in platform.unsafe if text in path]
    if bad:
        raise Refused(name, f"{kind} would misread {bad[0]} in the path {path}", "Rename the folder or the file")
    if platform.portable and path.startswith("/"):
        reason = f"{path} lies outside the repository, where {kind} does not find it"
        raise Refused(name, reason, "Keep the spec in the repository")


def _refuse_long_command(name: str, crontab: str) -> None:
    command = crontab.splitlines()[-1].split(" ", 5)[-1]
    if len(command.encode()) > LONGEST_CRON_COMMAND:
        raise Refused(name, "the paths are longer than cron takes", "Use shorter ones, or systemd")


def _listed(numbers: range, form: str = "") -> str:
    return ",".join(format(number, form) for number in numbers)


def as_crontab(value: str) -> str:
    """The filter `crontab`: one word of sh in a crontab, where a bare % ends the line: crontab(5)."""
    return shlex.quote(value).replace("%", "\\%")


def as_systemd(value: str) -> str:
    """The filter `systemd`: one word of a command line, in which % and $ stand for nothing: systemd.service(5)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("%", "%%").replace("$", "$$") + '"'


def as_yaml(value: str) -> str:
    """The filter `yaml`: a text in double quotes; what cannot be printed is refused before."""
    return json.dumps(value, ensure_ascii=False)
