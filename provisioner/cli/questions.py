"""Questions to a person at a terminal. Each can be answered by an option instead; without a terminal it has to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Offers = Sequence[tuple[str, str]]  # an answer, and what it is

MOST = 20  # offers that are listed


def fields_of(pairs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """From each `FIELD=VALUE`. Raises Refused."""
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise Refused(f"--set {pair}", "is no field with a value", "Write one such as --set flink.url=https://…")
        yield name, value


@dataclass
class Questions:
    """Asks in turn. given: answers by option; interactive: somebody can be asked; missing: options that are needed."""

    given: Mapping[str, str]
    interactive: bool
    missing: list[str] = field(default_factory=list[str])
    asked: set[str] = field(default_factory=set[str])

    def ask(
        self,
        option: str,
        text: str,
        *,
        default: str = "",
        offers: Offers = (),
        optional: bool = False,
        objection: Callable[[str], str] = lambda _answer: "",
    ) -> str:
        """The answer. Raises Refused for an option's answer that cannot be used.

        Where nobody can be asked it is the default; an option without one is noted as missing, for `require_all`.
        objection: what would be right instead; empty for an answer that can be taken.
        """
        self.asked.add(option)
        if option in self.given:
            answer = self.given[option]
            if right := objection(answer) if answer or not optional else "":
                raise Refused(f"{option} {answer}", "cannot be used", f"{right[:1].upper()}{right[1:]}")
            return answer
        if not self.interactive:
            if not default and not optional:
                self.missing.append(option)
            return default
        return self._asked(text, default, offers[:MOST], objection, optional=optional)

    def choose(self, option: str, text: str, choices: Mapping[str, str], *, default: str) -> str:
        """One of a few. choices: each with a note."""

        def wrong(answer: str) -> str:
            return "" if answer in choices else f"write one of {', '.join(choices)}"

        return self.ask(option, text, default=default, offers=[*choices.items()], objection=wrong)

    @property
    def given_but_unasked(self) -> dict[str, str]:
        """The fields that were given and that no question is about."""
        return {
            name: value for name, value in self.given.items() if name.startswith("--set ") and name not in self.asked
        }

    def require_all(self, verb: str) -> None:
        """Raise Refused with the options that are missing."""
        if self.missing:
            raise Refused(verb, "nobody can be asked here", f"Add {', '.join(f'{one} …' for one in self.missing)}")

    def _asked(
        self, text: str, default: str, offers: Offers, objection: Callable[[str], str], *, optional: bool
    ) -> str:
        for number, (answer, note) in enumerate(offers, 1):
            show.prompt(f"  {number}  {answer}{f'  ({note})' if note else ''}\n")
        hint = f" [{default}]" if default else ""
        choose = f", or a number from 1 to {len(offers)}" if offers else ""
        while True:
            show.prompt(f"{text}{choose}{hint}: ")
            answer = show.typed() or default
            if answer.isdecimal() and 1 <= int(answer) <= len(offers):
                answer = offers[int(answer) - 1][0]
            right = objection(answer) if answer else "" if optional else "an answer is needed"
            if not right:
                return answer
            show.prompt(f"  {right}\n")
