"""Data lakes: `client` reads and writes filesystems and paths, `upload` writes a file's bytes."""

from provisioner.cloud.clients.data_lake.client import DataLake
from provisioner.cloud.clients.data_lake.properties import FilesystemProperties, PathProperties

__all__ = ["DataLake", "FilesystemProperties", "PathProperties"]
