"""A name or a path → the `Environment` in that YAML file, or a SpecError with every problem it has."""

from __future__ import annotations

import os
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from provisioner.spec import checks, mistakes, targets
from provisioner.spec.extends import read_extended
from provisioner.spec.fields import Context
from provisioner.spec.model import Environment
from provisioner.spec.siblings import SUFFIXES, find_file_of_same_environment, is_base
from provisioner.spec.source import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.spec import document

FOLDER = Path("environments")


def load(
    reference: str,
    folder: Path = FOLDER,
    environ: Mapping[str, str] | None = None,
    *,
    dag_problems: checks.DagCheck,
) -> Environment:
    """The environment that a name under `folder` or a path refers to. Raises SpecError.

    dag_problems: the check of the DAGs, `provisioner.render.dag_problems.dag_problems`.
    """
    path = spec_path(reference, folder)
    found = read_extended(path, os.environ if environ is None else environ)
    environment = _validate_environment(found, path.absolute().parent, dag_problems)
    if environment is None or found.problems:
        raise found.refusal()
    other = find_file_of_same_environment(path, environment)
    if other is not None:
        wrong = f"is the environment of {other.name}, too, and each would undo what the other does"
        right = "give one of them another `name` or `id`"
        found.add_problem(("id" if environment.id else "name",), wrong, right)
        raise found.refusal()
    return environment


def names(folder: Path = FOLDER) -> list[str]:
    """The environments in a folder; a file without a name of its own is only there for others to extend."""
    return sorted({path.stem for path in folder.glob("*") if path.suffix in SUFFIXES and not is_base(path)})


def spec_path(reference: str, folder: Path = FOLDER) -> Path:
    """The file that a name under `folder` or a path refers to. Raises SpecError."""
    if os.sep in reference or reference.endswith(SUFFIXES):
        candidates = [Path(reference)]
    else:
        candidates = [folder / f"{reference}{suffix}" for suffix in SUFFIXES]
    for path in candidates:
        if path.exists():
            return path
    known = names(folder)
    if not known and len(candidates) > 1:
        begin = f"`provisioner init {reference}` begins one"
        right = f"{folder.absolute()} has none: {begin}; or change to the folder where yours are, or give a file's path"
        raise unreadable(candidates[0], "does not exist", right)
    near = get_close_matches(reference, known, n=3, cutoff=0.5)
    right = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
    raise unreadable(candidates[0], "does not exist", right)


def _validate_environment(found: document.Document, folder: Path, dag_problems: checks.DagCheck) -> Environment | None:
    """The model, and into `found` all that is wrong with it."""
    context = Context(folder)
    try:
        environment = Environment.model_validate(found.data, context=context)
    except ValidationError as error:
        mistakes.report_mistakes(found, error)
        _check_the_rest(found, error, context, dag_problems)
        return None
    checks.report_problems(found, environment, set(), dag_problems=dag_problems)
    return environment


def _check_the_rest(
    found: document.Document, error: ValidationError, context: Context, dag_problems: checks.DagCheck
) -> None:
    """Check what is right, with defaults and stand-ins for what is wrong, so that one run finds everything."""
    data = deepcopy(found.data)
    _prune(data, [found.path_as_spelt(path) for path in _paths(error)])
    try:
        environment = Environment.model_validate(_completed(data), context=context)
    except ValidationError as again:
        for path in _paths(again):
            data.pop(str(path[0]), None)
        try:
            environment = Environment.model_validate(_completed(data), context=context)
        except ValidationError:  # what is right depends on what is wrong: it is checked once that is corrected
            return
    checks.report_problems(found, environment, STAND_IN.keys() - data.keys(), dag_problems=dag_problems)


def _completed(data: dict[str, document.Data]) -> dict[str, object]:
    """With a stand-in for each field that it lacks."""
    completed = {**STAND_IN, **data}
    return {name: value for name, value in completed.items() if not (name == "job" and completed.get("jobs"))}


def _paths(error: ValidationError) -> Iterator[document.Path]:
    for mistake in error.errors(include_url=False, include_input=False):
        parts = mistake["loc"]
        end = next((index for index, part in enumerate(parts) if isinstance(part, int)), len(parts))
        yield parts[:end]  # a list goes as a whole


def _prune(data: dict[str, document.Data], paths: list[document.Path]) -> None:
    """Take out what is wrong, or the short form that stands for it."""
    for path in paths:
        within, (*outer, last) = data, map(str, path)
        for part in outer:
            inner = within.get(part)
            if not isinstance(inner, dict):
                last = part
                break
            within = inner
        within.pop(last, None)


STAND_IN: dict[str, object] = {
    "name": "stand-in",
    "cloud": "public",
    "subscription": "00000000-0000-0000-0000-000000000000",
    "resource_group": "stand-in",
    "location": "westeurope",
    "vault": "stand-in",
    "storage_account": "standin",
    "flink": targets.default_target_class("flink").stand_in,
    "airflow": targets.default_target_class("airflow").stand_in,
    "job": {"jar": "stand-in.jar", "entry_class": "StandIn"},
}
