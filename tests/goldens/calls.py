"""The local Azure's log of calls → lines, without what depends on which of two things at once comes first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

READS = ("GET", "HEAD")
CONTENTS = (".vault.azure.net", ".dfs.core.windows.net", ".blob.core.windows.net")  # of a vault or an account
SIGN_IN = "login.microsoftonline.com"


def calls_of(azure: LocalAzure, *, counted: bool) -> Iterator[str]:
    """Each call since the log was cleared, and how often, if more than once; of reads and sign-ins if `counted`.

    A run that writes reads again after each step; how often depends on which steps end first. `make bench` counts.
    """
    calls: list[dict[str, Any]] = azure.control("GET", "/calls")["calls"]
    often = Counter(
        (f"{call['method']} {call['host']}{call['path']} {call['status']}", counted or _writes(call))
        for call in calls
        if not _depends_on_order(call)
    )
    return (f"{line} ({count} times)" if shown and count > 1 else line for (line, shown), count in often.items())


def _writes(call: dict[str, Any]) -> bool:
    return call["method"] not in READS and call["host"] != SIGN_IN


def _depends_on_order(call: dict[str, Any]) -> bool:
    """Polls, of which there are more the longer something takes, and some refusals of vaults and accounts.

    What is in a vault or account is read beside it, so a missing one is asked or not; of several calls at once one or
    more meet the challenge (401) with which a vault begins; a grant that was just made counts after the first 403 or
    the second.
    """
    poll = call["method"] in READS and call["status"] == 202
    return poll or (call["status"] in {401, 403, 404} and call["host"].endswith(CONTENTS))
