"""One call of the program: parse, run the verb, turn every error into a sentence and an exit code.

0 done or nothing to do · 1 failed, usage, spec · 2 changes pending · 3 partly applied or something remains ·
4 a missing right or precondition, found before the first write · 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provisioner.cli.arguments import parser
from provisioner.errors import Defect, Interrupted, NotAuthorized, ProvisionerError, Refusals, Refused

if TYPE_CHECKING:
    from argparse import Namespace

FAILED, UNMET, INTERRUPTED = 1, 4, 130


def main(argv: list[str] | None = None) -> int:
    """The exit code of `provisioner ARGV`."""
    arguments = parser().parse_args(argv)
    try:
        return _run(arguments)
    except ProvisionerError as error:
        from provisioner.cli import show

        show.complaint(str(error))
        return _code(error)
    except KeyboardInterrupt:
        print("interrupted; run the command again, it goes on where it stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # who read our output has gone; nothing can be told any more
        return FAILED
    except Exception as error:
        if getattr(arguments, "debug", False):
            raise
        print(Defect(error), file=sys.stderr)
        return FAILED


def _run(arguments: Namespace) -> int:
    if arguments.verb == "local":
        from provisioner.cli import local

        return local.run(arguments)
    from provisioner.cli import verbs

    return verbs.VERBS[arguments.verb](arguments)


def _code(error: ProvisionerError) -> int:
    if isinstance(error, Interrupted):
        return INTERRUPTED
    return UNMET if isinstance(error, (NotAuthorized, Refused, Refusals)) else FAILED
