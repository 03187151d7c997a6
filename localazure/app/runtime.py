"""The contract between a kind of real program, such as Airflow, and the supervisor that runs it.

A service package that has real programs behind it lists them as RUNTIMES. `specs` is called in the server's event loop
and may read the tenant; `prepare` is called in a thread of its own and gets all that it needs in the spec.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from localazure.app.program import Program, ProgramSpec, Workspace
    from localazure.app.tenant import Tenant


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One kind of program behind one type of resource.

    specs: the programs that the tenant's resources need now. prepare: installs and configures one of them. sync_files:
    called in the event loop, again and again while the program runs, to update files in its working folder.
    """

    kind: str
    specs: Callable[[Tenant], Iterable[ProgramSpec]]
    prepare: Callable[[ProgramSpec, Workspace], Program]
    sync_files: Callable[[Tenant, ProgramSpec, Path], None] | None = None
