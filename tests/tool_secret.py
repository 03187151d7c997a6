"""A secret of the local Azure as the tool's own class: the two share no code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.secret import Secret

if TYPE_CHECKING:
    from tests.emulator import RevealableSecret


def tool_secret(hidden: RevealableSecret) -> Secret:
    """The same text."""
    return Secret(hidden.reveal())
