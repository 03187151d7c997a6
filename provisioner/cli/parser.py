"""How the command line is parsed, and what all commands have in common on it."""

from __future__ import annotations

import argparse
import re
from difflib import get_close_matches
from typing import Any, NoReturn

from provisioner.errors import WrongUsage

JSON = "one JSON document instead of text"
ENV = "a name under environments/ or a path to a YAML file"
MANY = f"{ENV}; several, or globs such as 'dev-*'"
FIRST = ("doctor", "plan", "provision", "run", "rotate", "teardown")  # shown to who names no verb
# These take several environments: `many` runs them.
WRITING = frozenset({"provision", "rotate"})
SEVERAL = frozenset({"doctor", "output", "plan", "status", "validate", "verify"}) | WRITING
PARALLEL = 8  # environments at a time


class Parser(argparse.ArgumentParser):
    """argparse exits with 2 on wrong usage; here 2 means that changes are pending. No option has a short spelling."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise WrongUsage: what is wrong with the command line, the nearest right word, and where help is."""
        hint = self._nearest(message) or f"`{self.prog} --help` shows all of them"
        raise WrongUsage(program=self.prog, what=_plain(message), hint=hint)

    def _nearest(self, message: str) -> str:
        """A sentence that names the verb or option that was probably meant; empty if none is near."""
        wrong = re.search(r"invalid choice: '([^']*)'|unrecognized arguments: (--[\w-]+)", message)
        if wrong is None:
            return ""
        verbs = [name for action in self._actions for name in action.choices or ()]
        known = [*verbs, *self._option_string_actions]
        near = get_close_matches(wrong.group(1) or wrong.group(2), known, n=1)
        return f"Did you mean `{near[0]}`? `{self.prog} --help` shows all of them" if near else ""

    def format_short_help(self) -> str:
        """What it is for, and the verbs that matter."""
        choices = [pseudo for action in self._actions for pseudo in getattr(action, "_choices_actions", ())]
        texts = {pseudo.dest: pseudo.help for pseudo in choices}
        lines = [f"  {self.prog} {f'{name} ENV':<14}  {texts[name]}" for name in FIRST]
        end = f"ENV is {ENV}. `{self.prog} --help` shows every command."
        return "\n".join((self.description or "", "", *lines, "", end))


class Version(argparse.Action):
    """Prints the version of the installed distribution; looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"{parser.prog} {version('airflow-flink-provisioner')}")
        parser.exit()


def _plain(message: str) -> str:
    """The message without the list of all verbs: help shows it."""
    return re.sub(r"argument (?:VERB|ACTION): invalid choice: ('[^']*').*", r"there is no \1 here", message)


def add_verb(verbs: Any, name: str, text: str, *, environment: bool = True, json: bool = True) -> Parser:
    """The parser of a command; its options are added by the caller."""
    made: Parser = verbs.add_parser(name, help=text, description=text)
    if environment and name in SEVERAL:
        made.add_argument("environments", metavar="ENV", nargs="*", help=MANY)
        made.add_argument("--all", action="store_true", help="every environment under environments/")
        text = f"how many environments at a time (default: {PARALLEL})"
        made.add_argument("--parallel", type=_parse_count, default=PARALLEL, metavar="N", help=text)
        made.set_defaults(environment=None)
    elif environment:
        made.add_argument("environment", metavar="ENV", help=ENV)
    if json:
        made.add_argument("--json", action="store_true", help=JSON)
    made.set_defaults(parser=made)
    made.add_argument("--debug", action="store_true", help="log every request (never a secret) to standard error")
    return made


def _parse_count(text: str) -> int:
    """A number of at least 1. argparse says which option it is if this raises."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of environments; write 1 or more")
    return int(text)
