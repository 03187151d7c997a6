"""Fixtures of the kinds' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kinds.azure_setup import cloud_of, make_vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


@pytest.fixture
def cloud(azure: LocalAzure) -> Iterator[Cloud]:
    """A run's cloud on a local Azure as new."""
    made = cloud_of(azure)
    yield made
    made.session.close()


@pytest.fixture
def vault(azure: LocalAzure) -> str:
    """The name of a vault that the operator may write secrets in."""
    return make_vault(azure)
