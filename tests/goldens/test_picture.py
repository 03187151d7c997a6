"""The README's picture of a terminal shows what the tool prints today, as the goldens have it."""

from __future__ import annotations

import re

import pytest

from tests.goldens import files, picture

PLACEHOLDER = re.compile(r"<[^<>]+>")


def lines_of(step: str) -> list[str]:
    """What a golden says that a step prints."""
    golden = next(text for name, text in files.expected().items() if name.endswith(f"-{step}.txt"))
    command, _, rest = golden.partition("\n")
    printed = rest.partition("=== calls")[0].partition("\n")[2]
    return [command.removeprefix("=== "), *printed.splitlines()]


def pattern(line: str) -> str:
    """What a line of a golden stands for."""
    return ".+".join(map(re.escape, PLACEHOLDER.split(line))).replace(":mm", r":\d\d")


def shown() -> str:
    return picture.FILE.read_text(encoding="utf-8")


def test_each_line_in_it_is_one_that_the_goldens_have_and_none_is_missing() -> None:
    left = [line for step in picture.SHOWN for line in lines_of(step)]
    for line in picture.text_of(shown()).splitlines():
        fitting = next((one for one in left if re.fullmatch(pattern(one), line)), None)
        assert fitting is not None or not line, f"{line}: not printed any more; `make goldens` takes the picture anew"
        left = [one for one in left if one != fitting]
    assert left == []


def test_it_draws_the_text_that_it_describes_and_fetches_nothing() -> None:
    svg = shown()
    assert picture.letters_of(svg) == re.sub(r"\s", "", picture.text_of(svg))
    assert re.findall(r"https?://[^\s\"')]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "url(#terminal-" in svg
    assert len(re.findall(r"url\((?!#)", svg)) == 0
    assert len(svg.encode()) < 60_000


@pytest.mark.parametrize("screen", ["\x1b[32m+ created <one> & two\x1b[0m", "x" * 3 * picture.COLUMNS])
def test_what_is_drawn_is_what_was_on_the_screen(screen: str) -> None:
    svg = picture.drawn(screen)
    assert picture.text_of(svg) == picture.plain(screen)
    assert picture.letters_of(svg) == re.sub(r"\s", "", picture.plain(screen))
