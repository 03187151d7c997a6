"""`init`: asks what a new environment is to be called and where it is to be, and writes its file."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.new_file import require_new_spec_path, write_and_load_spec
from provisioner.cli.questions import Questions, fields_of
from provisioner.cli.target_questions import TargetQuestions, offers, put
from provisioner.errors import CloudError
from provisioner.render.environment_file import environment_text
from provisioner.spec.answers import objection
from provisioner.spec.loader import FOLDER
from provisioner.spec.model import Environment
from provisioner.spec.resource_id import group_id, last_name

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Generator

    from provisioner.cli.target_questions import Offer
    from provisioner.cloud.clients.inventory import Inventory, Listed

EXAMPLE = "../templates/jobs/wordcount/wordcount.jar"
CLOUDS = {"public": "", "local": "the emulator that comes with this tool", "usgovernment": "", "china": ""}
TYPES = {"vault": "Microsoft.KeyVault/vaults", "storage_account": "Microsoft.Storage/storageAccounts"}
MADE = "created if it does not exist; the name is unique in all of Azure"
COMMENTS = {
    ("resource_group",): "created if it does not exist",
    ("vault",): MADE,
    ("storage_account",): MADE,
    ("principals", "airflow", "role"): "Airflow only reads the vault",
    ("principals", "airflow", "credential", "federated", "service_account"): "of Airflow's workers: no client secret",
    ("job", "jar"): "relative to this file",
}
HEAD = (
    "Every field is explained in docs/environment.md; `provisioner validate` reports all mistakes at once.",
    "Secrets do not belong here: write ${NAME} for the value of a variable of the shell.",
)
OPTIONS = ("cloud", "subscription", "resource_group", "location", "vault", "storage_account", "airflow", "flink", "aks")
LOCAL_ARGS = "--output /tmp/{job}"  # on this machine, where the local Azure runs Flink


def init(arguments: Namespace) -> int:
    """Ask, write the file, say what comes next. Raises Refused."""
    questions = Questions(_given(arguments), interactive=show.interactive())
    cloud = questions.choose("--cloud", "Which Azure", CLOUDS, default="public")
    name = arguments.name or ("local" if cloud == "local" else questions.ask("NAME", "Its name", default="dev"))
    path = require_new_spec_path(name)
    fields = _local(name, questions) if cloud == "local" else _ask_azure_fields(name, cloud, arguments, questions)
    questions.require_all("init")
    for option, value in questions.given_but_unasked.items():
        put(fields, tuple(option.removeprefix("--set ").split(".")), value)
    jar = os.path.relpath(arguments.jar, FOLDER) if arguments.jar else EXAMPLE
    fields["job"] = {"jar": jar, **({"args": LOCAL_ARGS} if cloud == "local" and not arguments.jar else {})}
    write_and_load_spec(path, environment_text(HEAD, fields, COMMENTS))
    first, second = ("provision", "run") if cloud == "local" else ("doctor", "provision")
    show.text(f"wrote {path}. Next:\n  provisioner {first} {name}\n  provisioner {second} {name}")
    return 0


def _given(arguments: Namespace) -> dict[str, str]:
    """The answers of the command line, by option."""
    named = {f"--{one.replace('_', '-')}": getattr(arguments, one) for one in OPTIONS}
    named |= {f"--set {name}": value for name, value in fields_of(arguments.set)}
    return {option: value for option, value in named.items() if value is not None}


def _local(name: str, questions: Questions) -> dict[str, Any]:
    """The fields on the local Azure, where nothing is asked: what it has already is taken."""
    from provisioner.cli.local import seeded_ids

    there = seeded_ids()
    quiet = Questions(questions.given, interactive=False, asked=questions.asked)
    fields: dict[str, Any] = {"name": name, "cloud": "local", "tenant": there["tenant"]}
    fields["subscription"] = there["subscription"]
    defaults = {
        "resource_group": f"flink-{name}".lower(),
        "location": "westeurope",
        **_vault_and_account_names(name, ""),
    }
    fields |= {field: _ask_field(quiet, field, "", default) for field, default in defaults.items()}
    asked = TargetQuestions(questions=quiet, offer=lambda _read: (), name=name, subscription="", local=True)
    return fields | asked.ask_sections(aks=there["aks"])


def _vault_and_account_names(name: str, salt: str) -> dict[str, str]:
    """Names for vault and account, which nobody else has. salt: what they depend on besides; empty for none."""
    digits = hashlib.sha256(f"{salt}\n{name}".encode()).hexdigest()[:6] if salt else ""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    vault = re.sub("-+", "-", f"kv-{name.lower()}"[: 23 - len(digits)].rstrip("-"))
    vault = f"{vault}-{digits}" if digits else vault
    return {"vault": vault, "storage_account": f"st{plain}"[: 24 - len(digits)] + digits}


def _ask_azure_fields(name: str, cloud: str, arguments: Namespace, questions: Questions) -> dict[str, Any]:
    """The fields in a cloud of Azure, with what the signed-in account sees there as offers."""
    with _open_offers(cloud, arguments, questions) as (offer, tenant):
        subscriptions = offer(lambda there: there.list_subscriptions())
        only = subscriptions[0].id if len(subscriptions) == 1 else ""
        subscription = _ask_field(questions, "subscription", "Subscription", only, offers(subscriptions))
        groups = {last_name(one.id): one.note for one in offer(lambda there: there.list_groups(subscription))}
        group = _ask_field(questions, "resource_group", "Resource group", f"rg-flink-{name.lower()}", [*groups.items()])
        fields: dict[str, Any] = {"name": name, "cloud": cloud, **({"tenant": tenant} if tenant else {})}
        fields |= {"subscription": subscription, "resource_group": group}
        usual = max(groups.values(), key=[*groups.values()].count, default="westeurope")
        fields["location"] = _ask_field(questions, "location", "Location", groups.get(group, usual))
        for field, new in _vault_and_account_names(name, subscription).items():
            there = offer(lambda there, kind=TYPES[field]: there.list_resources(subscription, kind))
            text = f"{field.replace('_', ' ').capitalize()}, new or existing"
            fields[field] = _ask_field(questions, field, text, new, offers(there, group_id(subscription, group)))
        asked = TargetQuestions(questions=questions, offer=offer, name=name, subscription=subscription)
        return fields | asked.ask_sections()


def _ask_field(questions: Questions, name: str, text: str, default: str, offers: Any = ()) -> str:
    check = partial(objection, Environment, (name,))
    return questions.ask(f"--{name.replace('_', '-')}", text, default=default, offers=offers, objection=check)


@contextmanager
def _open_offers(cloud: str, arguments: Namespace, questions: Questions) -> Generator[tuple[Offer, str]]:
    """What asks the cloud for offers, and the signed-in tenant. Says once if nobody is signed in."""
    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.profile import PROFILES
    from provisioner.cloud.transport.session import open_session

    if arguments.offline or not (questions.interactive or arguments.subscription is None):
        yield lambda _read: (), arguments.tenant or ""
        return
    with closing(open_session(PROFILES[cloud], subscription="", tenant=arguments.tenant)) as session:
        inventory = Cloud(session).inventory

        def offer(read: Callable[[Inventory], tuple[Listed, ...]]) -> tuple[Listed, ...]:
            try:
                return read(inventory)
            except CloudError:  # what cannot be listed can be typed
                return ()

        try:
            session.sign_in()
            tenant = session.tenant_id
        except CloudError as error:
            show.complaint(f"nothing can be offered: {error}")
            yield lambda _read: (), arguments.tenant or ""
            return
        yield offer, tenant
