"""`output`: ids, URLs and names of what exists, or import blocks for Terraform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.cli.opening import opened
from provisioner.kind import formatted

if TYPE_CHECKING:
    from argparse import Namespace


def output(arguments: Namespace) -> int:
    """Print them."""
    from provisioner.commands import outputs
    from provisioner.commands.terraform import import_blocks

    with show.progress(quiet=arguments.json or bool(arguments.format)), opened(arguments) as run:
        blocks = import_blocks(run) if arguments.format else None
        found = {} if blocks else {address: published for address, published in outputs(run).items() if published}
    environment = {"environment": run.environment.name}
    if blocks and arguments.json:
        show.document({**environment, "content": blocks.text, "not_imported": blocks.left})
    elif blocks:
        show.text(blocks.text.rstrip())
    elif arguments.json:
        show.document({**environment, "resources": found})
    for address, published in found.items() if not arguments.json else ():
        for name, value in published.items():
            show.text(f"{address}.{name} = {formatted(value)}")
    return 0
