"""AIRFLOW_HOME of the Airflow behind a runtime: database, keys, the user's password, imported files.

HOME/airflow.db     copied from its installation's template, then written by Airflow
HOME/password       of the user `admin`, for a browser on loopback; 0600, as all secrets here
HOME/dags, plugins  copies of the imported files
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from localazure.app.secret import Secret
from localazure.app.state_files import write_private
from localazure.runtimes.airflow.packages import USER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_PREFIX = "home-"
_KEYS = ("fernet", "web", "jwt")
_ROUNDS = 1000  # of the hash that every call checks; the password has 192 random bits, so it needs no slow hash


def home_folder(folder: Path, web_id: str) -> Path:
    """Return the home of a runtime in the folder of its program; a runtime that was created again has another id."""
    return folder / f"{_PREFIX}{web_id}"


def create_home_and_delete_others(home: Path, template: Path, *, users_in_database: bool) -> None:
    """Create what is missing in a home, and delete the homes of previous runtimes beside it."""
    for other in home.parent.glob(f"{_PREFIX}*"):
        if other != home:
            shutil.rmtree(other)
    for folder in ("dags", "plugins", "logs"):
        (home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (*_KEYS, "password"):
        if not (home / name).exists():
            write_private(home / name, _new_secret(name).encode())
    write_private(home / "passwords.json", json.dumps({USER: (home / "password").read_text()}).encode())
    if not (home / "airflow.db").exists():
        shutil.copyfile(template / "airflow.db", home / "airflow.db.new")
        if users_in_database:
            _set_password(home / "airflow.db.new", (home / "password").read_text())
        (home / "airflow.db.new").replace(home / "airflow.db")


def read_secret(home: Path, name: str) -> Secret:
    """Return one of the keys, or the password."""
    return Secret((home / name).read_text())


def basic_authorization(home: Path) -> Secret:
    """Return the Authorization header of HTTP basic authentication."""
    return Secret("Basic " + base64.b64encode(f"{USER}:{read_secret(home, 'password').reveal()}".encode()).decode())


def is_importable(path: str) -> bool:
    """Return whether a path is inside `dags` or `plugins`; a blob may be named `dags/../x`."""
    segments = PurePosixPath(path).parts
    return len(segments) > 1 and segments[0] in {"dags", "plugins"} and ".." not in segments and "\0" not in path


def synchronize_files(home: Path, versions: Mapping[str, str], content: Callable[[str], bytes]) -> None:
    """Make the files in `dags/` and `plugins/` those imported.

    versions: a version of each, by path; a file is rewritten when its version changes. content: returns a file's bytes.
    """
    record_file = home / "imported.json"
    record: dict[str, str] = json.loads(record_file.read_text()) if record_file.exists() else {}
    present = {path: version for path, version in record.items() if (home / path).exists()}
    if versions == present:
        return
    for path in present.keys() - versions.keys():
        (home / path).unlink(missing_ok=True)
    for path in (path for path, version in versions.items() if present.get(path) != version):
        _write(home / path, content(path))
    write_private(record_file, json.dumps(dict(versions)).encode())


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically, since Airflow may read it at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.arriving")
    temporary.write_bytes(content)
    temporary.replace(path)


def _new_secret(name: str) -> str:
    if name == "fernet":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(24 if name == "password" else 64)


def _set_password(database: Path, password: str) -> None:
    """Set the user's password in a copied database, hashed as werkzeug does.

    https://werkzeug.palletsprojects.com/en/stable/utils/#module-werkzeug.security
    """
    salt = secrets.token_hex(8)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ROUNDS).hex()
    hashed = f"pbkdf2:sha256:{_ROUNDS}${salt}${digest}"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE ab_user SET password=? WHERE username=?", (hashed, USER))
