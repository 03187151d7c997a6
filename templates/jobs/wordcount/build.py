"""Compile a job's sources and pack its jar, byte for byte the same each time.

    python templates/jobs/wordcount/build.py FLINK_JARS_FOLDER [FOLDER MAIN_CLASS]

FLINK_JARS_FOLDER holds Flink's jars, as the PyPI package apache-flink-libraries does in pyflink/lib. FOLDER holds the
sources and texts and gets FOLDER.jar; without one it is the folder of this file. Needs javac of a JDK 17; one of
another version may compile to other bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

OLDEST = (1980, 1, 1, 0, 0, 0)  # a zip holds times; one that never changes
MANIFEST = "META-INF/MANIFEST.MF"


def compile_sources(folder: Path, libraries: Path, classes: Path) -> None:
    """The classes of a folder's sources, for Java 8 and later."""
    command = ["javac", "--release", "8", "-Xlint:-options", "-g:none", "-cp", f"{libraries}/*", "-d", str(classes)]
    subprocess.run([*command, *sorted(map(str, folder.glob("*.java")))], check=True)


def pack(folder: Path, main_class: str, classes: Path, jar: Path) -> None:
    """Manifest, classes and texts in one order, with one time and one mode."""
    manifest = f"Manifest-Version: 1.0\r\nMain-Class: {main_class}\r\n\r\n"
    entries = {path.name: path.read_bytes() for path in folder.glob("*.txt")}
    entries |= {path.relative_to(classes).as_posix(): path.read_bytes() for path in classes.rglob("*.class")}
    with zipfile.ZipFile(jar, "w") as archive:
        for name, content in ((MANIFEST, manifest.encode()), *sorted(entries.items())):
            info = zipfile.ZipInfo(name, OLDEST)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)  # stored: a compressor of another version packs to other bytes


def build(folder: Path, main_class: str, libraries: Path, jar: Path) -> None:
    """The jar of a folder."""
    with tempfile.TemporaryDirectory() as classes:
        compile_sources(folder, libraries, Path(classes))
        pack(folder, main_class, Path(classes), jar)


def main() -> None:
    """Build the jar beside its sources."""
    libraries, *named = sys.argv[1:]
    folder, main_class = (Path(named[0]), named[1]) if named else (Path(__file__).parent, "provisioner.WordCount")
    build(folder.resolve(), main_class, Path(libraries), folder / f"{folder.resolve().name}.jar")


if __name__ == "__main__":
    main()
