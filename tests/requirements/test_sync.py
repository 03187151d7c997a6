"""uv is told what this machine's pip knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requirements.sync import pip_settings, uv_environment, with_uv

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LISTING = """\
:env:.index-url='https://mirror.test/env'
global.cert='/etc/ssl/ca.pem'
global.extra-index-url='https://one.test https://two.test'
global.find-links='/wheels /more-wheels'
global.index-url='https://mirror.test/file'
global.timeout='60'
"""


def test_what_the_environment_says_wins_over_the_files() -> None:
    assert pip_settings(LISTING)["index-url"] == "https://mirror.test/env"


def test_a_setting_of_one_command_is_read_too() -> None:
    assert pip_settings("install.no-index='true'\n") == {"no-index": "true"}


def test_uv_is_told_the_same_places() -> None:
    assert uv_environment(pip_settings(LISTING)) == {
        "SSL_CERT_FILE": "/etc/ssl/ca.pem",
        "UV_DEFAULT_INDEX": "https://mirror.test/env",
        "UV_FIND_LINKS": "/wheels,/more-wheels",
        "UV_HTTP_TIMEOUT": "60",
        "UV_INDEX": "https://one.test https://two.test",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_settings_that_uv_does_not_have_are_left_out() -> None:
    assert uv_environment({"disable-pip-version-check": "1"}) == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_a_lock_that_uv_cannot_read_is_no_success(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "broken.txt"
    lock.write_text("a package without a version\n")
    assert not with_uv(lock, tmp_path / "no-python", exact=False, project=False)
    assert capfd.readouterr().err
