"""What may stand on the command line. Imports nothing of ours, so that `--help` costs nothing."""

from __future__ import annotations

import argparse
import re
from difflib import get_close_matches
from typing import Any

ENV = "a name under environments/ or a path to a YAML file"
SCHEDULES = ("airflow", "azure-pipelines", "cron", "github-actions", "systemd")
USAGE = 1


class Parser(argparse.ArgumentParser):
    """argparse exits with 2 on wrong usage; here 2 means that changes are pending. No option has a short spelling."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, allow_abbrev=False, **options)

    def error(self, message: str) -> Any:  # argparse wants NoReturn; exit() is that
        """Say what is wrong with the command line, the nearest right word, and where help is."""
        hint = self._nearest(message) or f"`{self.prog} --help` shows what there is"
        self.exit(USAGE, f"{self.prog}: {_plain(message)}. {hint}.\n")

    def _nearest(self, message: str) -> str:
        """What was probably meant by a wrong verb or option."""
        wrong = re.search(r"invalid choice: '([^']*)'|unrecognized arguments: (--[\w-]+)", message)
        if wrong is None:
            return ""
        verbs = [name for action in self._actions for name in action.choices or ()]
        known = [*verbs, *self._option_string_actions]
        near = get_close_matches(wrong.group(1) or wrong.group(2), known, n=1)
        return f"Did you mean `{near[0]}`? `{self.prog} --help` shows what there is" if near else ""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """What the command line says. What no option takes is told by the verb, which knows its options."""
    found, extra = parser().parse_known_args(argv)
    if extra:
        found.parser.error(f"unrecognized arguments: {' '.join(extra)}")
    return found


def _plain(message: str) -> str:
    """The message without the list of all verbs: help shows it."""
    return re.sub(r"argument (?:VERB|ACTION): invalid choice: ('[^']*').*", r"there is no \1 here", message)


def parser() -> Parser:
    """The whole grammar: `provisioner VERB ENV …`."""
    root = Parser(prog="provisioner", description="Everything a Flink job that Airflow runs on Azure needs.")
    verbs = root.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    _reading(verbs)
    _writing(verbs)
    _running(verbs)
    _scheduling(verbs)
    _local(verbs)
    return root


def _verb(verbs: Any, name: str, text: str, *, environment: bool = True, json: bool = True) -> Parser:
    made: Parser = verbs.add_parser(name, help=text, description=text)
    if environment:
        made.add_argument("environment", metavar="ENV", help=ENV)
    if json:
        made.add_argument("--json", action="store_true", help="one JSON document instead of text")
    made.set_defaults(parser=made)
    made.add_argument("--debug", action="store_true", help="log every request (never a secret) to standard error")
    return made


def _reading(verbs: Any) -> None:
    _verb(verbs, "validate", "check the spec; no network")
    made = _verb(verbs, "plan", "show what provision would do")
    made.add_argument("--only", action="append", default=[], metavar="ADDRESS", help="this resource and what it needs")
    made.add_argument("--out", metavar="FILE", help="write the plan, without values, for provision --plan")
    made.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 if changes are pending")
    _verb(verbs, "doctor", "whether provision could succeed, with the command that mends what would stop it")
    made = _verb(verbs, "status", "what is there, drift, each credential with its age and expiry")
    made.add_argument("--expiring", metavar="14d", help="exit with 2 if a credential ends within that time")
    _verb(verbs, "output", "ids, URLs and names of what is there")
    made = _verb(verbs, "render", "the Airflow settings and the DAG as they would be deployed; no network")
    _verb(verbs, "graph", "the resources and what each needs, as a Mermaid flowchart; no network", json=False)
    _verb(verbs, "schema", "the JSON Schema of a spec, for editors", environment=False, json=False)


def _writing(verbs: Any) -> None:
    made = _verb(verbs, "provision", "make the environment as its spec says")
    part = made.add_mutually_exclusive_group()
    part.add_argument("--only", action="append", default=[], metavar="ADDRESS", help="this resource and what it needs")
    part.add_argument("--plan", metavar="FILE", help="do what this saved plan says, or nothing")
    made.add_argument("--yes", action="store_true", help="do not ask before deleting or replacing")
    made.add_argument("--wait-dag", action="store_true", help="end when Airflow has parsed the DAG, or say why not")
    made = _verb(verbs, "rotate", "replace credentials that are due, without a moment of downtime")
    made.add_argument("--plan-only", action="store_true", help="show what it would do")
    made.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this principal of the spec, as flink-api"
    )
    kind = made.add_mutually_exclusive_group()
    kind.add_argument("--force", action="store_true", help="now, due or not")
    kind.add_argument("--revoke", action="store_true", help="now, and remove the old one as soon as nobody needs it")
    kind.add_argument("--rollback", action="store_true", help="publish the one before again, while it is valid")
    made.add_argument("--accept-outage", action="store_true", help="with --revoke: remove the old one at once")
    made.add_argument("--yes", action="store_true", help="do not ask")
    made = _verb(verbs, "teardown", "remove exactly what provision made")
    made.add_argument("--yes", action="store_true", help="do not ask")
    made.add_argument("--purge", action="store_true", help="purge the vault, which is kept soft-deleted otherwise")
    made.add_argument("--with-contents", action="store_true", help="delete what else stands in our containers, too")


def _running(verbs: Any) -> None:
    made = _verb(verbs, "run", "run the DAG and follow it: states, tasks, the job and where its result lies")
    made.add_argument("--conf", default="{}", metavar="JSON", help="the run's configuration, one JSON object")
    made.add_argument("--run-id", default="", metavar="ID", help="this run, begun if there is none of that id")
    made.add_argument(
        "--wait", action=argparse.BooleanOptionalAction, default=True, help="follow it to its end (the default)"
    )
    made.add_argument("--timeout", metavar="15m", help="how long to follow it; `dag.timeout` and 10m more by default")
    made.add_argument("--unpause", action="store_true", help="switch the DAG on first if it is paused")
    made.add_argument(
        "--wait-dag",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="first wait until Airflow has parsed the DAG as the spec has it (the default)",
    )
    _verb(verbs, "verify", "prove each link from Airflow to the job's jar without running a job")


def _scheduling(verbs: Any) -> None:
    text = "files that run rotate and look for drift on your scheduler; no network"
    made = _verb(verbs, "schedule", text, environment=False)
    made.add_argument("environments", metavar="ENV", nargs="+", help=ENV)
    made.add_argument("--kind", required=True, choices=SCHEDULES, help="which scheduler")
    made.add_argument("--out", metavar="DIR", help="write the files into this folder")
    made.add_argument("--directory", metavar="DIR", help="where the checkout lies on the machine that runs it; here")


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
    text = "real Airflow and real Flink behind it"
    kept = actions.add_parser("runtimes", help=text, description=f"{text[0].upper()}{text[1:]}.")
    theirs = kept.add_subparsers(dest="what", metavar="ACTION", required=True, parser_class=Parser)
    _verb(theirs, "up", "install and start what stands behind each, wait until it is ready", environment=False)
    _verb(theirs, "down", "end them; the local Azure goes on", environment=False, json=False)
    _verb(theirs, "status", "which are up, where, and what they hold", environment=False)
    env = _verb(actions, "env", "the variables that point any program at it", environment=False, json=False)
    env.add_argument("--show-secret", action="store_true", help="with the operator's secret")
    run = _verb(actions, "exec", "run a program against it", environment=False, json=False)
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
