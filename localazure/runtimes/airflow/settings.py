"""The environment variables of the Airflow behind a runtime: defaults, then the deployed ones, then the forced ones.

Forced are those that the service forces (https://learn.microsoft.com/azure/data-factory/airflow-configurations) and
those that one machine needs: sqlite instead of PostgreSQL, LocalExecutor instead of Celery, loopback only, the proxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.secret import Secret
from localazure.runtimes.airflow.home import read_secret
from localazure.runtimes.airflow.packages import USER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localazure.app.store import Document

Settings = dict[str, str | Secret]

_DEFAULTS = {
    "AIRFLOW__CORE__PARALLELISM": "4",  # each task is a process
    "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
_LOOPBACK = "127.0.0.1,localhost"  # everything else goes through the proxy, which only reaches the local Azure
_LOCK_SECONDS = 60  # how long a writer of the database waits for another
_SERVER_LOCK_SECONDS = 15  # the same in Airflow 3's server, which may wait in vain: see `WebServer`
_TOKEN_SECONDS = 10 * 365 * 86_400  # the lifetime of the token with which the local Azure calls Airflow 3


def airflow_process_variables(
    airflow: Document, home: Path, port: int, *, url: str, proxy: Mapping[str, str]
) -> Settings:
    """Return the variables for all processes of an Airflow.

    airflow: the active airflowProperties. url: its public URL. proxy: variables that lead to the local Azure.
    """
    return {
        **_DEFAULTS,
        **deployed_variables(airflow),
        **proxy,
        **dict.fromkeys(("NO_PROXY", "no_proxy"), _LOOPBACK),
        **_common_settings(home),
        **(
            _airflow_3_settings(home, port, url)
            if int(str(airflow["airflowVersion"]).partition(".")[0]) >= 3
            else _airflow_2_settings(home, url)
        ),
    }


def deployed_variables(airflow: Document) -> Settings:
    """Return the runtime's configuration overrides and environment variables; the latter take precedence."""
    overrides: Document = airflow.get("airflowConfigurationOverrides") or {}
    variables: Document = airflow.get("airflowEnvironmentVariables") or {}
    merged = {**{name: value for name, value in overrides.items() if name.startswith("AIRFLOW__")}, **variables}
    return {name: Secret(str(value)) for name, value in merged.items() if _is_valid_variable(name, str(value))}


def _is_valid_variable(name: str, value: str) -> bool:
    """Return whether the operating system accepts it as an environment variable."""
    return bool(name) and "=" not in name and "\0" not in name + value


def api_server_variable(home: Path) -> str:
    """Return the one variable in which Airflow 3's server differs from the other processes, as `NAME=value`."""
    return f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN={_database_url(home, _SERVER_LOCK_SECONDS)}"


def _database_url(home: Path, lock_seconds: int) -> str:
    return f"sqlite:///{home}/airflow.db?timeout={lock_seconds}"


def _common_settings(home: Path) -> Settings:
    database_url = _database_url(home, _LOCK_SECONDS)
    logs = home / "logs"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": read_secret(home, "fernet"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__SQL_ALCHEMY_CONN": database_url,  # its name until 2.3
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__LOGGING__DAG_PROCESSOR_MANAGER_LOG_LOCATION": str(logs / "dag_processor_manager.log"),
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "False",
        "AIRFLOW__METRICS__STATSD_ON": "False",
        "AIRFLOW__SCHEDULER__CHILD_PROCESS_LOG_DIRECTORY": str(logs / "scheduler"),
        "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }


def _airflow_2_settings(home: Path, url: str) -> Settings:
    """Return the settings of Airflow 2: basic authentication for the local Azure, session cookies for the UI."""
    backends = ("basic_auth", "session")
    return {
        # Its LocalExecutor rejects sqlite, but in WAL mode a few writers work, as they do in Airflow 3.
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        "AIRFLOW__API__AUTH_BACKENDS": ",".join(f"airflow.api.auth.backend.{name}" for name in backends),
        "AIRFLOW__WEBSERVER__BASE_URL": url,
        "AIRFLOW__WEBSERVER__ENABLE_PROXY_FIX": "True",
        "AIRFLOW__WEBSERVER__EXPOSE_CONFIG": "False",
        "AIRFLOW__WEBSERVER__SECRET_KEY": read_secret(home, "web"),
    }


def _airflow_3_settings(home: Path, port: int, url: str) -> Settings:
    """Return the settings of Airflow 3: tasks and DAG processor call the API server on loopback."""
    return {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__EXPOSE_CONFIG": "non-sensitive-only",  # as the owner of an Airflow may have it
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__SECRET_KEY": read_secret(home, "web"),
        "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME": str(_TOKEN_SECONDS),
        "AIRFLOW__API_AUTH__JWT_SECRET": read_secret(home, "jwt"),
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),  # by default in the machine's /tmp
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag_processor"),
    }
