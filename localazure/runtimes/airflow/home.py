"""The folder that an Airflow behind a runtime works in: database, keys, the user's password, imported files.

HOME/airflow.db    as new from its installation, then Airflow's own
HOME/password      of the user `admin`, for a browser on loopback; 0600, as all that is secret here
HOME/authorization  the header by which the local Azure speaks to it
HOME/dags, plugins  what was imported, kept in step
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from localazure.app.certificates import write_private
from localazure.app.secret import Secret
from localazure.runtimes.airflow.packages import USER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_PREFIX = "home-"
_KEYS = ("fernet", "web", "jwt")
_ROUNDS = 1000  # of a hash that every call checks; the password has 192 random bits, so it needs no slow one


def home_folder(folder: Path, web_id: str) -> Path:
    """The home of one runtime in the folder of its program; a runtime that was made anew has another id."""
    return folder / f"{_PREFIX}{web_id}"


def create_home(home: Path, template: Path, *, users_in_database: bool) -> None:
    """Make what is missing; forget those of runtimes that stood here before."""
    for other in home.parent.glob(f"{_PREFIX}*"):
        if other != home:
            shutil.rmtree(other)
    for folder in ("dags", "plugins", "logs"):
        (home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (*_KEYS, "password"):
        if not (home / name).exists():
            write_private(home / name, _key(name).encode())
    write_private(home / "passwords.json", json.dumps({USER: (home / "password").read_text()}).encode())
    if not (home / "airflow.db").exists():
        shutil.copyfile(template / "airflow.db", home / "airflow.db.new")
        if users_in_database:
            _set_password(home / "airflow.db.new", (home / "password").read_text())
        (home / "airflow.db.new").replace(home / "airflow.db")


def read_secret(home: Path, name: str) -> Secret:
    """One of the keys, or the password."""
    return Secret((home / name).read_text())


def basic_authorization(home: Path) -> Secret:
    """The header of HTTP's basic authentication."""
    return Secret("Basic " + base64.b64encode(f"{USER}:{read_secret(home, 'password').reveal()}".encode()).decode())


def synchronize_files(home: Path, wanted: Mapping[str, str], content: Callable[[str], bytes]) -> None:
    """Bring `dags/` and `plugins/` in step with what was imported: paths and a version of each; content by path."""
    known_file = home / "imported.json"
    written: dict[str, str] = json.loads(known_file.read_text()) if known_file.exists() else {}
    known = {path: version for path, version in written.items() if (home / path).exists()}
    if wanted == known:
        return
    for path in known.keys() - wanted.keys():
        (home / path).unlink(missing_ok=True)
    for path in (path for path, version in wanted.items() if known.get(path) != version):
        _write(home / path, content(path))
    write_private(known_file, json.dumps(dict(wanted)).encode())


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: Airflow may read at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    arriving = path.with_name(f".{path.name}.arriving")
    arriving.write_bytes(content)
    arriving.replace(path)


def _key(name: str) -> str:
    if name == "fernet":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(24 if name == "password" else 64)


def _set_password(database: Path, password: str) -> None:
    """As werkzeug writes it: https://werkzeug.palletsprojects.com/en/stable/utils/#module-werkzeug.security."""
    salt = secrets.token_hex(8)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ROUNDS).hex()
    hashed = f"pbkdf2:sha256:{_ROUNDS}${salt}${digest}"
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("UPDATE ab_user SET password=? WHERE username=?", (hashed, USER))
