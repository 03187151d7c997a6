"""The jars in the data lake, and the right to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds import job_jar
from provisioner.model import Node
from provisioner.recipe.lake_files import file_searches, jar_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.model import Search
    from provisioner.recipe.containers import Containers
    from provisioner.recipe.targets.contract import Flink, Names
    from provisioner.spec.model import Environment


class Jars:
    """The jars of the jobs, each once, and what else is uploaded."""

    def __init__(self, environment: Environment, names: Names, containers: Containers, flink: Flink) -> None:
        self._spec, self._mark, self._containers, self._flink = environment, names.environment_id, containers, flink

    def nodes(self) -> Iterator[Node]:
        """Each jar once, and the roles that Flink needs in the lake."""
        spec, jobs = self._spec, self._containers.jobs
        jars = {jar.lake_path: jar for jar in (*(job.spec for job in spec.all_jobs), *spec.jars)}
        for jar in jars.values():
            desired = job_jar.JobJar(
                account=spec.account_name,
                filesystem=jobs.name,
                path=jar.lake_path,
                file=str(jar.jar),
                environment=self._mark,
            )
            address = jar_address(jobs, jar.lake_path)
            yield Node(address=address, desired=desired, container=jobs, needs=(self._containers.account_access,))
        yield from self._flink.grants

    def searches(self) -> tuple[Search, ...]:
        """Files in the filesystem."""
        account, jobs = self._spec.account_name, self._containers.jobs
        return file_searches(account=account, container=jobs, environment=self._mark)
