"""A name or a path → the `Environment` in that YAML file, or a SpecError with every problem it has."""

from __future__ import annotations

import os
import stat
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from provisioner.errors import Problem, SpecError
from provisioner.spec import checks, document, mistakes
from provisioner.spec.fields import Context
from provisioner.spec.model import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path("environments")
SUFFIXES = (".yaml", ".yml")


def load(
    reference: str,
    folder: Path = FOLDER,
    environ: Mapping[str, str] | None = None,
    *,
    template_problem: checks.TemplateCheck,
) -> Environment:
    """The environment that a name under `folder` or a path refers to. Raises SpecError.

    template_problem: the check of the DAG's template, `provisioner.render.dag.template_problem`.
    """
    path = find(reference, folder)
    text = _text(path)
    found = document.read(text, str(path), os.environ if environ is None else environ)
    environment = _environment(found, path.absolute().parent, template_problem)
    if environment is None or found.problems:
        raise found.refusal()
    return environment


def names(folder: Path = FOLDER) -> list[str]:
    """The environments in a folder."""
    return sorted({path.stem for path in folder.glob("*") if path.suffix in SUFFIXES})


def find(reference: str, folder: Path = FOLDER) -> Path:
    """The file that a name under `folder` or a path refers to. Raises SpecError."""
    if os.sep in reference or reference.endswith(SUFFIXES):
        candidates = [Path(reference)]
    else:
        candidates = [folder / f"{reference}{suffix}" for suffix in SUFFIXES]
    for path in candidates:
        if path.exists():
            return path
    known = names(folder)
    near = get_close_matches(reference, known, n=3, cutoff=0.5)
    right = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
    raise _unreadable(candidates[0], "does not exist", right)


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unreadable(path, "is no file", "give the name of an environment or the path of a YAML file")
        with path.open("rb") as file:
            raw = file.read(document.LARGEST + 1)
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}", "let it be read by you") from None
    if len(raw) > document.LARGEST:
        raise _unreadable(path, "is larger than 1 MiB", "an environment is a page; keep data elsewhere")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, "is not UTF-8 text", "save it as UTF-8", line) from None


def _unreadable(path: Path, wrong: str, right: str, line: int = 1) -> SpecError:
    return SpecError((Problem(file=str(path), line=line, path="(file)", wrong=wrong, right=right),))


def _environment(found: document.Document, folder: Path, template_problem: checks.TemplateCheck) -> Environment | None:
    """The model, and into `found` all that is wrong with it."""
    context = Context(folder)
    try:
        environment = Environment.model_validate(found.data, context=context)
    except ValidationError as error:
        mistakes.report(found, error)
        _check_the_rest(found, error, context, template_problem)
        return None
    checks.report(found, environment, set(), template_problem=template_problem)
    return environment


def _check_the_rest(
    found: document.Document, error: ValidationError, context: Context, template_problem: checks.TemplateCheck
) -> None:
    """Check what is right, with defaults and stand-ins for what is wrong, so that one run finds everything."""
    data = deepcopy(found.data)
    _prune(data, [found.written(path) for path in _paths(error)])
    try:
        environment = Environment.model_validate({**STAND_IN, **data}, context=context)
    except ValidationError as again:
        for path in _paths(again):
            data.pop(str(path[0]), None)
        try:
            environment = Environment.model_validate({**STAND_IN, **data}, context=context)
        except ValidationError:  # what is right depends on what is wrong: it is checked once that is corrected
            return
    checks.report(found, environment, STAND_IN.keys() - data.keys(), template_problem=template_problem)


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


_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/stand-in/providers"
STAND_IN: dict[str, object] = {
    "name": "stand-in",
    "cloud": "public",
    "subscription": "00000000-0000-0000-0000-000000000000",
    "resource_group": "stand-in",
    "location": "westeurope",
    "vault": "stand-in",
    "storage_account": "standin",
    "flink": f"{_GROUP}/Microsoft.HDInsight/clusterpools/stand-in/clusters/stand-in",
    "airflow": f"{_GROUP}/Microsoft.DataFactory/factories/stand-in/integrationruntimes/stand-in",
    "job": {"jar": "stand-in.jar", "entry_class": "StandIn"},
}
