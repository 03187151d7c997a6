"""The check for leaks can fail: tests that leak on purpose, each in another way, fail for it; the others pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAD = """
import base64, json, logging, os, pathlib, subprocess, sys, time, urllib.parse
import pytest
from tests.sentinels.plugin import WATCH
from provisioner.secret import Secret
ISSUED = "abc8Q~" + "LocalAzure" + "Secret" + "x" * 18
WRITTEN = "senti" + "nel-1"
ID = "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02"
MADE = "correct horse " + 'battery "staple"'
"""
LEAKS = {
    "printed": "print(ISSUED)",
    "printed to standard error": "print(WRITTEN, file=sys.stderr)",
    "printed and taken back": "print(WRITTEN); capsys.readouterr()",
    "logged at debug": "logging.getLogger('azure.core').debug('sent %s', ISSUED)",
    "written into a file": "(tmp_path / 'a').mkdir(); (tmp_path / 'a/journal.jsonl').write_text(ISSUED)",
    "issued and written into a spec": "(tmp_path / 'env.yaml').write_text('x: ' + ISSUED)",
    "among a child's arguments": "subprocess.run([sys.executable, '-c', '', ISSUED], check=True)",
    "among a grandchild's arguments": (
        "child = subprocess.Popen(['sh', '-c', 'sh -c \"cat; true\" \"$X\"; true'],"
        " stdin=subprocess.PIPE, env={**os.environ, 'X': WRITTEN})\n"
        "    end = time.monotonic() + 30\n"
        "    while not WATCH.leaks and time.monotonic() < end: time.sleep(0.01)\n"  # polls; ends as soon as it is seen
        "    child.communicate()"
    ),
    "printed by a child": "subprocess.run(['printenv', 'X'], env={'X': WRITTEN}, capture_output=True, check=True)",
    "in base64": "print(base64.b64encode(('user:' + ISSUED).encode()).decode())",
    "in a URL": "Secret(MADE); print(urllib.parse.quote(MADE))",
    "in JSON": "Secret(MADE); print(json.dumps({'a': MADE}))",
    "in a traceback": "raise ValueError(ISSUED)",
    "a token": "print('eyJhbGciOiJSUzI1NiIs' + 'ImtpZCI6IjEyMyJ9.e30.x')",
    "in the log of a local Azure": "(tmp_path / 'alive.lock').touch(); (tmp_path / 'server.log').write_text(ISSUED)",
    "shown on purpose, but elsewhere": "print(ISSUED)",
}
KEPT = {
    "a Secret": "print(Secret(MADE), [Secret(ISSUED)])",
    "the user's own, in a spec": "(tmp_path / 'env.yaml').write_text('x: ' + WRITTEN)",
    "in the store of a local Azure": (
        "(tmp_path / 'alive.lock').touch(); (tmp_path / 'store').mkdir(); (tmp_path / 'store/a').write_text(ISSUED)"
    ),
    "shown on purpose": "print(ISSUED)",
    "an id in the vault": "Secret(ID); print(ID)",
}
MARKS = {
    "shown on purpose": "@pytest.mark.shows_secrets('output', why='it is what the test is about')\n",
    "shown on purpose, but elsewhere": "@pytest.mark.shows_secrets('files', why='it is what the test is about')\n",
}


def written(folder: Path) -> Path:
    """A file with a test for each of them, and one that leaks into a folder of the session."""
    tests = [
        f"{MARKS.get(name, '')}def test_{kind}_{number}(tmp_path, capsys):\n    {code}\n"
        for kind, codes in (("leak", LEAKS), ("kept", KEPT))
        for number, (name, code) in enumerate(codes.items())
    ]
    file = folder / "test_inner.py"
    file.write_text("\n".join([HEAD, *tests]))
    return file


@pytest.mark.shows_secrets("command line", "files", "output", why="leaking is what the inner tests are for")
def test_every_way_out_is_seen_and_nothing_else(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "pytest", "-p", "tests.sentinels.plugin", "-q", "-rA", "--show-capture=no"]
    options = [f"--basetemp={tmp_path / 'inner'}", f"--figures={figures}", f"--rootdir={tmp_path}", "-c/dev/null"]
    ran = subprocess.run(
        [*command, *options, "-o", "log_level=DEBUG", str(written(tmp_path))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    failed = {
        line.split("::")[1].split()[0] for line in ran.stdout.splitlines() if line.startswith(("ERROR", "FAILED"))
    }

    assert failed == {f"test_leak_{number}" for number in range(len(LEAKS))}, ran.stdout
    counted = json.loads(figures.read_text())
    assert counted["secrets found"] == len(LEAKS), ran.stdout
    assert counted["places searched"] > len(LEAKS)
    assert ran.returncode == 1


def test_whoever_shows_a_secret_says_why(tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(
        "import pytest\n@pytest.mark.shows_secrets('files', why='')\ndef test_a(): pass\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.sentinels.plugin",
        "-q",
        f"--rootdir={tmp_path}",
        "-c/dev/null",
    ]
    ran = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "says no why" in ran.stdout
