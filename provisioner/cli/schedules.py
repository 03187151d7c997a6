"""The output of `schedule` and `workflow`: files that run an environment's rotation, and its plans. No network."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from provisioner.cli.project import project_folder
from provisioner.errors import Refused
from provisioner.render.dag_problems import dag_problems
from provisioner.render.schedules import Schedule, Scheduled, render_schedule
from provisioner.render.workflows import render_workflow
from provisioner.spec.extends import read_extended
from provisioner.spec.loader import load, spec_path

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN = "templates/schedules/run.sh"


def rendered(kind: str, references: Sequence[str], directory: str | None, *, pools: bool = False) -> Schedule:
    """The files; directory: of the checkout on the machine that runs it, this one's by default."""
    folder = PurePosixPath(directory or _require_checkout())
    if not folder.is_absolute():
        raise Refused(str(folder), "is not an absolute path", "Write the folder as it is on the machine that runs it")
    return render_schedule(kind, [_scheduled(reference) for reference in references], folder, pools=pools)


def workflows(kind: str, references: Sequence[str], source: str) -> Schedule:
    """The pipelines of one's own repository. Raises Refused, also for environments that no pipeline reaches."""
    for reference in references:
        if load(reference, dag_problems=dag_problems).cloud == "local":
            remedy = "Name environments of an Azure that pipelines reach"
            raise Refused(reference, "is on `cloud: local`, which is on this machine only", remedy)
    return render_workflow(kind, [_scheduled(reference) for reference in references], source)


def write_files(made: Schedule, folder: Path) -> list[str]:
    """The paths of the files, now in that folder. Raises Refused."""
    paths = [folder / file.name for file in made.files]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, file in zip(paths, made.files, strict=True):
            path.write_text(file.content, encoding="utf-8")
    except OSError as error:
        raise Refused(str(folder), f"cannot be written: {error.strerror}", "Choose another folder for --out") from None
    return [str(path) for path in paths]


def as_json(kind: str, made: Schedule) -> dict[str, Any]:
    """The document of `--json`."""
    files = [{"name": file.name, "content": file.content} for file in made.files]
    return {"kind": kind, "files": files, "notes": list(made.notes)}


def as_text(made: Schedule) -> str:
    """One file as it is; several with a line before each that is a comment in all of these formats."""
    if len(made.files) == 1:
        return made.files[0].content.rstrip()
    return "\n".join(f"# ---- {file.name} ----\n{file.content}" for file in made.files).rstrip()


def _require_checkout() -> Path:
    """The checkout here. Raises Refused."""
    folder = project_folder()
    if not (folder / RUN).is_file():
        remedy = "Name the checkout on the machine that runs it with --directory"
        raise Refused(str(folder), f"is not a checkout of this tool: a schedule runs its {RUN}", remedy)
    return folder


def _scheduled(reference: str) -> Scheduled:
    environment = load(reference, dag_problems=dag_problems)
    path = Path(os.path.abspath(spec_path(reference)))  # noqa: PTH100  # a link stays a link: it may lead elsewhere tomorrow
    return Scheduled(
        name=environment.name,
        identity=environment.environment_id(environment.tenant or ""),
        subscription=environment.subscription,
        spec=_from_checkout(path),
        runs_every=min(one.rotation.runs_every for one in environment.principals_in_use.values()),
        variables=read_extended(path, os.environ).variables(),
        local=environment.cloud == "local",
    )


def _from_checkout(path: Path) -> str:
    """As provisioner finds it when it runs in the checkout, and never like an option."""
    folder = project_folder()
    if not path.is_relative_to(folder):
        return str(path)
    inside = path.relative_to(folder).as_posix()
    return inside if "/" in inside and not inside.startswith("-") else f"./{inside}"
