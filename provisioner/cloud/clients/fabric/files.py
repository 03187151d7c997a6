"""The files of a job, below `dags/` and `plugins/`, and whose they are.

https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/files-(beta)
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from provisioner.cloud.clients.fabric import marks
from provisioner.cloud.clients.fabric.objects import JobFile

if TYPE_CHECKING:
    from provisioner.cloud.clients.fabric.requests import Requests

GONE = 404


class JobFiles:
    """Every method raises CloudError. job_path: the path of a job, `/workspaces/GUID/apacheAirflowJobs/GUID`."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def find(self, job_path: str, path: str) -> JobFile | None:
        """A file with its content.

        https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/files-(beta)
        """
        content = self._content(job_path, path)
        owner = None if content is None else self._content(job_path, path + marks.BESIDE)
        return None if content is None else JobFile(path=path, owner=_owner(owner), content=content)

    def set(self, job_path: str, path: str, content: bytes, environment: str) -> None:
        """Create or replace a file. Whose it is stands there first, so that none is left that nobody owns."""
        self._put(job_path, path + marks.BESIDE, marks.owner_text(environment).encode())
        self._put(job_path, path, content)

    def delete(self, job_path: str, path: str) -> None:
        """Delete a file, and what stands beside it last; fine if it is gone."""
        for one in (path, path + marks.BESIDE):
            self._mark_file_written(job_path, one)
            if one in self._list(job_path, "dags"):
                self._requests.send("DELETE", _request_path(job_path, one), beta=True, missing_ok=True)

    def list_owned_dag_paths(self, job_path: str, environment: str) -> tuple[str, ...]:
        """Paths in `dags/` that the environment has written, or has begun to write."""
        beside = (one for one in self._list(job_path, "dags") if one.endswith(marks.BESIDE))
        owned = (one for one in beside if _owner(self._content(job_path, one)) == environment)
        return tuple(one.removesuffix(marks.BESIDE) for one in owned)

    def list_unmanaged(self, job_path: str, environment: str) -> tuple[str, ...]:
        """Paths of other people's files, directly in `dags/` or `plugins/`: the API lists no folders."""
        owned = self.list_owned_dag_paths(job_path, environment)
        ours = {*owned, *(path + marks.BESIDE for path in owned)}
        return tuple(one for folder in ("dags", "plugins") for one in self._list(job_path, folder) if one not in ours)

    def _list(self, job_path: str, folder: str) -> tuple[str, ...]:
        """The paths of the files directly in a folder, once per pass."""

        def fetch() -> tuple[str, ...]:
            listed = self._requests.list_all(f"{job_path}/files", beta=True, params={"rootPath": folder})
            return tuple(str(one["filePath"]) for one in listed)

        return self._requests.read_once(f"{job_path}/files/{folder}", fetch)

    def _content(self, job_path: str, path: str) -> bytes | None:
        """None if the listing does not have it: a GET may answer 500 then."""
        if path not in self._list(job_path, path.rpartition("/")[0]):
            return None

        def fetch() -> bytes | None:
            answer = self._requests.send("GET", _request_path(job_path, path), beta=True, missing_ok=True)
            return None if answer.status_code == GONE else answer.read()

        return self._requests.read_once(f"{job_path}/files/{path}", fetch)

    def _put(self, job_path: str, path: str, content: bytes) -> None:
        self._mark_file_written(job_path, path)
        self._requests.send(
            "PUT", _request_path(job_path, path), beta=True, content=content, content_type="application/octet-stream"
        )

    def _mark_file_written(self, job_path: str, path: str) -> None:
        self._requests.mark_written(f"{job_path}/files/{path}", f"{job_path}/files/{path.rpartition('/')[0]}")


def _request_path(job_path: str, path: str) -> str:
    return f"{job_path}/files/{quote(path)}"


def _owner(content: bytes | None) -> str:
    return marks.owner_in((content or b"").decode("utf-8", "replace"))
