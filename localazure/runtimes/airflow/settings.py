"""The environment that the Airflow behind a runtime gets: what was deployed, between our defaults and what is forced.

Forced is what the service forces (https://learn.microsoft.com/azure/data-factory/airflow-configurations) and what one
machine needs: sqlite instead of PostgreSQL, LocalExecutor instead of Celery, loopback only, the way to the local Azure.
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
    "AIRFLOW__CORE__PARALLELISM": "4",  # each is a process
    "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
_LOOPBACK = "127.0.0.1,localhost"  # all else goes through the proxy, which reaches the local Azure only
_LOCK_SECONDS = 60  # how long a writer of the database waits for another
_SERVER_LOCK_SECONDS = 15  # the same in Airflow 3's server, which may wait in vain: see `Web`
_TOKEN_SECONDS = 10 * 365 * 86_400  # of the token by which the local Azure speaks to Airflow 3: as long as it runs


def airflow_environment(airflow: Document, home: Path, port: int, *, url: str, routing: Mapping[str, str]) -> Settings:
    """Variables for all its processes. airflow: airflowProperties in use; url: as which the front shows it."""
    return {
        **_DEFAULTS,
        **deployed_variables(airflow),
        **routing,
        **dict.fromkeys(("NO_PROXY", "no_proxy"), _LOOPBACK),
        **_everywhere(home),
        **(_of_3(home, port, url) if int(str(airflow["airflowVersion"]).partition(".")[0]) >= 3 else _of_2(home, url)),
    }


def deployed_variables(airflow: Document) -> Settings:
    """The runtime's configuration overrides and environment variables, of which the latter win."""
    overrides: Document = airflow.get("airflowConfigurationOverrides") or {}
    variables: Document = airflow.get("airflowEnvironmentVariables") or {}
    given = {**{name: value for name, value in overrides.items() if name.startswith("AIRFLOW__")}, **variables}
    return {name: Secret(str(value)) for name, value in given.items() if _settable(name, str(value))}


def _settable(name: str, value: str) -> bool:
    """What an operating system takes as a variable."""
    return bool(name) and "=" not in name and "\0" not in name + value


def api_server_variable(home: Path) -> str:
    """What Airflow 3's server has otherwise than the other processes, as `env` takes it."""
    return f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN={_database(home, _SERVER_LOCK_SECONDS)}"


def _database(home: Path, lock_seconds: int) -> str:
    return f"sqlite:///{home}/airflow.db?timeout={lock_seconds}"


def _everywhere(home: Path) -> Settings:
    database = _database(home, _LOCK_SECONDS)
    logs = home / "logs"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": read_secret(home, "fernet"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__SQL_ALCHEMY_CONN": database,  # its name until 2.3
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__LOGGING__DAG_PROCESSOR_MANAGER_LOG_LOCATION": str(logs / "dag_processor_manager.log"),
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "False",
        "AIRFLOW__METRICS__STATSD_ON": "False",
        "AIRFLOW__SCHEDULER__CHILD_PROCESS_LOG_DIRECTORY": str(logs / "scheduler"),
        "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }


def _of_2(home: Path, url: str) -> Settings:
    """Basic authentication for the front, the session's cookie for the UI; https in links when the front asked."""
    backends = ("basic_auth", "session")
    return {
        # LocalExecutor refuses sqlite there; on a database in WAL mode a few writers get on, as Airflow 3 has it.
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        "AIRFLOW__API__AUTH_BACKENDS": ",".join(f"airflow.api.auth.backend.{name}" for name in backends),
        "AIRFLOW__WEBSERVER__BASE_URL": url,
        "AIRFLOW__WEBSERVER__ENABLE_PROXY_FIX": "True",
        "AIRFLOW__WEBSERVER__EXPOSE_CONFIG": "False",
        "AIRFLOW__WEBSERVER__SECRET_KEY": read_secret(home, "web"),
    }


def _of_3(home: Path, port: int, url: str) -> Settings:
    """Tasks and DAG processor speak to the API server on loopback."""
    return {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
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
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag_processor"),
    }
