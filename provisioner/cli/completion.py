"""Completion in a shell: verbs and options, names of environments, addresses, principals and jobs. No network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argcomplete.finders import CompletionFinder
from argcomplete.shell_integration import shellcode

from provisioner.cli.arguments import parser
from provisioner.errors import ProvisionerError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable, Iterator

    from provisioner.spec.model import Environment


def shell_code(shell: str) -> str:
    """What a shell evaluates to complete `provisioner`."""
    return shellcode(["provisioner"], shell=shell).strip()


def complete_and_exit() -> None:
    """Answer the shell, which has put the line into variables, and end."""
    root = parser()
    _attach(root)
    CompletionFinder()(root, always_complete_options=False)


def _attach(within: ArgumentParser) -> None:
    """Give each argument whose values are names of something its completer."""
    verb = within.prog.split()[-1]
    for action in within._actions:  # noqa: SLF001  # as argcomplete itself walks them
        name = str(action.metavar)
        completer = COMPLETERS.get((verb, name), COMPLETERS.get(("", name)))
        if completer is not None:
            vars(action)["completer"] = completer  # where argcomplete looks
        choices: Any = action.choices
        for inner in choices.values() if isinstance(choices, dict) else ():  # pyright: ignore[reportUnknownVariableType]  # the parsers of verbs
            _attach(inner)  # pyright: ignore[reportUnknownArgumentType]  # as above


def _environments(**_line: Any) -> list[str]:
    from provisioner.spec.loader import names

    return names()


def _of_environment(read: Callable[[Environment], Iterable[str]]) -> Callable[..., list[str]]:
    """A completer of what the environment on the line has; nothing if its file is wrong."""

    def completer(parsed_args: Namespace, **_line: Any) -> list[str]:
        from provisioner.cli.opening import environment_of

        if named := getattr(parsed_args, "environments", ()):  # of several, the first
            parsed_args.environment = named[0]
        try:
            return list(read(environment_of(parsed_args)))
        except ProvisionerError:
            return []

    return completer


def _addresses(environment: Environment) -> Iterator[str]:
    from provisioner.commands import declared_recipe

    return (str(node.address) for node in declared_recipe(environment).nodes)


def _jobs(environment: Environment) -> Iterator[str]:
    return (job.name for job in environment.all_jobs)


COMPLETERS: dict[tuple[str, str], Callable[..., list[str]]] = {
    ("", "ENV"): _environments,
    ("", "ADDRESS"): _of_environment(_addresses),
    ("", "JOB"): _of_environment(_jobs),
    ("rotate", "NAME"): _of_environment(lambda environment: environment.principals_in_use),
}
