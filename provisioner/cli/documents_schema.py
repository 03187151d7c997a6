"""The JSON Schema of what `--json` prints, made from the types of the documents."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from provisioner.cli.documents import (
    Applied,
    Doctor,
    Document,
    Failure,
    ImportBlocks,
    Output,
    Planned,
    Render,
    RenderedFiles,
    Schedule,
    Status,
    Validate,
)
from provisioner.cli.documents_of_runs import JobAction, LocalRuntimes, LocalStatus, Migrated, Run, Several, Verify
from provisioner.cli.parser import SEVERAL
from provisioner.spec.schema import DIALECT

# By verb, what it may print; any of them may print a Failure instead.
DOCUMENTS: dict[str, tuple[type[Document], ...]] = {
    "doctor": (Doctor,),
    "job": (JobAction, Run),
    "local runtimes status": (LocalRuntimes,),
    "local runtimes up": (LocalRuntimes,),
    "local status": (LocalStatus,),
    "local up": (LocalStatus,),
    "migrate": (Migrated, Applied),
    "output": (Output, ImportBlocks),
    "plan": (Planned,),
    "provision": (Applied,),
    "render": (Render, RenderedFiles),
    "rotate": (Applied, Planned),
    "run": (Run,),
    "schedule": (Schedule,),
    "status": (Status,),
    "teardown": (Applied, Planned),
    "validate": (Validate,),
    "verify": (Verify,),
    "workflow": (Schedule,),
}


DOCUMENTS.update({verb: (*DOCUMENTS[verb], Several) for verb in SEVERAL})


def documents_schema() -> dict[str, Any]:
    """The JSON Schema: any document; below `verbs`, what each verb may print."""
    models = list(dict.fromkeys((Failure, *(one for several in DOCUMENTS.values() for one in several))))
    _, definitions = models_json_schema([(one, "validation") for one in models])

    def any_of(found: tuple[type[Document], ...]) -> list[dict[str, str]]:
        return [{"$ref": f"#/$defs/{one.__name__}"} for one in found]

    return {
        "$schema": DIALECT,
        "title": "what provisioner prints with --json",
        "anyOf": any_of(tuple(models)),
        "verbs": {verb: {"anyOf": any_of((*found, Failure))} for verb, found in DOCUMENTS.items()},
        "$defs": definitions["$defs"],
    }
