"""What may stand on the command line. Imports nothing of ours, so that `--help` costs nothing."""

from __future__ import annotations

import argparse
from typing import Any

ENV = "a name under environments/ or a path to a YAML file"
USAGE = 1


class Parser(argparse.ArgumentParser):
    """argparse exits with 2 on wrong usage; here 2 means that changes are pending."""

    def error(self, message: str) -> Any:  # argparse wants NoReturn; exit() is that
        """Say what is wrong with the command line, and where help is."""
        self.print_usage()
        self.exit(USAGE, f"{self.prog}: {message}. `{self.prog} --help` shows what there is.\n")


def parser() -> Parser:
    """The whole grammar: `provisioner VERB ENV …`."""
    root = Parser(prog="provisioner", description="Everything a Flink job that Airflow runs on Azure needs.")
    verbs = root.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    _reading(verbs)
    _writing(verbs)
    _local(verbs)
    return root


def _verb(verbs: Any, name: str, text: str, *, environment: bool = True, json: bool = True) -> Parser:
    made: Parser = verbs.add_parser(name, help=text, description=text)
    if environment:
        made.add_argument("environment", metavar="ENV", help=ENV)
    if json:
        made.add_argument("--json", action="store_true", help="one JSON document instead of text")
    made.add_argument("--debug", action="store_true", help="log every request (never a secret) to standard error")
    return made


def _reading(verbs: Any) -> None:
    _verb(verbs, "validate", "check the spec; no network")
    made = _verb(verbs, "plan", "show what provision would do")
    made.add_argument("--only", action="append", default=[], metavar="ADDRESS", help="this resource and what it needs")
    made.add_argument("--out", metavar="FILE", help="write the plan, without values, for provision --plan")
    made.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 if changes are pending")
    _verb(verbs, "status", "what is there, drift, each credential with its age and expiry")
    _verb(verbs, "output", "ids, URLs and names of what is there")
    made = _verb(verbs, "render", "the Airflow settings and the DAG as they would be deployed; no network")
    _verb(verbs, "graph", "the resources and what each needs, as a Mermaid flowchart; no network", json=False)
    _verb(verbs, "schema", "the JSON Schema of a spec, for editors", environment=False, json=False)


def _writing(verbs: Any) -> None:
    made = _verb(verbs, "provision", "make the environment as its spec says")
    made.add_argument("--only", action="append", default=[], metavar="ADDRESS", help="this resource and what it needs")
    made.add_argument("--plan", metavar="FILE", help="do what this saved plan says, or nothing")
    made.add_argument("--yes", action="store_true", help="do not ask before deleting or replacing")
    made = _verb(verbs, "teardown", "remove exactly what provision made")
    made.add_argument("--yes", action="store_true", help="do not ask")
    made.add_argument("--purge", action="store_true", help="purge the vault, which is kept soft-deleted otherwise")
    made.add_argument("--with-contents", action="store_true", help="delete what else stands in our containers, too")


def _local(verbs: Any) -> None:
    local = verbs.add_parser("local", help="the embedded local Azure", description="The embedded local Azure.")
    actions = local.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    for name, text in (
        ("up", "start it"),
        ("down", "stop it; what it remembers stays"),
        ("reset", "forget everything in it"),
        ("status", "whether it runs, and where"),
    ):
        _verb(actions, name, text, environment=False, json=name in {"up", "status"})
    env = _verb(actions, "env", "the variables that point any program at it", environment=False, json=False)
    env.add_argument("--show-secret", action="store_true", help="with the operator's secret")
    run = _verb(actions, "exec", "run a program against it", environment=False, json=False)
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
