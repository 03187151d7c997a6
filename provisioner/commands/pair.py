"""Whether two files can be one environment under two names, and its schedules be handed over. No network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioner.errors import Protected, Refusals, Refused
from provisioner.render.dags import rendered_dags
from provisioner.spec.cron import has_moments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.spec.model import Environment

UNSCHEDULED = re.compile(r"\bschedule(?:_interval)?\s*=\s*None\b")


def require_pair(old: Environment, new: Environment) -> None:
    """Raise Refused for two files that are not one environment under two names, Protected, or Refusals.

    Also for schedules of which nobody can tell when they are due.
    """
    for what, before, after in (
        ("cloud", old.cloud, new.cloud),
        ("tenant", old.tenant, new.tenant),
        ("subscription", old.subscription, new.subscription),
    ):
        if before != after:
            raise Refused(new.name, f"its {what} is {after}, not {before}", f"Write the {what} of {old.name}")
    if old.name == new.name:
        raise Refused(new.name, "both files have this name", "Give the new file a name of its own")
    if old.protected:
        raise Protected(old.name)
    refused = [*_unknown_schedules(old), *_unknown_schedules(new), *_other_schedules(old, new), *_unpaused(new)]
    if refused:
        raise refused[0] if len(refused) == 1 else Refusals(tuple(refused))


def _unknown_schedules(environment: Environment) -> Iterator[Refused]:
    name = environment.name
    for job in environment.all_jobs:
        schedule = job.dag.schedule
        if schedule is not None and not has_moments(schedule):
            remedy = "Write a cron expression of five fields, or null and run it by hand meanwhile"
            yield Refused(name, f"the schedule {schedule} of {job.dag.id} cannot be handed over", remedy)
    for dag in rendered_dags(environment):
        if dag.job is None and dag.id != environment.probe_id and not UNSCHEDULED.search(dag.content):
            what = f"dags/{dag.name} is a DAG of your own, and its schedule cannot be handed over"
            remedy = "Say `schedule=None` in it, or leave it out of both files and bring it over by hand"
            yield Refused(name, what, remedy)


def _other_schedules(old: Environment, new: Environment) -> Iterator[Refused]:
    schedules = {job.name: job.dag.schedule for job in new.all_jobs}
    for job in old.all_jobs:
        schedule = job.dag.schedule
        if schedule is not None and schedules.get(job.name, schedule) != schedule:
            what = f"the schedule of {job.name} is {schedules[job.name]}, not {schedule}"
            yield Refused(new.name, what, "Write the same one in both files, and change it after the migration")


def _unpaused(new: Environment) -> Iterator[Refused]:
    for dag in rendered_dags(new, paused=True):
        if dag.job is not None and "is_paused_upon_creation" not in dag.content:
            what = f"the template of {dag.id} would begin its schedule at once"
            remedy = "Add `is_paused_upon_creation=True` to its DAG for as long as the migration lasts"
            yield Refused(new.name, what, remedy)
