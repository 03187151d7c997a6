"""What commands that plan have in common: the addresses on the command line, and how a plan is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cli import show

if TYPE_CHECKING:
    from argparse import Namespace

    from provisioner.model import Address, Plan


def show_plan(arguments: Namespace, planned: Plan) -> None:
    """Print it as the command line asks: text, JSON or Markdown. Notes it in `arguments.plan_shown`, for `notify`."""
    from provisioner.engine.documents import plan_json
    from provisioner.engine.report import plan_lines

    arguments.plan_shown = planned
    if arguments.json:
        show.document(plan_json(planned))
    elif getattr(arguments, "markdown", False):
        from provisioner.engine.markdown import plan_markdown

        show.text(plan_markdown(planned).rstrip())
    else:
        show.lines(plan_lines(planned))


def addresses(arguments: Namespace, option: str = "only") -> tuple[Address, ...]:
    """Those that an option names. Raises WrongUsage."""
    from provisioner.model import Address

    texts: list[str] = getattr(arguments, option)
    for text in texts:
        if "/" not in text:
            arguments.parser.error(f"--{option} {text}: write KIND/NAME, as `provisioner plan` shows it")
    return tuple(Address(*text.split("/", 1)) for text in texts)
