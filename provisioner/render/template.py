"""Jinja templates → text, in a sandbox and within bounds, since a user's template is not trusted.

No secret enters a template: the caller adds what only a run knows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from provisioner.spec.bounds import OutOfBounds, bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import jinja2

    Source = tuple[str, str, Callable[[], bool]]

PLAIN = (str, int, float, bool, type(None))
LARGEST = 2 * 1024 * 1024
SECONDS, MORE_BYTES = 2.0, 512 * 1024 * 1024  # what a template may take, of processor and memory


@dataclass(eq=False, kw_only=True)
class TemplateProblem(Exception):
    """Why a template makes no DAG; line: of the template, or of what was rendered."""

    wrong: str
    right: str
    line: int | None = None


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
