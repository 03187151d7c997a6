"""Whether what `--json` prints is as docs/documents.schema.json says.

Imports nothing of the tool, so that tests of the local Azure may use it, too.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = Path(__file__).parents[1] / "docs/documents.schema.json"


@cache
def _validator(verb: str) -> Draft202012Validator:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return Draft202012Validator({**schema, **schema["verbs"][verb]})


def document_problems(verb: str, document: Any) -> list[str]:
    """In what a document is not as the schema says."""
    validator: Any = _validator(verb)
    return [error.message for error in validator.iter_errors(document)]


def assert_as_published(arguments: Sequence[str], out: str) -> None:
    """What a command line printed is one document of its verb's, if it has `--json` and anybody read the output.

    What stands after `--` is for another program.
    """
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--json" in own and out:
        words = 3 if tuple(arguments[:2]) == ("local", "runtimes") else 2 if arguments[0] == "local" else 1
        assert document_problems(" ".join(arguments[:words]), json.loads(out)) == [], out
