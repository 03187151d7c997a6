"""Templates → the DAG and the Airflow settings, as they would be deployed. Reads templates/, writes nothing.

No secret enters a template: what only a run knows is placed by the caller.
"""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from provisioner.spec import airflow_version
from provisioner.spec.bounds import OutOfBounds, bounded
from provisioner.spec.parts import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import jinja2

    from provisioner.secret import Secret
    from provisioner.spec.model import Environment

    Source = tuple[str, str, Callable[[], bool]]

SETTINGS = TEMPLATES / "airflow/settings.json.j2"
DAGS = TEMPLATES / "dags"
LATER = "(known after apply)"
PLAIN = (str, int, float, bool, type(None))
LARGEST = 2 * 1024 * 1024
SECONDS, MORE_BYTES = 2.0, 512 * 1024 * 1024  # what a template may take, of processor and memory


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Where the DAG finds Azure; the defaults are those of the public cloud, which the local one answers for."""

    management: str = "https://management.azure.com"
    login: str = "https://login.microsoftonline.com"
    dfs_suffix: str = "dfs.core.windows.net"


@dataclass(frozen=True, kw_only=True)
class AirflowSettings:
    """What Airflow is told, the spec's own settings included."""

    overrides: dict[str, str | Secret]
    environment: dict[str, str | Secret]
    requirements: tuple[str, ...]


@dataclass(eq=False, kw_only=True)
class TemplateProblem(Exception):
    """Why a template makes no DAG; line: of the template, or of what was rendered."""

    wrong: str
    right: str
    line: int | None = None


def render_dag(environment: Environment, hosts: Hosts | None = None) -> str:
    """The DAG file. A template that does not end in .j2 is a DAG already. Raises TemplateProblem."""
    path = environment.dag.template
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for who writes into it
            raise TemplateProblem(wrong="is no regular file", right="write the path of the template itself")
        with path.open("rb") as file:
            text = file.read(LARGEST + 1).decode()
    except OSError as error:
        raise TemplateProblem(wrong=f"cannot be read: {error.strerror}", right="correct the path") from None
    except UnicodeDecodeError:
        raise TemplateProblem(wrong="is not UTF-8 text", right="save it as UTF-8") from None
    if len(text) > LARGEST:
        raise TemplateProblem(wrong="is larger than 2 MiB", right="a DAG is a page; keep data elsewhere")
    if path.suffix != ".j2":
        return text
    return render_text(text, dag_values(environment, hosts or Hosts()), folders=(path.parent, DAGS))


def dag_values(environment: Environment, hosts: Hosts) -> dict[str, Any]:
    """What a DAG template can name; docs/environment.md lists it."""
    job, account = environment.job, environment.account_name
    parts = environment.cluster_id.split("/")
    directory = f"/{job.directory}" if job.directory else ""
    filesystem = f"{environment.storage_account.filesystem}@{account}.{hosts.dfs_suffix}"
    return {
        "environment": environment.name,
        "dag": {
            "id": environment.dag.id,
            "schedule": environment.dag.schedule,
            "timeout_seconds": int(environment.dag.timeout.total_seconds()),
        },
        "probe": {
            "id": environment.dag.probe_id,
            "timeout_seconds": 2 * int(environment.airflow.rollout.total_seconds()),
        },
        "job": {
            "args": job.args,
            "directory": f"abfs://{filesystem}{directory}",
            "entry_class": job.entry_class,
            "jar": job.jar.name,
            "name": job.name,
            "parallelism": job.parallelism,
            "until": job.until,
        },
        "cluster": {"subscription": parts[2], "group": parts[4], "pool": parts[8], "name": parts[10]},
        "hosts": {"management": hosts.management.rstrip("/"), "login": hosts.login.rstrip("/")},
    }


def job_name(environment: Environment, run_id: str) -> str:
    """The job that an Airflow run submits, as `job_name` in templates/dags/parts/flink_job.py.j2 derives it."""
    run = f"{environment.dag.id} {run_id}"
    return environment.job.name + hashlib.sha256(run.encode()).hexdigest()[:12]


def airflow_settings(
    environment: Environment, *, vault_url: str, tenant_id: str = LATER, client_id: str = LATER, login: str = ""
) -> AirflowSettings:
    """The settings that make Airflow read its variables from the vault.

    login: the authority, for clouds other than the public one. The client secret is the caller's to add.
    """
    airflow = environment.airflow
    values = {
        "client_id": client_id,
        "connections_prefix": airflow.connections_prefix,
        "login": login,
        "provider": f"{airflow_version.PACKAGE}=={airflow.provider_version}",
        "tenant_id": tenant_id,
        "variables_prefix": airflow.variables_prefix,
        "vault_url": vault_url,
    }
    rendered = json.loads(render_text(SETTINGS.read_text(encoding="utf-8"), values))
    return AirflowSettings(
        overrides={**airflow.overrides, **rendered["overrides"]},
        environment={**airflow.environment, **rendered["environment"]},
        requirements=(*rendered["requirements"], *airflow.requirements),
    )


def template_problem(environment: Environment) -> TemplateProblem | None:
    """Why the DAG of this environment would not be one; None if it renders and compiles."""
    try:
        _compile(render_dag(environment), environment)
    except TemplateProblem as problem:
        return problem
    return None


def _compile(text: str, environment: Environment) -> None:
    version = airflow_version.python(environment.airflow.version)
    said = f"Python {version[0]}.{version[1]}, which Airflow {environment.airflow.version} may run on"
    try:
        with warnings.catch_warnings(), bounded(seconds=SECONDS, more_bytes=MORE_BYTES):
            warnings.simplefilter("ignore")  # Airflow would only log them
            tree = ast.parse(text, feature_version=version)
            compile(tree, environment.dag.file, "exec", dont_inherit=True)
    except SyntaxError as error:
        wrong = f"does not compile: {error.msg}"
        raise TemplateProblem(wrong=wrong, right=f"correct it; it is read as {said}", line=error.lineno) from None
    except (ValueError, RecursionError, MemoryError, OutOfBounds) as error:
        wrong = f"does not compile: {str(error) or 'it takes too much memory or time'}"
        raise TemplateProblem(wrong=wrong, right=f"correct it; it is read as {said}") from None


def render_text(
    text: str,
    values: Mapping[str, Any],
    filters: Mapping[str, Callable[[str], str]] | None = None,
    *,
    folders: Sequence[Path] = (),
) -> str:
    """A template with values, in Jinja's sandbox. Raises TemplateProblem.

    filters: besides `py` and `json`. folders: where `include` and `import` look, in that order.
    """
    import jinja2  # noqa: PLC0415  # not every verb renders

    try:
        with bounded(seconds=SECONDS, more_bytes=MORE_BYTES):
            made = _template(text, tuple((filters or {}).items()), tuple(folders)).render(values)
    except jinja2.TemplateSyntaxError as error:
        raise _not_rendered(error.message, error.lineno if error.name is None else None) from None
    except jinja2.TemplateNotFound as error:
        raise _not_rendered(f"there is no template {error.name} to include", _line_of(error)) from None
    except (
        jinja2.TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        raise _not_rendered(str(error), _line_of(error)) from None
    except (RecursionError, MemoryError, OutOfBounds):
        raise _not_rendered("it grows without end", None) from None
    if len(made) > LARGEST:
        raise _not_rendered("it is larger than 2 MiB", None)
    return made


def _not_rendered(why: str | None, line: int | None) -> TemplateProblem:
    right = "correct the template; docs/environment.md lists the values it can name"
    return TemplateProblem(wrong=f"does not render: {why}", right=right, line=line)


def _line_of(error: BaseException) -> int | None:
    """The template's line, which Jinja keeps in the traceback only."""
    trace, line = error.__traceback__, None
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "<template>" else line
        trace = trace.tb_next
    return line


@cache
def _template(
    text: str, filters: tuple[tuple[str, Callable[[str], str]], ...], folders: tuple[Path, ...]
) -> jinja2.Template:
    """Compiled once: the check of a spec renders the DAG, and the recipe does."""
    return _jinja(filters, folders).from_string(text)


def _jinja(filters: Iterable[tuple[str, Callable[[str], str]]], folders: Sequence[Path]) -> jinja2.Environment:
    from jinja2 import StrictUndefined  # noqa: PLC0415  # only who needs it pays for it
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415  # only who needs it pays for it

    jinja = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
        loader=_loader(folders),
    )
    jinja.filters.update(py=as_python, json=as_json, **dict(filters))
    return jinja


def _loader(folders: Sequence[Path]) -> jinja2.BaseLoader:
    """Files ending in .j2 only: specs, keys and the like lie beside a template, and a DAG is no place for them."""
    from jinja2 import FileSystemLoader, TemplateNotFound  # noqa: PLC0415  # as above

    class Templates(FileSystemLoader):
        def get_source(self, environment: jinja2.Environment, template: str) -> Source:
            if not template.endswith(".j2"):
                raise TemplateNotFound(template)
            return super().get_source(environment, template)

    return Templates(folders)


def as_python(value: object) -> str:
    """The filter `py`: a value as a Python literal, so that no text can become code."""
    if not isinstance(value, PLAIN):
        raise TypeError(f"the filter py takes one plain value, not {type(value).__name__}")
    return ascii(value)


def as_json(value: object) -> str:
    """The filter `json`: a value as JSON with plain quotes."""
    return json.dumps(value)
