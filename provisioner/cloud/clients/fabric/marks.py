"""How a job, its settings and its files show which environment's they are.

A job in its description; settings in a variable that lists them; a file in a small one beside it, since no file of a
job has metadata.
"""

from __future__ import annotations

import re

OWNER_PREFIX = "provisioner-environment="
OWNER = re.compile(rf"{OWNER_PREFIX}([0-9a-fA-F-]{{36}})")
UNFINISHED = "; unfinished"
BESIDE = ".owner"
KEYS = "PROVISIONER_KEYS"
RECORDS = "PROVISIONER_"


def job_description(environment_id: str, *, finished: bool) -> str:
    """Of a job that an environment makes. Unfinished: it has no definition yet."""
    return f"Made by provisioner; {OWNER_PREFIX}{environment_id}{'' if finished else UNFINISHED}"


def owner_in(text: str) -> str:
    """The environment's id in a description or beside a file; empty if there is none."""
    found = OWNER.search(text)
    return found[1].lower() if found else ""


def owner_text(environment: str) -> str:
    """What stands beside a file."""
    return f"{OWNER_PREFIX}{environment}\n"
