"""Fixtures of Fabric's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localazure.fabric.workspace import Fabric

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


@pytest.fixture
def fabric(azure: LocalAzure) -> Fabric:
    return Fabric(azure=azure)
