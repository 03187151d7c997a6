"""Compile WordCount.java and pack wordcount.jar, byte for byte the same each time.

    python templates/jobs/wordcount/build.py FLINK_JARS_FOLDER

The folder holds flink-dist and flink-connector-files, as the PyPI package apache-flink-libraries 1.20.0 does in
pyflink/lib. Needs javac; a JDK of another version may compile to other bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCE, TEXT, JAR = HERE / "WordCount.java", HERE / "wordcount.txt", HERE / "wordcount.jar"
MANIFEST = "Manifest-Version: 1.0\r\nMain-Class: provisioner.WordCount\r\n\r\n"
OLDEST = (1980, 1, 1, 0, 0, 0)  # a zip holds times; one that never changes


def compile_source(libraries: Path, classes: Path) -> None:
    """The classes of the job, for Java 8 and later."""
    jars = ":".join(str(jar) for name in ("flink-dist", "flink-connector-files") for jar in libraries.glob(f"{name}*.jar"))
    command = ["javac", "--release", "8", "-Xlint:-options", "-g:none", "-cp", jars, "-d", str(classes), str(SOURCE)]
    subprocess.run(command, check=True)


def pack(classes: Path, jar: Path) -> None:
    """Manifest, classes and text in one order, with one time and one mode."""
    entries = {"META-INF/MANIFEST.MF": MANIFEST.encode(), TEXT.name: TEXT.read_bytes()}
    entries |= {path.relative_to(classes).as_posix(): path.read_bytes() for path in classes.rglob("*.class")}
    with zipfile.ZipFile(jar, "w") as archive:
        for name in ("META-INF/MANIFEST.MF", *sorted(entries.keys() - {"META-INF/MANIFEST.MF"})):
            info = zipfile.ZipInfo(name, OLDEST)
            info.external_attr = 0o644 << 16
            archive.writestr(info, entries[name])  # stored: a compressor of another version packs to other bytes


def main() -> None:
    """Build the jar beside its source."""
    with tempfile.TemporaryDirectory() as folder:
        compile_source(Path(sys.argv[1]), Path(folder))
        pack(Path(folder), JAR)


if __name__ == "__main__":
    main()
