"""A migration, or its undoing, that is killed at one of its calls and run again, from the same moment each time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tests.child import KILLED
from tests.migration.moving import HOUR
from tests.reliability.restorable_environment import RestorableEnvironment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.migration.moving import Moving
    from tests.reliability.census import Census
    from tests.reliability.restorable_environment import Call


NEW_AIRFLOWS = ("/workloads/", "/workspaces/")  # what the ids of those begin with that are not in Data Factory

AIRFLOW = "airflow"  # in the hosts of their web servers


class Trial:
    """folder: for what the runs print. undo: it goes back, from where the migration is when this is made."""

    def __init__(self, moving: Moving, folder: Path, *, undo: bool = False) -> None:
        self.moving, self.undo = moving, undo
        old, self.new = moving.write()
        self.arguments = ("migrate", str(self.new), "--yes", *(["--undo"] if undo else []))
        self.ground = RestorableEnvironment(azure=moving.azure, folder=folder, spec=old)
        self.ground.save("moving")
        self.writes: list[Call] = []

    @cached_property
    def wanted(self) -> Census:
        """What stands after a whole migration; notes the calls that write."""
        self.ground.restore("moving")
        self.ground.done(*self.arguments)
        made = (call for call in self.ground.calls() if call.writes)
        self.writes = sorted(made, key=lambda call: (call.method, call.host, call.path_pattern, call.nth))
        return self.ground.census()

    @property
    def switches(self) -> list[Call]:
        """The writes that pause a DAG or let it run, in either Airflow."""
        return [call for call in self.writes if call.method == "PATCH" and AIRFLOW in call.host]

    def meet(self, call: Call, *, after: bool) -> tuple[bool, list[str]]:
        """Kill it at this call, and run it again. Returns whether it came to that, and what is wrong then."""
        wanted, wrong = self.wanted, list[str]()
        code = self.kill(call, after=after)
        if code not in {0, KILLED}:
            wrong.append(f"it ended with {code}")
        if not self._works():
            wrong.append("no working credential")
        again = self.ground.run(*self.arguments)
        if again.code:
            return True, [*wrong, again.text]
        found = self.ground.census()
        orphans = [one for one in found.orphans if one not in wanted.orphans]
        wrong += (*found.twice(wanted), *found.lacking(wanted), *orphans)
        return code == KILLED, [*wrong, *self._not_over()]

    def kill(self, call: Call, *, after: bool) -> int:
        """A migration that is killed at this call. Returns its exit code; its leases have run out then."""
        self.ground.restore("moving")
        child = self.ground.prepare(*self.arguments)
        where = {"method": call.method, "host": f"^{call.host}$", "path": call.path_pattern, "skip": call.nth}
        self.moving.azure.fault(fault="kill", pid=child.pid, after=after, **where)
        code = self.ground.ran(child.begin()).code
        self.moving.azure.control("DELETE", "/faults")
        self.ground.wait_out_lease()
        return code

    def _works(self) -> bool:
        """Whether what the old workers sign in with does, unless the new ones have begun."""
        begun = any(run["airflow"].startswith(NEW_AIRFLOWS) for run in self.moving.runs())
        return begun or all(one["signs_in"] for one in self.moving.azure.control("GET", "/sign-ins"))

    def _not_over(self) -> list[str]:
        """What is lost, what ran twice, what does not work where it ended, what is left of the other environment."""
        moving = self.moving
        stays, goes = (moving.old, moving.new) if self.undo else (moving.new, moving.old)
        moving.advance(HOUR)
        wrong = [] if stays("verify").code == 0 else [f"{stays.file.stem} does not verify"]
        wrong += moving.lost_or_twice()
        wrong += (f"still to do: {step}" for step in stays.done("plan", "--json").actions())
        left = goes.run("teardown", str(goes.file), "--plan-only", "--json").actions()
        return [*wrong, *(f"left of {goes.file.stem}: {address}" for address in left)]


def undoing(moving: Moving, folder: Path) -> Trial:
    """The way back of a migration that failed before it paused a DAG."""
    moving.begin()
    return Trial(moving, folder, undo=True)
