"""Templates are hostile until they are checked: no way out of the sandbox, no bomb, no file that is none."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment_files import loaded, problems, write
from tests.sentinels.counts import tried

ROOT = Path(__file__).parents[2]
# Known ways out of Jinja: jinja.palletsprojects.com/sandbox, and the advisories of its sandbox
# (CVE-2016-10745, CVE-2019-10906, CVE-2024-56326, CVE-2025-27516).
ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(dag) }}",
    "{{ '{x.__class__}'.format_map({'x': dag}) }}",
    "{{ ('{0.__class__}'|attr('format'))(dag) }}",
    "{% set f = '{0.__class__.__mro__}'.format %}{{ f(dag) }}",
    "{{ ['{0.__class__}']|map('format', dag)|list }}",
    "{{ {'f': '{0.__class__}'.format}.f(dag) }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context.eval_ctx }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ range.__class__ }}",
    "{{ dag.items.__self__ }}",
    "{{ (dag.items)|attr('__self__') }}",
    "{{ dag.__class__ }}",
    "{{ url_for.__globals__ }}",
    "{{ config }}",
    "{{ request.application }}",
    "{{ get_flashed_messages }}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as x %}",
    "{% extends '../../x' %}",
    "{% do dag.clear() %}",
    "{{ dag.clear() }}",
    "{{ dag.update({'id': 'other'}) }}",
    "{{ [].append(1) }}{{ dag.pop('id') }}",
    "{{ (1).__class__.__base__ }}",
    "{{ ().__class__ }}",
    "{{ (x for x in ()).gi_frame }}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{{ m.__code__ }}",
    "{{ dag|attr('__getitem__')('id') }}",
    "{{ undefined_thing.__class__ }}",
    "{{ hosts|tojson|attr('__class__') }}",
    "{{ job|py }}",
    "{{ 1/0 }}",
    "{{ 'x'.encode.__self__ }}",
)
BOMBS = (
    "{{ 'x' * 10**10 }}",
    "{{ 9**(9**9) }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% set c = a %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{{ range(10**9)|list }}",
    "{{ 'x'|center(10**10) }}",
    "{{ '%9999999999d' % 1 }}",
    "{{ '{:>9999999999}'.format(1) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ lipsum(n=999999) }}",
    "{{ ['x' * 10**6] * 10**6 }}",
    "{{ 'x' * (3 * 1024 * 1024) }}",
    "{% set n = namespace(x='x') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "{% if 1 %}" * 5_000 + "{% endif %}" * 5_000,
    "{{ 'a'|replace('', 'b' * 10**6)|replace('', 'c' * 10**6) }}",
)
SOURCES = {  # of a DAG that is deployed as it is
    "nul": "x = 1\0\n",
    "parentheses": "x = " + "(" * 1_000_000,
    "minus": "x = " + "-" * 1_000_000 + "1",
    "calls": "x = a" + "()" * 200_000,
    "else": "if 1: pass\n" + "elif 1: pass\n" * 100_000,
    "number": "x = " + "9" * 1_000_000,
    "large": "x = 1\n" * 400_000,
    "no UTF-8": "\udcff",
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_template_does_not_get_out_of_its_sandbox(tmp_path: Path, escape: str) -> None:
    tried()
    (tmp_path / "dag.py.j2").write_text(f"\nx = 1\n{escape}\n")
    found = problems(tmp_path, "dag: dag.py.j2")
    assert list(found) == ["dag.template"]
    assert "dag.py.j2:" in found["dag.template"].wrong or "does not" in found["dag.template"].wrong
    assert "root:" not in found["dag.template"].wrong


def test_a_template_cannot_change_what_the_next_one_sees(tmp_path: Path) -> None:
    tried()
    text = "{% set dag = {'id': 'mine'} %}{% set job = 1 %}x = {{ dag.id | py }}\n"
    (tmp_path / "dag.py.j2").write_text(text)
    environment = loaded(tmp_path, "dag: dag.py.j2")
    assert environment.dag.id == "FlinkWordCountExample"


@pytest.mark.parametrize(
    "name", ["dev.yaml", "secrets.env", "../secret.j2", "x/../../secret.j2", "pipe.j2", "/etc/passwd"]
)
def test_a_template_includes_templates_only_and_only_from_its_folder(tmp_path: Path, name: str) -> None:
    tried()
    folder = tmp_path / "here"
    folder.mkdir()
    os.mkfifo(folder / "pipe.j2")
    for file in (folder / "secrets.env", tmp_path / "secret.j2"):
        file.write_text("x = 1\n")
    (folder / "dag.py.j2").write_text(f"{{% include '{name}' %}}\n")
    found = problems(folder, "dag: dag.py.j2")
    assert "there is no template" in found["dag.template"].wrong


def limited() -> None:
    """In the child: more than a template gets, less than a bomb takes."""
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))


@pytest.mark.parametrize("number", range(len(BOMBS)))
def test_a_template_that_grows_without_end_is_stopped(tmp_path: Path, number: int) -> None:
    tried()
    (tmp_path / "dag.py.j2").write_text(BOMBS[number])
    code = (
        "import resource, sys; from provisioner.errors import SpecError; from provisioner.render import dag_problems\n"
        "from provisioner.spec.loader import load\n"
        "try: load(sys.argv[1], environ={}, dag_problems=dag_problems.dag_problems)\n"
        "except SpecError as error: print(error.problems[0].wrong)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, 'MB')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(write(tmp_path, "dag: dag.py.j2"))],
        cwd=ROOT, preexec_fn=limited, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-1000:]
    told, megabytes = ran.stdout.strip().rsplit("\n", 1)
    assert "does not render" in told or "does not compile" in told
    assert int(megabytes.split()[0]) < 800


@pytest.mark.parametrize("name", SOURCES)
def test_a_dag_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    tried()
    (tmp_path / "dag.py").write_bytes(os.fsencode(SOURCES[name]))
    found = problems(tmp_path, "dag: dag.py")
    assert list(found) == ["dag.template"]
    assert found["dag.template"].right


@pytest.mark.parametrize("name", ["a b.py.j2", "..py.j2", "a'b.py", "a?b.j2", "a\nb.py.j2"])
def test_a_template_s_name_makes_no_path_of_its_own(tmp_path: Path, name: str) -> None:
    tried()
    (tmp_path / name).write_text("x = 1\n")
    found = problems(tmp_path, f"dag: {name!r}".replace("\n", "\\n") if "\n" not in name else 'dag: "a\\nb.py.j2"')
    assert list(found) == ["dag.file"]
    assert "file name ending in .py" in found["dag.file"].right
