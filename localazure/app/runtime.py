"""The contract between a sort of real program and its supervisor.

A service package that has real programs behind it lists them as RUNTIMES; `wanted` is asked in the server's event
loop and may read the world; `prepare` works in a thread of its own and gets all it needs in `Wanted`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from localazure.app.program import Program, ProgramSpec, Workspace
    from localazure.app.world import World


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One sort of program behind one sort of resource.

    follow: asked in the event loop again and again while it stands, with its folder: keeps files there in step.
    """

    kind: str
    wanted: Callable[[World], Iterable[ProgramSpec]]
    prepare: Callable[[ProgramSpec, Workspace], Program]
    follow: Callable[[World, ProgramSpec, Path], None] | None = None
