"""A spec is hostile until it is checked: a clear error with file and line, quickly and in little memory."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import SpecError
from provisioner.spec.document import MOST
from tests.environment_files import PLATFORM, load, loaded, problems, write
from tests.sentinels.counts import tried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[2]
MEMORY, SECONDS = 512 * 1024 * 1024, 10
MEGABYTE = 1024 * 1024
# What would take a naive loader minutes or gigabytes. Name → the file's bytes, what is said of it.
FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "laughs.yaml": (
        lambda: b"".join(b"a%d: &a%d [%s]\n" % (n, n, b"*a%d," % (n - 1) * 9) for n in range(99)),
        "anchor",
    ),
    "deep.yaml": (lambda: b"a: " + b"[" * 500_000, "nested too deep"),
    "steps.yaml": (lambda: b"- " * 500_000, "nested too deep"),
    "questions.yaml": (lambda: b"? " * 500_000, "no text"),
    "fields.yaml": (lambda: b"".join(b"field%d: x\n" % n for n in range(70_000)), "has more problems"),
    "twice.yaml": (lambda: b"a: b\n" * 170_000, "has more problems"),
    "dollars.yaml": (lambda: b"a: '" + b"${" * 500_000 + b"'\n", "begins no variable"),
    "variables.yaml": (lambda: b"a: '" + b"${NOT_SET}" * 100_000 + b"'\n", "NOT_SET, which is not set"),
    "key.yaml": (lambda: b'"' + b"k" * 1_000_000 + b'": x\n', "is not YAML"),
    "number.yaml": (lambda: b"vault: {name: kv-dev, retention_days: " + b"9" * 500_000 + b"}\n", "smaller number"),
    "noise.yaml": (lambda: bytes(range(256)) * 1000, "not UTF-8"),
}


def limited() -> None:
    """In the child, before it becomes the program."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def refused(verb: str, file: Path, told: str) -> None:
    """The program says so, within bounds, and says where."""
    tried()
    ran = subprocess.run(
        [sys.executable, "-m", "provisioner", verb, str(file)],
        cwd=ROOT, preexec_fn=limited, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, ""), ran.stderr[-2000:]
    assert told in ran.stderr, ran.stderr[-2000:]
    assert f"{file}:" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr) < 100_000


@pytest.mark.parametrize("name", FILES)
def test_a_file_made_to_exhaust_is_refused_within_bounds(tmp_path: Path, name: str) -> None:
    make, told = FILES[name]
    (tmp_path / name).write_bytes(make())
    refused("validate", tmp_path / name, told)


def test_a_file_of_200_megabytes_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as stream:
        stream.truncate(200 * MEGABYTE)
    refused("validate", file, "larger than 1 MiB")


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/null", "/proc/self/mem", "pipe", "socket", "folder", "loop"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, place: str) -> None:
    tried()
    file = tmp_path / "x.yaml"
    if place == "pipe":
        os.mkfifo(file)
    elif place == "folder":
        file.mkdir()
    elif place == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(file))
    else:
        file.symlink_to(file if place == "loop" else place)
    with pytest.raises(SpecError, match=r"is no file|cannot be read|does not exist"):
        load(str(file))


ID = f"{PLATFORM}/Microsoft.HDInsight/clusterpools/pool/clusters/flink"
FACTORY = "factory: fff, runtime: rrr"
# Where it stands → what is written there. None of it may reach a URL, a filter, a path or a rendered file.
WRITTEN: dict[str, tuple[str, ...]] = {
    "name": ("'..'", "a/b", '"dev\\n"', '"dev\\0"', "'a''b'", "ﬀ", "a" * 41),
    "tenant": ('"a\\n"', "a/b", "'?x=y'", "'..'"),
    "subscription": ("0b6d3b3f5d1c4d3f8f0e6c1f2a7b9c02", '"0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02\\n"', "'../..'"),
    "resource_group": ("'..'", "a/b", "a?b", "a#b", "a%2fb", "'a''b'", '"rg\\n"', '"rg\\0"', "a" * 91),
    "location": ("'  '", "west/europe", "'west%'", "٣"),
    "vault.name": ("'..'", '"kv-dev\\n"', "kv.dev", "kv٣dev", "'kv''dev'", f"{PLATFORM}/Microsoft.KeyVault/vaults/a?b"),
    "storage_account.name": ("'..'", "st٣dev", '"stdev\\n"', "st-dev"),
    "flink.cluster": (
        ID.replace("platform", ".."),
        ID.replace("/pool/", "/../"),
        ID.replace("/pool/", "/p'q/"),
        ID.replace("/pool/", "/p?q/"),
        ID.replace("flink", "a#b"),
        ID.replace("0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02", "-" * 36),
        ID + "/jobs/x",
        f'"{ID}\\n"',
    ),
    "airflow.runtime": (ID, f"{PLATFORM}/Microsoft.DataFactory/factories/../integrationruntimes/rrr", "'a b'", "'a/b'"),
}
INSIDE: dict[str, tuple[str, ...]] = {
    "airflow.version": (f"airflow: {{{FACTORY}, version: 2.٦}}", f"airflow: {{{FACTORY}, version: 2.6.٣}}"),
    "airflow.provider_version": (f"airflow: {{{FACTORY}, provider_version: '1.0; evil'}}",),
    "airflow.variables_prefix": (
        f"airflow: {{{FACTORY}, variables_prefix: 'a b'}}",
        f'airflow: {{{FACTORY}, variables_prefix: "a\\0b"}}',
        f"airflow: {{{FACTORY}, variables_prefix: {'a' * 101}}}",
    ),
    "airflow.linked_service": (
        f"airflow: {{{FACTORY}, linked_service: a/../b}}",
        f"airflow: {{{FACTORY}, linked_service: 'a?b'}}",
    ),
    "airflow.requirements[0]": (f'airflow: {{{FACTORY}, requirements: ["a\\nb"]}}',),
    "airflow.environment.A": (f'airflow: {{{FACTORY}, environment: {{A: "x\\0y"}}}}',),
    "airflow.overrides.AIRFLOW__A__B": (f'airflow: {{{FACTORY}, overrides: {{AIRFLOW__A__B: "\\0"}}}}',),
    "job.directory": (
        "job: {jar: job.jar, directory: a/../../b}",
        "job: {jar: job.jar, directory: '.'}",
        "job: {jar: job.jar, directory: 'a//b'}",
        "job: {jar: job.jar, directory: 'a?b'}",
        "job: {jar: job.jar, directory: 'a\\b'}",
        'job: {jar: job.jar, directory: "a\\nb"}',
        f"job: {{jar: job.jar, directory: {'a' * 201}}}",
    ),
    "job.jar": ('job: "a\\0b.jar"', f"job: {'a' * 5000}.jar", "job: /dev/zero", "job: .."),
    "job.entry_class": ("job: {jar: job.jar, entry_class: \"a';import os\"}", "job: {jar: job.jar, entry_class: a..b}"),
    "job.parallelism": ("job: {jar: job.jar, parallelism: 1e99}", "job: {jar: job.jar, parallelism: ٣}"),
    "dag.file": (
        "dag: {file: ../x.py}",
        "dag: {file: ..py}",
        "dag: {file: /x.py}",
        'dag: {file: "x\\n.py"}',
        "dag: {file: x.py.j2}",
        f"dag: {'a' * 5000}.py.j2",
    ),
    "dag.id": ("dag: {id: '..'}", "dag: {id: .}", "dag: {id: a/b}", "dag: {id: 'a b'}", 'dag: {id: "a\\n"}'),
    "dag.schedule": ("dag: {schedule: '* * * * *\"); evil(\"'}",),
    "dag.template": (
        'dag: "a\\0b.py.j2"',
        "dag: {template: /dev/zero, file: a.py}",
        "dag: {template: /proc/self/mem, file: a.py}",
    ),
    "principals.airflow.role": ('principals: {airflow: {role: "a\\0b"}}',),
    "principals.airflow.display_name": ('principals: {airflow: {display_name: "a\\nb"}}',),
    "principals.airflow.secrets[0]": ("principals: {airflow: {secrets: [a/b]}}",),
    "rotation.every": ("rotation: {every: ٣d}", "rotation: {every: 99999999999999d}", "rotation: {every: 1e9d}"),
    "tags": ('tags: {a: "x\\0y"}', 'tags: {"a\\nb": x}'),
    "tags.a": ("tags: {a: !!binary aGVsbG8=}", "tags: {a: !!python/object/apply:os.system [id]}"),
    "variables.a": ("variables: {a: !!binary aGVsbG8=}", f"variables: {{a: {'x' * 30_000}}}"),
    "variables.a/b": ("variables: {a/b: x}",),
}  # fmt: skip


def without(more: str) -> dict[str, None]:
    """The fields that these lines say anew."""
    return dict.fromkeys({more.partition(":")[0]} & {"airflow", "job"})


@pytest.mark.parametrize(("path", "text"), [(path, text) for path, texts in WRITTEN.items() for text in texts])
def test_names_that_would_lead_elsewhere_are_refused_where_they_stand(tmp_path: Path, path: str, text: str) -> None:
    tried()
    field = path.partition(".")[0]
    found = problems(tmp_path, "", None, **{field: text})
    assert path in found, found
    assert all(str(tmp_path / "dev.yaml") == one.file and one.line > 0 and one.right for one in found.values())


@pytest.mark.parametrize(("path", "text"), [(path, text) for path, texts in INSIDE.items() for text in texts])
def test_values_that_would_break_something_are_refused_where_they_stand(tmp_path: Path, path: str, text: str) -> None:
    tried()
    found = problems(tmp_path, text, None, **without(text))
    assert path in found, found
    assert found[path].right


def test_a_location_of_blanks_only_is_none(tmp_path: Path) -> None:
    tried()
    assert "location" in problems(tmp_path, location="' '")
    assert loaded(tmp_path, location="West Europe").location == "westeurope"


@pytest.mark.parametrize(
    "text", ["name: x\n".encode("utf-16"), b"name: x\0y\n", b'name: "\\ud800"\n', b"name: \xed\xa0\x80\n", b"\xff\xfe"]
)
def test_what_is_no_text_is_said_to_be_none(tmp_path: Path, text: bytes) -> None:
    tried()
    file = tmp_path / "x.yaml"
    file.write_bytes(text)
    with pytest.raises(SpecError, match=r"x\.yaml:1: .*(not UTF-8|characters that YAML|is not YAML)"):
        load(str(file))


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load(str(file), environ={}).name == "dev"


@pytest.mark.parametrize("more", ["variables: {a: '${X}'}", "job: {jar: job.jar, args: '${X}'}", "tags: {a: '${X}'}"])
def test_a_variable_that_holds_no_text_is_told_and_not_shown(tmp_path: Path, more: str) -> None:
    tried()
    environ: Mapping[str, str] = {"X": os.fsdecode(b"hush\xff\xfe")}
    found = problems(tmp_path, more, environ, **without(more))
    (problem,) = found.values()
    assert "no UTF-8" in problem.wrong
    assert "hush" not in str(problem)


def test_no_more_problems_are_told_than_one_can_read(tmp_path: Path) -> None:
    tried()
    keys = "\n".join(f"  v.{number}{'x' * 900}: x" for number in range(200))
    file = write(tmp_path, f"variables:\n{keys}")
    with pytest.raises(SpecError, match="has more problems") as caught:
        load(str(file), environ={})
    assert len(caught.value.problems) == MOST + 1
    assert max(len(str(problem)) for problem in caught.value.problems) < 2000
    assert caught.value.problems[-1].right == "correct these first"
