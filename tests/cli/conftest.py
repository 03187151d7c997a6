"""Fixtures of tests that run the command line."""

from __future__ import annotations

from tests.command_line import cli, provisioned

__all__ = ["cli", "provisioned"]
