"""A run in Fabric that is killed at each write to it: the next run finishes it, and nothing is there twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.child import KILLED
from tests.localazure.fabric.workspace import JOBS, Fabric
from tests.reliability.restorable_environment import RestorableEnvironment

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

SPEC = Path(__file__).parents[2] / "environments/fabric.yaml"
TO_FABRIC = {"method": "POST,PUT,PATCH,DELETE", "host": r"^api\.fabric\."}
MOST = 20


@pytest.fixture
def ground(azure: LocalAzure, tmp_path: Path) -> RestorableEnvironment:
    """With the moments `empty` and `provisioned`."""
    made = RestorableEnvironment(azure=azure, folder=tmp_path, spec=SPEC)
    made.save("empty")
    made.done("provision")
    made.save("provisioned")
    return made


def contents(azure: LocalAzure) -> dict[str, list[str]]:
    """The files of each job, by its name."""
    call = Fabric(azure=azure)
    listed = call("GET", JOBS).json()["value"]
    files = {job["displayName"]: call("GET", f"{JOBS}/{job['id']}/files?beta=true").json()["value"] for job in listed}
    return {name: sorted(one["filePath"] for one in found) for name, found in files.items()}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("verb", "moment"), [("provision", "empty"), ("teardown", "provisioned")])
def test_a_run_that_is_killed_at_any_write_to_fabric_is_finished_by_the_next(
    ground: RestorableEnvironment, verb: str, moment: str, *, after: bool
) -> None:
    azure, expected = ground.azure, contents(ground.azure) if verb == "provision" else {}
    for number in range(MOST):
        ground.restore(moment)
        run = ground.prepare(verb)
        azure.fault(fault="kill", pid=run.pid, after=after, skip=number, **TO_FABRIC)
        ended = ground.ran(run.begin())
        azure.control("DELETE", "/faults")
        if ended.code == 0:
            assert number >= 4
            return
        assert ended.code == KILLED, ended.text
        ground.wait_out_lease()
        ground.done(verb)
        assert contents(azure) == expected, f"killed at write {number + 1}"
        if verb == "provision":
            assert ground.run("plan", "--detailed-exitcode").code == 0
    raise AssertionError(f"more than {MOST} writes")
