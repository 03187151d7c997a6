"""All DAG files of an environment: those of its jobs, the probe's, and people's own."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.render.dag import INCLUDED, Hosts, common_values, lake_and_hosts, read_template, render_dag
from provisioner.render.declared_dags import read_dags
from provisioner.render.template import render_text
from provisioner.spec.templates import find_template

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.spec.jobs import DeclaredJob
    from provisioner.spec.model import Environment

PROBE = "dags/key_probe.py.j2"


@dataclass(frozen=True, kw_only=True)
class RenderedDag:
    """A DAG's file as it is to be deployed.

    id: empty if that is not to be read in a file of one's own. name: in the folder `dags/`; job: whose DAG it is, if a
    job's.
    """

    id: str
    name: str
    content: str
    job: DeclaredJob | None = None


def rendered_dags(
    environment: Environment, hosts: Hosts | None = None, *, paused: bool = False
) -> tuple[RenderedDag, ...]:
    """Each DAG's file: one per job, the probe's where it is beside no job, people's own. Raises TemplateProblem.

    paused: those of jobs are paused where Airflow does not know them yet.
    """
    jobs = (
        RenderedDag(
            id=job.dag.id, name=job.dag.file, content=render_dag(environment, job, hosts, paused=paused), job=job
        )
        for job in environment.all_jobs
    )
    probe = () if environment.job else (_probe(environment, hosts or Hosts()),)
    own = (_own(environment, path, hosts or Hosts()) for _, path in environment.own_dags)
    return (*jobs, *probe, *own)


def _own(environment: Environment, path: Path, hosts: Hosts) -> RenderedDag:
    content = own_text(environment, path, hosts)
    dags = read_dags(ast.parse(content))
    return RenderedDag(id=(dags[0].id or "") if dags else "", name=path.name.removesuffix(".j2"), content=content)


def own_text(environment: Environment, path: Path, hosts: Hosts) -> str:
    """One of `dags`: as it is, or rendered if it ends in .j2. Raises TemplateProblem."""
    text = read_template(path)
    if path.suffix != ".j2":
        return text
    values = {**common_values(environment), **lake_and_hosts(environment, hosts)}
    return render_text(text, values, folders=(path.parent, *INCLUDED))


def _probe(environment: Environment, hosts: Hosts) -> RenderedDag:
    text = find_template(PROBE).read_text(encoding="utf-8")
    values = {**common_values(environment), **lake_and_hosts(environment, hosts)}
    content = render_text(text, values, folders=INCLUDED)
    return RenderedDag(id=environment.probe_id, name=f"{environment.name}_key_probe.py", content=content)
