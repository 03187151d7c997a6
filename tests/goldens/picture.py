"""docs/pictures/terminal.svg: what a terminal shows of two steps of the scenario, colours included.

`make goldens` takes it, on a pseudo-terminal, and leaves the file alone while its text is the same.
"""

from __future__ import annotations

import html
import io
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from rich import _export_format
from rich.console import Console
from rich.text import Text

from tests.goldens.placeholders import CHANCE
from tests.goldens.scenario import ROOT, STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

FILE = ROOT / "docs" / "pictures" / "terminal.svg"
SHOWN = ("plan-after-drift", "provision-after-drift")
COLUMNS = 118  # as wide as a terminal on half of a screen
FONTS = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'  # what each machine has: nothing is fetched
FOLDER = "~/provisioner"  # in place of the checkout's


def write(azure: LocalAzure, folder: str) -> None:
    """Take the picture on a local Azure as new; folder: for the journal."""
    screen = "\n".join(_screens(azure, folder))
    before = text_of(FILE.read_text(encoding="utf-8")) if FILE.exists() else ""
    if _without_chance(before) != _without_chance(plain(screen)):
        FILE.write_text(drawn(screen), encoding="utf-8")


def drawn(screen: str) -> str:
    """What a terminal shows, with its colours, as SVG; the text itself stands in it as the description."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    console.print(Text.from_ansi(screen))
    svg_format = re.sub(r"@font-face \{\{.*?\}\}\s*", "", _export_format.CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg_format = re.sub(r"font-family: [^;]*;", f"font-family: {FONTS};", svg_format)
    svg = console.export_svg(title="provisioner", code_format=svg_format, unique_id="terminal")
    text = f"<desc>{html.escape(plain(screen), quote=False)}</desc>"
    return re.sub(r"<!--.*?-->", lambda _: text, svg, count=1)


def text_of(svg: str) -> str:
    """The text that a picture says it shows."""
    described = re.search(r"<desc>(.*?)</desc>", svg, flags=re.DOTALL)
    return html.unescape(described[1]) if described else ""


def letters_of(svg: str) -> str:
    """All that is drawn in a picture below its title, without white space."""
    every = re.findall(r"<text[^>]*>(.*?)</text>", svg, flags=re.DOTALL)
    return re.sub(r"\s", "", html.unescape("".join(every[1:])))


def plain(screen: str) -> str:
    """The screen without its colours."""
    return Text.from_ansi(screen).plain


def _without_chance(text: str) -> str:
    for pattern, placeholder in (*CHANCE, (re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f-]{36}\b"), "<name>")):
        text = pattern.sub(placeholder, text)
    return re.sub(r"\b\d{4}-\d\d-\d\d \d\d:\d\d", "<moment>", text)


def _screens(azure: LocalAzure, folder: str) -> Iterator[str]:
    """Do what the scenario does up to these steps; yields a prompt, and what the command shows, for each of them."""
    last = max(number for number, step in enumerate(STEPS) if step.name in SHOWN)
    for step in STEPS[: last + 1]:
        if step.before:
            step.before(azure)
        if step.writes or step.name in SHOWN:
            command = step.commands[0]
            screen = _on_a_terminal(command, azure, folder).replace(str(ROOT), FOLDER)
            if step.name in SHOWN:
                yield f"$ provisioner {' '.join(command)}\n{screen}"


def _on_a_terminal(command: tuple[str, ...], azure: LocalAzure, folder: str) -> str:
    """What a run prints on a terminal that cannot move its cursor, so that no live line stands between."""
    ours, theirs = pty.openpty()
    places = {"PROVISIONER_LOCAL_STATE": str(azure.state), "PROVISIONER_JOURNAL": folder, "TERM": "dumb"}
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    run = subprocess.Popen(
        (sys.executable, "-m", "provisioner", *command),
        cwd=ROOT,
        env=kept | places,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    read = bytearray()
    with suppress(OSError):  # the run has ended
        while chunk := os.read(ours, 4096):
            read += chunk
    os.close(ours)
    run.wait()
    return read.decode().replace("\r\n", "\n")
