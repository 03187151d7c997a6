"""Data Lake Storage: `*.dfs.core.windows.net`."""

from localazure.storage.dfs import access_api, filesystems_api, paths_api, service

__all__ = [
    "SERVICES",
    "access_api",
    "filesystems_api",
    "paths_api",
]  # which register their routes when they are imported

SERVICES = (service.SERVICE,)
