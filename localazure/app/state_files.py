"""The files in the state folder that outlive the server: written whole or not at all, checked before each start.

Standard library only, since `process` checks them without the server's packages.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import shutil
import sqlite3
import ssl
from contextlib import closing
from typing import TYPE_CHECKING, Any

from localazure.app.secret_marker import SECRET_MARKER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENDPOINT = "endpoint.json"
OPERATOR_SECRET = "operator-secret"  # noqa: S105 - a file's name
CONTROL_TOKEN = "control-token"  # noqa: S105 - a file's name
TOKEN_KEY = "token-key.pem"  # noqa: S105 - a file's name
CA_CERTIFICATE, CA_KEY = "ca.pem", "ca.key"
_STORE, _DATABASE, _RUNTIMES, _TLS = "store", "store.sqlite", "runtimes", "tls"
_SHORTEST_SECRET = 40  # that of the operator
_PRIVATE_KEY = re.compile(rb"-{5}BEGIN PRIVATE KEY-{5}\s(.*)-{5}END PRIVATE KEY-{5}\s*", re.DOTALL)


class DamagedStateError(Exception):
    """Files of the state folder are empty or damaged. A reset replaces them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(f"files of the local Azure are empty or damaged: {', '.join(map(str, paths))}")
        self.paths = tuple(paths)


def write_private(path: Path, content: bytes) -> None:
    """Write a file readable by its owner only (0600), atomically and so that it survives a crash of the machine."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_endpoint(folder: Path) -> dict[str, Any]:
    """Return the ports, process id and version of the server that listens or listened last; empty if not known."""
    try:
        return dict(json.loads((folder / ENDPOINT).read_bytes()))
    except (OSError, TypeError, ValueError):
        return {}


def read_secret(path: Path) -> str:
    """Return the secret in a file. Raises DamagedStateError, and FileNotFoundError if there is none."""
    if not _is_secret(path):
        raise DamagedStateError([path])
    return path.read_text(encoding="ascii")


def find_damaged_secrets(folder: Path) -> list[Path]:
    """Return the files with the operator's secret and the control token that are empty or damaged."""
    paths = (folder / OPERATOR_SECRET, folder / CONTROL_TOKEN)
    return [path for path in paths if path.exists() and not _is_secret(path)]


def find_damaged(folder: Path) -> list[Path]:
    """Return the files of a stopped server that are empty or damaged; those that are missing it creates again."""
    damaged, key = find_damaged_secrets(folder), folder / TOKEN_KEY
    if key.exists() and not _is_private_key(key):
        damaged.append(key)
    authority = folder / _TLS / CA_CERTIFICATE, folder / _TLS / CA_KEY
    if all(path.exists() for path in authority) and not _is_key_pair(*authority):
        damaged += authority
    # A server that was killed at its very first start leaves an empty one, and no secret yet.
    database = folder / _STORE / _DATABASE
    if database.exists() and (folder / OPERATOR_SECRET).exists() and not _is_database(database):
        damaged.append(database)
    return damaged


def delete_resources_and_runtimes(folder: Path, damaged: Sequence[Path]) -> None:
    """Delete the store, the programs' folders and the damaged files of a stopped server. Raises OSError."""
    for path in (folder / _RUNTIMES, folder / _STORE, *damaged):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _is_secret(path: Path) -> bool:
    text = path.read_bytes().decode("ascii", "replace")
    return SECRET_MARKER in text and len(text) >= _SHORTEST_SECRET and text.isascii() and text.isprintable()


def _is_private_key(path: Path) -> bool:
    """Whether a file has one private key from its beginning to its end."""
    match = _PRIVATE_KEY.fullmatch(path.read_bytes())
    try:
        der = base64.b64decode(b"".join(match[1].split()), validate=True) if match else b""
    except binascii.Error:
        return False
    return der[:2] == b"\x30\x82" and int.from_bytes(der[2:4]) + 4 == len(der)


def _is_key_pair(certificate: Path, key: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError:
        return False
    return True


def _is_database(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as database:
            (result,) = database.execute("PRAGMA quick_check(1)").fetchone()
            database.execute("SELECT tab FROM documents LIMIT 1").fetchone()
            return result == "ok"
    except sqlite3.Error:
        return False
