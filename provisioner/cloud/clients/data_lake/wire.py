"""Requests to data lakes: signed raw ones, which are quick to import, and the SDK's clients for writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from provisioner.cloud.clients.data_lake.properties import (
    FilesystemProperties,
    PathProperties,
    of_filesystem,
    of_path,
    read_listed_blob,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.core.rest import HttpResponse
    from azure.storage.filedatalake import DataLakeFileClient, FileSystemClient

    from provisioner.cloud.transport.http_client import HttpClient
    from provisioner.cloud.transport.session import Session

# Every call names the version it was written for; bearer tokens need 2017-11-09 or later.
# https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services
VERSION = {"x-ms-version": "2023-11-03"}
GONE = 404


class Wire:
    """Every method raises CloudError and always asks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_filesystem(self, account: str, name: str) -> FilesystemProperties | None:
        """The properties now, or None."""
        answer = self.request("HEAD", account, name, params={"resource": "filesystem"}, missing_ok=True)
        return None if answer.status_code == GONE else of_filesystem(answer)

    def find_path(self, account: str, filesystem: str, path: str) -> PathProperties | None:
        """The properties now, or None."""
        answer = self.request("HEAD", account, filesystem, path, missing_ok=True)
        return None if answer.status_code == GONE else of_path(path, answer)

    def list_child_paths(self, account: str, filesystem: str, directory: str) -> Iterator[str]:
        """Paths directly in a directory."""
        return (str(found["name"]) for found in self._directly_in(account, filesystem, directory))

    def list_child_folders(self, account: str, filesystem: str, directory: str) -> Iterator[str]:
        """Those of them that are directories."""
        every = self._directly_in(account, filesystem, directory)
        return (str(found["name"]) for found in every if found.get("isDirectory") in {True, "true"})

    def _directly_in(self, account: str, filesystem: str, directory: str) -> Iterator[dict[str, Any]]:
        """https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list."""
        params = {"resource": "filesystem", "recursive": "false"}
        if directory:
            params["directory"] = directory
        while True:
            answer = self.request("GET", account, filesystem, params=params, missing_ok=True)
            if answer.status_code == GONE:
                return
            yield from answer.json()["paths"]
            params["continuation"] = answer.headers.get("x-ms-continuation", "")
            if not params["continuation"]:
                return

    def list_properties(
        self, account: str, filesystem: str, folder: str | None = None, *, below: bool = False
    ) -> Iterator[PathProperties]:
        """Everything with its metadata, which only the listing of the blob endpoint has; page by page, as it is needed.

        folder: only what is directly in it (the root's is empty), without directories; below: everything below it.
        https://learn.microsoft.com/rest/api/storageservices/list-blobs
        """
        url = f"https://{account}.{self._session.profile.blob_suffix}/{filesystem}"
        params = {"restype": "container", "comp": "list", "include": "metadata"}
        if folder is not None:
            params |= {} if below else {"delimiter": "/"}
            params |= {"prefix": f"{folder}/"} if folder else {}
        operation = f"GET {account}/{filesystem}"
        while True:
            answer = self._http().request(
                "GET", url, operation=operation, params=params, headers=VERSION, missing_ok=True
            )
            if answer.status_code == GONE:
                return
            page = ET.fromstring(answer.content)  # noqa: S314  # Azure's own answer over TLS; expat limits entities
            yield from map(read_listed_blob, page.iterfind("Blobs/Blob"))
            params["marker"] = page.findtext("NextMarker") or ""
            if not params["marker"]:
                return

    def request(  # noqa: PLR0913  # the parts of an HTTP request
        self,
        method: str,
        account: str,
        filesystem: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        missing_ok: bool = False,
    ) -> HttpResponse:
        """One request to the data lake endpoint."""
        where = f"{filesystem}/{quote(path)}" if path else filesystem
        url = f"https://{account}.{self._session.profile.dfs_suffix}/{where}"
        operation = f"{method} {account}/{filesystem}/{path}".rstrip("/")
        return self._http().request(
            method,
            url,
            operation=operation,
            params=params or {},
            headers={**VERSION, **(headers or {})},
            content=content,
            missing_ok=missing_ok,
        )

    def append(self, account: str, filesystem: str, path: str, position: int, content: bytes) -> None:
        """Append at a position; nobody can read it before a flush. The same piece may be sent again.

        https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update
        """
        params = {"action": "append", "position": str(position)}
        self.request("PATCH", account, filesystem, path, params=params, content=content)

    def put_blob(self, account: str, filesystem: str, path: str, *, content: bytes, headers: Mapping[str, str]) -> None:
        """Write a file by one request to the blob endpoint: https://learn.microsoft.com/rest/api/storageservices/put-blob."""
        url = f"https://{account}.{self._session.profile.blob_suffix}/{filesystem}/{quote(path)}"
        operation = f"PUT {account}/{filesystem}/{path}"
        blob = {"x-ms-blob-type": "BlockBlob", **VERSION, **headers}
        self._http().request("PUT", url, operation=operation, headers=blob, content=content)

    def filesystem_client(self, account: str, name: str) -> FileSystemClient:
        """https://learn.microsoft.com/python/api/azure-storage-file-datalake/azure.storage.filedatalake.filesystemclient."""
        from azure.storage.filedatalake import FileSystemClient

        return FileSystemClient(self._url(account), name, **self._options())

    def file_client(self, account: str, filesystem: str, path: str) -> DataLakeFileClient:
        """https://learn.microsoft.com/python/api/azure-storage-file-datalake/azure.storage.filedatalake.datalakefileclient."""
        from azure.storage.filedatalake import DataLakeFileClient

        return DataLakeFileClient(self._url(account), filesystem, path, **self._options())

    def _http(self) -> HttpClient:
        return self._session.http(self._session.profile.storage_scope)

    def _url(self, account: str) -> str:
        return f"https://{account}.{self._session.profile.dfs_suffix}"

    def _options(self) -> dict[str, Any]:
        return {"credential": self._session.credential, **self._session.sdk_options()}
