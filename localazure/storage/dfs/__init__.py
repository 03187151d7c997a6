"""Data Lake Storage: `*.dfs.core.windows.net`."""

from localazure.storage.dfs import paths_api

SERVICES = (paths_api.SERVICE,)
