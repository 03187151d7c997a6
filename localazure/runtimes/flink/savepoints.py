"""Where savepoints lie: a URI of the data lake ↔ the folder of a cluster that stands for it.

This Flink has no file system for the data lake: `savepoints/CONTAINER@ACCOUNT/PATH` of its folder is that. The service
that runs the cluster puts what is written there into the data lake, too.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from localazure.runtimes.flink.cluster import FlinkError

if TYPE_CHECKING:
    from pathlib import Path

    from localazure.runtimes.flink.cluster import Cluster

_URI = re.compile(r"abfss?://([\w$-]+@[\w.-]+)(/.*)?", re.IGNORECASE)


def local_savepoint_folder(cluster: Cluster, savepoint_uri: str) -> Path:
    """Return the local folder for a savepoint URI of the data lake. Raises FlinkError for any other URI."""
    match = _URI.fullmatch(savepoint_uri)
    segments = PurePosixPath(match[2] or "/").parts[1:] if match else ()
    if match is None or ".." in segments:
        raise FlinkError(
            f"The savepoint directory '{savepoint_uri}' is no abfs://CONTAINER@ACCOUNT.dfs.core.windows.net URI."
        )
    return cluster.folder.joinpath("savepoints", match[1], *segments)
