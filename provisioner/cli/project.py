"""The project's folder, where the journal is written and schedules run: a checkout, or the current folder."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def project_folder() -> Path:
    """The checkout that this tool runs from; the current folder where the tool is installed as a package."""
    return CHECKOUT if (CHECKOUT / "pyproject.toml").exists() else Path.cwd()
