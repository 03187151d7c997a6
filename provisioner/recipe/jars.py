"""The jars in the data lake, and the cluster's right to read them: rows 7 and 8 of the article."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds import dag_file, job_jar, role_assignment
from provisioner.model import Address, Node, Search
from provisioner.recipe.principals import slug

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.recipe.places import Places
    from provisioner.recipe.targets.contract import Flink, Names
    from provisioner.spec.model import Environment


class Jars:
    """The job's jar and what else is uploaded."""

    def __init__(self, environment: Environment, names: Names, places: Places, flink: Flink) -> None:
        self._spec, self._mark, self._places, self._flink = environment, names.environment_id, places, flink

    def nodes(self) -> Iterator[Node]:
        """Each jar; the grant."""
        spec, jobs = self._spec, self._places.jobs
        for jar in (spec.job, *spec.jars):
            desired = job_jar.JobJar(
                account=spec.account_name,
                filesystem=jobs.name,
                path=jar.path,
                file=str(jar.jar),
                environment=self._mark,
            )
            address = Address("job_jar", f"{jobs.name}/{jar.path}")
            yield Node(address=address, desired=desired, container=jobs, needs=(self._places.account_access,))
        assignment = role_assignment.RoleAssignment(
            scope=spec.account_id,
            role=spec.job.role,
            principal_id=self._flink.identity,
            environment=self._mark,
            label="the Flink cluster's identity",
        )
        address = Address("role_assignment", f"flink.{slug(spec.job.role)}")
        yield Node(address=address, desired=assignment, container=self._places.account)

    def searches(self) -> Iterator[Search]:
        """Files in the filesystem."""
        for kind in (job_jar, dag_file):
            jobs = self._places.jobs
            paths = kind.Scope(account=self._spec.account_name, filesystem=jobs.name, environment=self._mark)
            yield Search(kind=kind.NAME, scope=paths, container=jobs)
