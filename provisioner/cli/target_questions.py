"""What `init` asks for the sections of a target: what the target's own section class says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.spec.answers import field_at, objection
from provisioner.spec.resource_id import last_name
from provisioner.spec.targets import target_classes

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cli.questions import Questions
    from provisioner.cloud.clients.inventory import Inventory, Listed
    from provisioner.spec.targets.contract import Question, Target

    Offer = Callable[[Callable[[Inventory], tuple[Listed, ...]]], tuple[Listed, ...]]

CLUSTERS = "Microsoft.ContainerService/managedClusters"
ROLES = {"flink": "What runs Flink", "airflow": "What hosts Airflow"}
READER = "Key Vault Secrets User"


def offers(seen: tuple[Listed, ...], group: str = "") -> list[tuple[str, str]]:
    """What exists, by its name where it is in the group, else by its id."""
    inside = f"{group}/".lower()
    return [(last_name(one.id) if group and one.id.lower().startswith(inside) else one.id, one.note) for one in seen]


@dataclass(frozen=True, kw_only=True)
class TargetQuestions:
    """Asks for what runs Flink, what hosts Airflow, and how Airflow signs in.

    offer: calls a list of what there is in Azure. local: answers for the local Azure are taken, and nothing is asked.
    """

    questions: Questions
    offer: Offer
    name: str
    subscription: str
    local: bool = False

    def ask_sections(self, aks: str = "") -> dict[str, Any]:
        """Ask for the sections of the file. aks: the id of the cluster that runs Airflow, if it is known."""
        flink, airflow = (self.ask_section(role, text) for role, text in ROLES.items())
        principal: dict[str, Any] = {"role": READER}
        if getattr(target_classes("airflow")[airflow["target"]], "federates", False):
            text = "AKS cluster that runs Airflow, whose tokens sign it in (empty: a client secret)"
            issuer = self.questions.ask("--aks", text, default=aks, offers=self._list_existing(CLUSTERS), optional=True)
            account = {"aks": issuer, "namespace": "airflow", "service_account": "airflow"}
            principal |= {"credential": {"federated": account}} if issuer else {}
        return {"flink": flink, "airflow": airflow, "principals": {"airflow": principal}}

    def ask_section(self, role: str, text: str) -> dict[str, Any]:
        """Ask for one of the targets, those first with which anybody can begin, and for its fields.

        Prints why a closed one is closed.
        """
        every = target_classes(role)
        names = sorted(every, key=lambda one: (bool(every[one].closed), _needs_existing_resource(every[one])))
        closed = {name: f"; closed: {every[name].closed}" if every[name].closed else "" for name in names}
        choices = {name: f"{every[name].service}{closed[name]}" for name in names}
        target = self.questions.choose(f"--{role}", text, choices, default=names[0])
        if every[target].closed:
            show.complaint(f"note: {every[target].closed}")
        answers: dict[str, Any] = {"target": target}
        for question in every[target].questions:
            if not question.needs or question.needs[0] in answers:
                put(answers, question.path, self._answer(role, every[target], question))
        return answers

    def _answer(self, role: str, section: type[Target], question: Question) -> str:
        return self.questions.ask(
            f"--set {role}.{'.'.join(question.path)}",
            question.text,
            default=question.local.format(name=self.name) if self.local else question.default,
            offers=self._list_existing(question.resource_type),
            optional=not field_at(section, question.path[:1]).is_required(),
            objection=partial(objection, section, question.path),
        )

    def _list_existing(self, resource_type: str) -> list[tuple[str, str]]:
        """What there is of that type in the subscription."""
        if not resource_type:
            return []
        return offers(self.offer(lambda there: there.list_resources(self.subscription, resource_type)))


def _needs_existing_resource(section: type[Target]) -> bool:
    """Whether there must be something already that its file has to name."""
    required = (one for one in section.questions if field_at(section, one.path[:1]).is_required())
    return any(not one.default for one in required)


def put(section: dict[str, Any], path: tuple[str, ...], answer: str) -> None:
    """Put an answer into a section, unless it is empty."""
    *outer, last = path
    for part in outer if answer else ():
        section = section.setdefault(part, {})
    if answer:
        section[last] = answer
