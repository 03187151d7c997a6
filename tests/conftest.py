"""Fixtures of all tests: a local Azure of the session's own (one per xdist worker), as new for each test that asks."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from localazure.app import process
from tests import emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

pytest_plugins = ("tests.sentinels.plugin",)
# A shell lets what it starts in the background ignore SIGINT, and so would every run that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored
settings.load_profile("ci")  # the same examples in each run, and none that fails because the machine is busy


# Where files take long. They begin first, so that no processor is idle while the last ones end.
LONG = ("rotation", "reliability", "end_to_end", "verify", "migration", "kinds/test_contract", "localazure/runtimes")
# Tests of the core rooms, and those of commands that reach what these do not. The branches that they reach are counted,
# which makes what runs in this process half as slow again.
COMMANDS = ("doctor", "lifecycle", "network", "ownership", "policies", "released_access", "rotate")
CORE = (
    *("engine", "goldens", "kinds", "recipe", "render", "spec", "test_model", "test_parsed_dag", "test_secret"),
    *(f"cli/test_{name}.py" for name in ("bootstrap", "notify", "render_formats", "workflow", "workflow_jobs")),
    *(f"commands/test_{name}.py" for name in COMMANDS),
)


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; the tests of each stay together and in their order. Mark those of the core."""

    def lies_in(item: pytest.Item, places: tuple[str, ...]) -> bool:
        return item.nodeid.removeprefix("tests/").startswith(places)

    items.sort(key=lambda item: not lies_in(item, LONG))
    for item in items:
        if lies_in(item, CORE):
            item.add_marker("core")


@pytest.fixture(scope="session")
def running_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """The process; what one test leaves, the next one meets."""
    state = tmp_path_factory.mktemp("azure")
    try:
        yield emulator.start(state)
    finally:
        process.stop(state)


@pytest.fixture
def azure(running_azure: LocalAzure) -> LocalAzure:
    """A local Azure as new: nothing in it but what a tenant comes with; its clock right, nothing going wrong."""
    running_azure.reset()
    return running_azure


@pytest.fixture
def azure_env(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    """The same, with this process's environment pointing at it, as `local exec` would."""
    import os

    wanted = process.with_client_variables(dict(os.environ), azure.state)
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    return azure
