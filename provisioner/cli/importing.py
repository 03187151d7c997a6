"""`import`: writes the file that adopts a setup made by hand, with its jar and DAG beside it, and shows its plan."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.new_file import require_new_spec_path, write_and_load_spec
from provisioner.cli.opening import opened
from provisioner.cli.questions import Questions, fields_of
from provisioner.cli.target_questions import ROLES, TargetQuestions, put
from provisioner.errors import Refused
from provisioner.render.environment_file import environment_text

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from provisioner.commands.importing import Setup

OPTIONS = ("factory", "cluster", "vault", "storage_account", "jar", "dag")


def import_setup(arguments: Namespace) -> int:
    """Read, write, and show what a first `provision` would change. Raises Refused."""
    path = require_new_spec_path(arguments.name)
    setup = _read_setup_from_azure(arguments)
    if "jar" not in setup.fields["job"]:
        setup.fields["job"]["jar"] = f"{arguments.name}/job.jar"
        setup.notes.append(f"put the job's jar at {path.parent / setup.fields['job']['jar']}")
    for note in setup.notes:
        show.complaint(f"note: {note}")
    _write_files(path.parent, setup)
    head = ("Adopts what was set up by hand; written by `provisioner import`.", *setup.notes)
    environment = write_and_load_spec(path, environment_text(head, setup.fields, {}))
    show.text(f"wrote {path}. What a first `provisioner provision {arguments.name}` changes, and nothing else:")
    from provisioner.commands import make_plan
    from provisioner.engine.report import plan_lines

    with opened(arguments, environment) as run:
        show.lines(plan_lines(make_plan(run)))
    return 0


def _read_setup_from_azure(arguments: Namespace) -> Setup:
    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.profile import PROFILES
    from provisioner.cloud.transport.session import open_session
    from provisioner.commands.importing import read_setup

    given = {name: value for name in OPTIONS if (value := getattr(arguments, name))}
    sections = _sections(arguments, given) if arguments.vault else {}
    ids = [given[name] for name in ("factory", "cluster", "vault") if given.get(name, "").startswith("/subscriptions/")]
    subscription = arguments.subscription or next((one.split("/")[2] for one in ids), "")
    if not subscription:
        raise Refused("import", "no subscription is named", "Give full ids, or --subscription")
    local = None
    if arguments.cloud == "local":
        from provisioner.cli.local import start_local_azure

        local = start_local_azure()
    profile = PROFILES[arguments.cloud]
    with closing(
        open_session(profile, subscription=subscription, tenant=arguments.tenant, local=local, debug=arguments.debug)
    ) as session:
        session.sign_in()
        return read_setup(Cloud(session), arguments.name, given, sections, cloud_name=arguments.cloud)


def _sections(arguments: Namespace, given: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The sections of targets that no option names for reading, from what `--set` says. Raises Refused."""
    from provisioner.commands.importing import importable

    questions = Questions({f"--set {name}": value for name, value in fields_of(arguments.set)}, interactive=False)
    asked = TargetQuestions(questions=questions, offer=lambda _read: (), name=arguments.name, subscription="")
    roles = [role for role in ROLES if not any(one.option in given for _, one in importable(role))]
    sections = {role: asked.ask_section(role, ROLES[role]) for role in roles}
    questions.require_all("import")
    for option, value in questions.given_but_unasked.items():
        put(sections, tuple(option.removeprefix("--set ").split(".")), value)
    return sections


def _write_files(folder: Path, setup: Setup) -> None:
    for name, content in setup.files.items():
        file = folder / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as error:
            raise Refused(str(file), f"cannot be written: {error.strerror}", "Change to a folder that can") from None
