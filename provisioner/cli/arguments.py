"""The command line. Imports nothing else of the tool but its parser, so that `--help` is fast.

In one file: each verb's options, a few lines each, in the order of the help.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from provisioner.cli.parser import ENV, JSON, Parser, Version, add_verb

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEDULES = ("airflow", "azure-pipelines", "cron", "github-actions", "systemd")
CLOUDS = ("public", "local", "usgovernment", "china")
SHELLS = ("bash", "zsh", "fish")
WORKFLOWS = ("azure-pipelines", "github-actions")
NOTIFY = "tell the webhook of `notify` in the spec what needs a person; for schedules"
FORMATS = ("env", "helm", "kubernetes")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The parsed command line. Without a word, prints the short help and exits.

    Raises WrongUsage; unknown options are reported by the parser of the verb.
    """
    words = sys.argv[1:] if argv is None else argv
    root = parser(words[0] if words else "")
    if not words:
        print(root.format_short_help())
        root.exit()
    found, extra = root.parse_known_args(argv)
    several = hasattr(found, "parallel")
    names = [word for word in extra if several and not word.startswith("-")]  # argparse takes them in one place only
    if len(names) < len(extra):
        found.parser.error(f"unrecognized arguments: {' '.join(extra)}")
    if several:
        found.environments += names
        if found.all == bool(found.environments):
            found.parser.error("leave --all or ENV out" if found.all else "the following arguments are required: ENV")
    found.quiet = getattr(found, "json", False) or getattr(found, "markdown", False) or found.verb == "report"
    return found


def parser(verb: str = "") -> Parser:
    """The whole grammar: `provisioner VERB ENV …`; of a verb that exists its own part alone, which takes less time."""
    root = Parser(prog="provisioner", description="Provisions what a Flink job that Airflow runs on Azure needs.")
    root.add_argument("--version", action=Version, nargs=0, help="print the version")
    verbs = root.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for add in (VERBS[verb],) if verb in VERBS else VERBS.values():
        add(verbs)
    return root


def _init(verbs: Any) -> None:
    made = add_verb(
        verbs, "init", "write the file of a new environment, after a few questions", environment=False, json=False
    )
    made.add_argument("name", metavar="NAME", nargs="?", help="its name; the file is environments/NAME.yaml")
    made.add_argument("--cloud", metavar="CLOUD", help="public, usgovernment, china, or local, which asks nothing")
    made.add_argument("--tenant", metavar="TENANT", help="the tenant to sign in to (default: the signed-in one)")
    made.add_argument("--subscription", metavar="GUID", help="its subscription")
    made.add_argument("--resource-group", metavar="NAME", help="its resource group, new or existing")
    made.add_argument("--location", metavar="LOCATION", help="where resources are made")
    made.add_argument("--vault", metavar="NAME", help="its vault, new or existing")
    made.add_argument("--storage-account", metavar="NAME", help="its storage account, new or existing")
    made.add_argument("--flink", metavar="TARGET", help="what runs Flink")
    made.add_argument("--airflow", metavar="TARGET", help="what hosts Airflow")
    made.add_argument("--aks", metavar="ID", help="the AKS cluster whose tokens sign your Airflow in; '' for a secret")
    made.add_argument("--jar", metavar="FILE", help="the job's jar (default: the example)")
    made.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="a field of flink or airflow, as flink.url=…"
    )
    made.add_argument("--offline", action="store_true", help="do not look what there is in Azure")


def _completion(verbs: Any) -> None:
    text = "print what a shell evaluates to complete commands, environments and addresses"
    made = add_verb(verbs, "completion", text, environment=False, json=False)
    made.add_argument("shell", metavar="SHELL", choices=SHELLS, help="one of %(choices)s")


def _import(verbs: Any) -> None:
    text = (
        "write the file of an environment that adopts a setup made by hand, and show what provision would change in it"
    )
    made = add_verb(verbs, "import", text, environment=False, json=False)
    made.add_argument("name", metavar="NAME", help="its name; the file is environments/NAME.yaml")
    made.add_argument("--cloud", default="public", choices=CLOUDS, help="which Azure: one of %(choices)s")
    made.add_argument("--tenant", metavar="TENANT", help="the tenant to sign in to (default: the signed-in one)")
    made.add_argument("--subscription", metavar="GUID", help="the vault's subscription (default: that of --factory)")
    made.add_argument("--factory", metavar="ID", help="full id of the factory of Airflow, or of its Airflow runtime")
    made.add_argument("--cluster", metavar="ID", help="full id of the Flink cluster")
    made.add_argument("--vault", metavar="NAME", help="the vault (default: the one in Airflow's settings)")
    made.add_argument("--storage-account", metavar="NAME", help="the account with the jar, if Flink reads several")
    made.add_argument("--jar", metavar="CONTAINER/PATH", help="the job's jar in the account, if there are several")
    made.add_argument("--dag", metavar="CONTAINER/PATH", help="the DAG's file in the account, if there are several")
    made.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="with --vault: a field of flink or airflow"
    )
    made.set_defaults(json=False)


def _validate(verbs: Any) -> None:
    made = add_verb(verbs, "validate", "check the spec; no network")
    made.add_argument("--resolved", action="store_true", help="print it with what it extends, and each value's source")


def _plan(verbs: Any) -> None:
    made = add_verb(verbs, "plan", "show what provision would do", json=False)
    form = made.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help=JSON)
    form.add_argument("--markdown", action="store_true", help="Markdown for a pull request's comment")
    made.add_argument(
        "--only", action="append", default=[], metavar="ADDRESS", help="limit to this resource and what it depends on"
    )
    _add_replace_option(made)
    made.add_argument("--out", metavar="FILE", help="write the plan, without values, for provision --plan")
    made.add_argument(
        "--detailed-exitcode",
        action="store_true",
        help="exit with 2 if changes are pending, with 5 if none was seen but not all could be read",
    )
    made.add_argument("--notify", action="store_true", help=NOTIFY)


def _doctor(verbs: Any) -> None:
    add_verb(verbs, "doctor", "check permissions and preconditions for provision; print the fix")


def _status(verbs: Any) -> None:
    made = add_verb(verbs, "status", "show resources, drift, and the age and expiry of each credential")
    made.add_argument("--expiring", metavar="14d", help="exit with 2 if a credential expires within that time")


def _report(verbs: Any) -> None:
    text = "make one HTML page: resources, rights, credentials, drift, jobs, last runs"
    made = add_verb(verbs, "report", text, json=False)
    made.add_argument("--out", metavar="FILE.html", help="write it into this file")


def _output(verbs: Any) -> None:
    made = add_verb(verbs, "output", "show ids, URLs and names of existing resources")
    made.add_argument("--format", choices=("terraform-import",), help="import blocks for Terraform")


def _graph(verbs: Any) -> None:
    add_verb(verbs, "graph", "draw the resources and their dependencies as a Mermaid flowchart; no network", json=False)


def _schema(verbs: Any) -> None:
    made = add_verb(verbs, "schema", "print the JSON Schema of a spec, for editors", environment=False, json=False)
    made.add_argument("--documents", action="store_true", help="that of the documents that --json prints, instead")


def _add_replace_option(verb: Parser) -> None:
    text = "delete this resource and create it again, though it is as declared"
    verb.add_argument("--replace", action="append", default=[], metavar="ADDRESS", help=text)


def _render(verbs: Any) -> None:
    text = "show the Airflow settings and the DAG as they would be deployed; no network without --format"
    made = add_verb(verbs, "render", text)
    made.add_argument(
        "others", metavar="ENV", nargs="*", default=[], help="with --format helm: those in the same Airflow, too"
    )
    made.add_argument("--format", choices=FORMATS, help="the settings as a file for the platform of your own Airflow")
    made.add_argument("--offline", action="store_true", help="with --format: leave placeholders for ids; no network")
    made.add_argument("--out", metavar="DIR", help="with --format: write the file into this folder")
    made.add_argument("--check", action="store_true", help="with --out: only compare; exit with 2 if it differs")


def _provision(verbs: Any) -> None:
    made = add_verb(verbs, "provision", "make Azure match the spec")
    part = made.add_mutually_exclusive_group()
    part.add_argument(
        "--only", action="append", default=[], metavar="ADDRESS", help="limit to this resource and what it depends on"
    )
    _add_replace_option(made)
    part.add_argument("--plan", metavar="FILE", help="apply this saved plan; refuse if anything changed")
    made.add_argument("--yes", action="store_true", help="do not ask before deleting or replacing")
    made.add_argument("--reimport", action="store_true", help="bring the DAG's file to Airflow again, though unchanged")
    made.add_argument("--stop-jobs", action="store_true", help="cancel what runs of jobs that the spec no longer names")
    made.add_argument("--wait-dag", action="store_true", help="wait until Airflow has parsed the DAG")


def _teardown(verbs: Any) -> None:
    made = add_verb(verbs, "teardown", "remove exactly what provision created")
    made.add_argument(
        "--only", action="append", default=[], metavar="ADDRESS", help="limit to this resource and what depends on it"
    )
    made.add_argument("--plan-only", action="store_true", help="show what it would do")
    made.add_argument("--yes", action="store_true", help="do not ask")
    made.add_argument("--purge", action="store_true", help="also purge the vault, which is otherwise kept soft-deleted")
    made.add_argument("--with-contents", action="store_true", help="also delete unmanaged resources inside owned ones")


def _migrate(verbs: Any) -> None:
    text = "move an environment to another file: hand its work over, and remove what only the old one declares"
    made = add_verb(verbs, "migrate", text, environment=False)
    made.add_argument("old", metavar="OLD", help=ENV)
    made.add_argument("new", metavar="NEW", help="the file of the same environment under another name")
    way = made.add_mutually_exclusive_group()
    way.add_argument("--plan-only", action="store_true", help="show what it would do")
    way.add_argument("--undo", action="store_true", help="remove what NEW has of its own; until OLD's DAGs are paused")
    made.add_argument("--stop", action="store_true", help="cancel jobs without end whose state cannot be handed over")
    made.add_argument("--yes", action="store_true", help="do not ask")


def _rotate(verbs: Any) -> None:
    made = add_verb(verbs, "rotate", "replace credentials that are due, without downtime")
    made.add_argument("--plan-only", action="store_true", help="show what it would do")
    made.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="limit to this principal of the spec, such as flink-api",
    )
    kind = made.add_mutually_exclusive_group()
    kind.add_argument("--force", action="store_true", help="rotate now, even if not due")
    kind.add_argument(
        "--revoke", action="store_true", help="rotate now, and remove the old one once its readers have the new one"
    )
    kind.add_argument("--rollback", action="store_true", help="publish the previous one again, while it is valid")
    kind.add_argument(
        "--confirm-rolled-out", action="store_true", help="confirm that the platform's workers have the new one"
    )
    made.add_argument("--accept-outage", action="store_true", help="with --revoke: remove the old one at once")
    made.add_argument("--notify", action="store_true", help=NOTIFY)
    made.add_argument("--yes", action="store_true", help="do not ask")


def _run(verbs: Any) -> None:
    made = add_verb(verbs, "run", "run a job's DAG and follow it to the job's result")
    made.add_argument(
        "job", metavar="JOB", nargs="?", default="", help="which of several, or the id of a DAG of your own"
    )
    made.add_argument("--conf", default="{}", metavar="JSON", help="the run's configuration, one JSON object")
    made.add_argument("--run-id", default="", metavar="ID", help="follow this run; start it if it does not exist")
    made.add_argument(
        "--wait", action=argparse.BooleanOptionalAction, default=True, help="follow it to its end (the default)"
    )
    made.add_argument("--timeout", metavar="15m", help="how long to follow it (default: the DAG's timeout plus 10m)")
    made.add_argument("--unpause", action="store_true", help="unpause the DAG first if it is paused")
    made.add_argument(
        "--wait-dag",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="first wait until Airflow has parsed the current DAG (the default)",
    )


def _job(verbs: Any) -> None:
    made = add_verb(verbs, "job", "show, cancel or save what runs of a job")
    made.add_argument("job", metavar="JOB", help="which one")
    made.add_argument("action", metavar="ACTION", choices=("status", "cancel", "savepoint"), help="one of %(choices)s")
    made.add_argument("--via-dag", action="store_true", help="by a run of its DAG, where only that reaches Flink")
    made.add_argument("--unpause", action="store_true", help="unpause the DAG first if it is paused")


def _verify(verbs: Any) -> None:
    add_verb(verbs, "verify", "check each step from Airflow to the job's jar without running a job")


def _bootstrap(verbs: Any) -> None:
    text = "print, never run, the az lines that make an identity for CI with the rights it needs; no network"
    made = add_verb(verbs, "bootstrap", text, json=False)
    who = made.add_mutually_exclusive_group(required=True)
    who.add_argument("--github", metavar="OWNER/REPO[@ENVIRONMENT]", help="workflows in that GitHub environment")
    who.add_argument("--azure-devops", metavar="ORG/PROJECT/CONNECTION", help="pipelines with that service connection")
    who.add_argument("--service-principal", action="store_true", help="anything else; it keeps a client secret")
    made.add_argument("--required-only", action="store_true", help="leave the optional rights out")


def _schedule(verbs: Any) -> None:
    text = "print files for a scheduler that runs rotate and checks for drift; no network"
    made = add_verb(verbs, "schedule", text, environment=False)
    made.add_argument("environments", metavar="ENV", nargs="+", help=ENV)
    made.add_argument("--kind", required=True, choices=SCHEDULES, help="which scheduler")
    made.add_argument("--out", metavar="DIR", help="write the files into this folder")
    made.add_argument(
        "--directory", metavar="DIR", help="path of the checkout on the machine that runs it (default: this one's)"
    )
    text = "with --kind airflow: a pool for each subscription bounds how many of its environments run at once"
    made.add_argument("--pools", action="store_true", help=text)


def _workflow(verbs: Any) -> None:
    text = "print pipelines: plan on pull requests, provision on merge, rotation and drift on schedule; no network"
    made = add_verb(verbs, "workflow", text, environment=False)
    made.add_argument("environments", metavar="ENV", nargs="+", help=ENV)
    made.add_argument("--kind", required=True, choices=WORKFLOWS, help="which platform")
    source = "what pip installs the tool from: git+https://HOST/REPOSITORY@COMMIT or https://HOST/FILE.whl#sha256=HASH"
    made.add_argument("--source", required=True, metavar="SOURCE", help=source)
    made.add_argument("--out", metavar="DIR", help="write the files into this folder")


def _local(verbs: Any) -> None:
    local = verbs.add_parser("local", help="run the embedded local Azure", description="The embedded local Azure.")
    actions = local.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    for name, text in (
        ("up", "start it"),
        ("down", "stop it; its resources stay"),
        ("reset", "delete everything in it"),
        ("status", "show whether it runs, and its address"),
    ):
        made = add_verb(actions, name, text, environment=False, json=name in {"up", "status"})
        if name == "reset":
            made.add_argument("--yes", action="store_true", help="do not ask")
    text = "a real Airflow and Flink behind the local Azure"
    kept = actions.add_parser("runtimes", help=text, description=f"{text[0].upper()}{text[1:]}.")
    theirs = kept.add_subparsers(dest="what", metavar="ACTION", required=True, parser_class=Parser)
    made = add_verb(theirs, "up", "install and start them, and wait until they are ready", environment=False)
    made.add_argument("--flink", choices=("1", "2"), help="which Flink runs from now on: 1.20 (the default) or 2")
    add_verb(theirs, "down", "stop them; the local Azure keeps running", environment=False, json=False)
    add_verb(theirs, "status", "show which run, and their addresses", environment=False)
    env = add_verb(actions, "env", "print the variables that point a program at it", environment=False, json=False)
    env.add_argument("--show-secret", action="store_true", help="include the operator's secret")
    run = add_verb(actions, "exec", "run a program against it", environment=False, json=False)
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")


VERBS: dict[str, Callable[[Any], None]] = {  # in the order of the help
    "init": _init,
    "import": _import,
    "completion": _completion,
    "validate": _validate,
    "plan": _plan,
    "doctor": _doctor,
    "status": _status,
    "report": _report,
    "output": _output,
    "render": _render,
    "graph": _graph,
    "schema": _schema,
    "provision": _provision,
    "rotate": _rotate,
    "migrate": _migrate,
    "teardown": _teardown,
    "run": _run,
    "job": _job,
    "verify": _verify,
    "bootstrap": _bootstrap,
    "schedule": _schedule,
    "workflow": _workflow,
    "local": _local,
}
