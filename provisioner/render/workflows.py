"""Environments → pipelines of one's own repository: plan on a pull request, provision on merge, rotate on schedule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.render.schedules import (
    PLATFORMS,
    File,
    Schedule,
    as_yaml,
    cadence,
    cadence_notes,
    refuse_twins,
    refuse_unsafe,
)
from provisioner.render.template import render_text
from provisioner.spec.templates import find_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.render.schedules import Scheduled

TEMPLATES = {"github-actions": "github_actions.yaml.j2", "azure-pipelines": "azure_pipelines.yaml.j2"}
COMMIT = re.compile(r"git\+https://[^\s@#]+@[0-9a-f]{40}")
WHEEL = re.compile(r"https://[^\s#]+\.whl#sha256=[0-9a-f]{64}")


def render_workflow(kind: str, environments: Sequence[Scheduled], source: str) -> Schedule:
    """A file for each environment. source: what pip installs the tool from; nothing that may change tomorrow.

    Raises Refused.
    """
    if not (COMMIT.fullmatch(source) or WHEEL.fullmatch(source)):
        remedy = "Write git+https://HOST/REPOSITORY@COMMIT, 40 digits, or https://HOST/FILE.whl#sha256=HASH"
        raise Refused("--source", f"{source} is neither a commit nor a wheel with its hash", remedy)
    refuse_twins(environments)
    files, notes = list[File](), list[str]()
    for one in environments:
        refuse_unsafe(kind, PLATFORMS[kind], one.name, one.spec)
        when = cadence(one.runs_every, one.identity, kind=kind)
        notes += (found := cadence_notes(one, when))
        values = {
            "name": one.name,
            "spec": one.spec,
            "variables": sorted(one.variables),
            "cron": when.cron,
            "notes": found,
            "source": source,
        }
        template = find_template(f"workflows/{TEMPLATES[kind]}").read_text(encoding="utf-8")
        text = render_text(template, values, filters={"yaml": as_yaml})
        files.append(File(name=f"provisioner-{one.name}.yaml", content=text))
    return Schedule(files=tuple(files), notes=tuple(notes))
