"""Folders that tests leave behind → the files in them that may hold no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# design.md, "Where a secret may be": the local Azure's own store is exempt. What else it keeps is searched.
OF_THE_LOCAL_AZURE = frozenset({"store", "snapshots", "tls", "token-key.pem", "operator-secret", "control-token"})
# What Kubernetes would mount into a pod; its readers find it there only.
MOUNTED = frozenset({"azure-identity-token"})
# Programs nobody here wrote, put there by pip.
INSTALLED = frozenset({"envs", "node_modules", "site-packages"})
SPECS = frozenset({".yaml", ".yml"})
LARGEST = 64 * 1024 * 1024  # a test of sizes wrote it, and no secret makes it large


def files(folder: Path) -> Iterator[Path]:
    """Every regular file below that has something in it; no link is followed."""
    azure = (folder / "alive.lock").exists() or (folder / "endpoint.json").exists()
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        if path.name in INSTALLED | MOUNTED or path.is_symlink() or (azure and path.name in OF_THE_LOCAL_AZURE):
            continue
        if path.is_dir():
            yield from files(path)
        elif path.is_file() and 0 < path.stat().st_size <= LARGEST:
            yield path


def content(path: Path) -> bytes:
    """What is in it; nothing, if it is gone or may not be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
