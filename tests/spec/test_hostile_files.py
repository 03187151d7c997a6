"""Jars and pipes are hostile until they are checked: no bomb, and nothing waits for a pipe."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioner.spec.files import jar_problem, main_class
from tests.environment_files import jar, load, loaded, problems, write
from tests.sentinels.counts import tried
from tests.spec.test_hostile_specs import refused

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def test_a_pipe_in_place_of_a_template_or_jar_is_not_waited_for(tmp_path: Path) -> None:
    tried(2)
    for name, more in (("dag.py.j2", "dag: dag.py.j2"), ("pipe.jar", "job: pipe.jar")):
        os.mkfifo(tmp_path / name)
        found = problems(tmp_path, more, None, **({"job": None} if "job" in more else {}))
        assert "is no regular file" in " ".join(one.wrong for one in found.values())


def bomb(path: Path, compression: int, level: int | None = None) -> Path:
    """A jar whose manifest unpacks to half a gigabyte."""
    with (
        zipfile.ZipFile(path, "w", compression, compresslevel=level) as archive,
        archive.open("META-INF/MANIFEST.MF", "w") as file,
    ):
        file.write(b"Main-Class: a.B\n")
        for _ in range(512):
            file.write(b"\n" * (1024 * 1024))
    return path


def many(path: Path) -> Path:
    """A jar that lists two million files in 150 MB."""
    entry = b"PK\x01\x02" + b"\0" * 24 + b"\x01\0" + b"\0" * 16 + b"a"
    count = 2_000_000
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        for _ in range(100):
            file.write(entry * (count // 100))
        size = len(entry) * count
        end = file.tell()
        file.write(b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\x2d\0\x2d\0" + b"\0" * 8)
        file.write(b"".join(number.to_bytes(8, "little") for number in (count, count, size, 4)))
        file.write(b"PK\x06\x07" + b"\0" * 4 + end.to_bytes(8, "little") + b"\x01\0\0\0")
        file.write(b"PK\x05\x06" + b"\0" * 4 + b"\xff" * 12 + b"\0\0")
    return path


JARS: dict[str, tuple[Callable[[Path], object], str]] = {
    "many files": (many, "lists more files than a jar has"),
    "packed another way": (lambda path: bomb(path, zipfile.ZIP_BZIP2), "names no main class"),
}


@pytest.mark.parametrize("name", JARS)
def test_a_jar_made_to_exhaust_is_refused_within_bounds(tmp_path: Path, name: str) -> None:
    make, told = JARS[name]
    make(tmp_path / "bad.jar")
    refused("validate", write(tmp_path, job="bad.jar"), told)


def test_of_a_manifest_that_unpacks_to_gigabytes_only_the_beginning_is_read(tmp_path: Path) -> None:
    tried()
    made = bomb(tmp_path / "bomb.jar", zipfile.ZIP_DEFLATED, 9)
    assert made.stat().st_size < 1024 * 1024
    assert main_class(made) == "a.B"


@pytest.mark.parametrize("named", ["a';import os;'", "../x", "a b", "a\x00b", "{{ x }}", "a..b", "ä\u2028b"])
def test_a_manifest_names_a_class_or_nothing(tmp_path: Path, named: str) -> None:
    tried()
    jar(tmp_path / "odd.jar", f"Main-Class: {named}\n", classes=("a", "ä"))
    found = main_class(tmp_path / "odd.jar")
    assert found in {"", "a", "ä"}
    assert (
        load(str(write(tmp_path, job="odd.jar")), environ={}).all_jobs[0].spec.entry_class == found if found else True
    )


@pytest.mark.parametrize("name", ["a?b.jar", "a#b.jar", "a\\b.jar", "a\nb.jar", "a" * 240 + ".jar"])
def test_a_jar_s_name_is_one_that_a_data_lake_takes(tmp_path: Path, name: str) -> None:
    tried()
    jar(tmp_path / name)
    quoted = name.replace("\\", "\\\\").replace("\n", "\\n")
    found = problems(tmp_path, job=f'"{quoted}"')
    assert "rename it" in found["job.jar"].right


def test_a_jar_cut_anywhere_is_a_problem_and_no_error(tmp_path: Path) -> None:
    whole = jar(tmp_path / "job.jar").read_bytes()
    for end in range(0, len(whole), 7):
        tried()
        cut = tmp_path / "cut.jar"
        cut.write_bytes(whole[:end])
        assert jar_problem(cut) is not None
        assert main_class(cut) == ""


def test_a_jar_with_any_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    whole = jar(tmp_path / "job.jar").read_bytes()
    file = tmp_path / "changed.jar"
    for place in range(len(whole)):
        tried()
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        problem = jar_problem(file)
        assert problem is None or problem[1]
        assert isinstance(main_class(file), str)


def test_links_may_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here").mkdir()
    jar(tmp_path / "elsewhere/real.jar")
    (tmp_path / "elsewhere/dag.py").write_text("x = 1\n")
    (tmp_path / "here/job.jar").symlink_to(tmp_path / "elsewhere/real.jar")
    (tmp_path / "here/dag.py").symlink_to("../elsewhere/dag.py")
    environment = loaded(tmp_path / "here", "dag: dag.py")
    assert (environment.all_jobs[0].spec.jar.name, environment.dag.file) == ("job.jar", "dag.py")
