"""A plan saved to disk, without any value: `provision --plan` applies exactly that plan or refuses."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from provisioner.engine.written import addresses_with_secrets, hashes_without_secrets, resolved_hash, secrets_hash
from provisioner.errors import Problem, SpecError, StalePlan
from provisioner.model import Action, Address, Plan, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT = 1
WRITE_ONE = "write one with `provisioner plan ENV --out FILE`"


@dataclass(frozen=True, kw_only=True)
class SavedStep:
    """One step as it was reviewed.

    changes: names of fields. version: ETag or version id that was observed. writes: SHA-256 of what the step would
    write, without secrets; empty where it writes nothing. A deferred step is decided later.
    """

    action: str
    changes: tuple[str, ...]
    version: str
    writes: str

    @property
    def pending(self) -> bool:
        """Whether the step was to do something."""
        return self.action != Action.KEEP.value


@dataclass(frozen=True, kw_only=True)
class SavedPlan:
    """What `plan --out` wrote. only: what it was limited to. salt: of the hash over all secrets."""

    file: str
    environment: str
    only: tuple[Address, ...]
    steps: Mapping[str, SavedStep]
    resolved: str
    salt: str
    secrets: str

    def require_unchanged(self, live: Plan, recipe: Recipe) -> None:
        """Raises StalePlan, which names what changed, unless the live plan would write what the saved one would."""
        if self.environment != live.environment:
            raise StalePlan(self.file, (f"it is a plan of {self.environment}, not of {live.environment}",))
        changed = tuple(self._differences(_steps(live, recipe)))
        if not changed and self.secrets != secrets_hash(live, recipe.nodes, bytes.fromhex(self.salt)):
            changed = (_other_secret(addresses_with_secrets(live, recipe.nodes)),)
        if not changed and self.resolved != resolved_hash(live, recipe.nodes):
            changed = ("an id or address that would be written is another",)
        if changed:
            raise StalePlan(self.file, changed)

    def require_nothing_beyond(self, first: Plan, recipe: Recipe) -> Plan:
        """The plan made under the lease. Raises StalePlan if it does something that the saved one did not."""
        live = {address: step for address, step in _steps(first, recipe).items() if step.pending}
        changed = tuple(self._differences({**self.steps, **live}, versions=False))
        if changed:
            raise StalePlan(self.file, changed)
        return first

    def limit_to_deferred(self, later: Plan) -> Plan:
        """The plan of a later pass without pending steps that the file does not list as deferred.

        Grants of the caller's access stay.
        """
        deferred = {address for address, step in self.steps.items() if step.action == Action.DEFER.value}
        steps = tuple(s for s in later.steps if not s.pending or s.access or str(s.address) in deferred)
        return replace(later, steps=steps)

    def _differences(self, live: Mapping[str, SavedStep], *, versions: bool = True) -> Iterator[str]:
        for address in sorted({*self.steps, *live}):
            was, now = self.steps.get(address), live.get(address)
            if was is None or now is None or was.action != now.action:
                yield f"{address}: {now.action if now else 'nothing'} instead of {was.action if was else 'nothing'}"
            elif was.writes != now.writes:
                yield f"{address}: what would be written has changed"
            elif versions and (was.version != now.version or was.changes != now.changes):
                yield f"{address}: it has changed in Azure"


def save(plan: Plan, recipe: Recipe, path: Path, only: Iterable[Address] = ()) -> None:
    """Write steps and hashes to a file that only its owner may read. Raises SpecError where it cannot."""
    salt = secrets.token_bytes(16)
    content = {
        "format": FORMAT,
        "environment": plan.environment,
        "only": [str(address) for address in only],
        "steps": {address: asdict(step) for address, step in _steps(plan, recipe).items()},
        "resolved": resolved_hash(plan, recipe.nodes),
        "salt": salt.hex(),
        "secrets": secrets_hash(plan, recipe.nodes, salt),
    }
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            if path.is_file():
                os.fchmod(stream.fileno(), 0o600)  # of one that existed
            stream.write(json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise _refusal(path, f"cannot be written: {error.strerror}", "give `--out` a file that can") from error


def load(path: Path) -> SavedPlan:
    """Raises SpecError for a file that is not a saved plan of this format."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise _refusal(path, f"is a saved plan of format {content['format']}, not {FORMAT}", WRITE_ONE)
        bytes.fromhex(content["salt"])
        return SavedPlan(
            file=str(path),
            environment=str(content["environment"]),
            only=tuple(Address(*str(text).split("/", 1)) for text in content["only"]),
            steps={str(address): _saved_step(step) for address, step in content["steps"].items()},
            resolved=str(content["resolved"]),
            salt=str(content["salt"]),
            secrets=str(content["secrets"]),
        )
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}", WRITE_ONE) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal(path, "is not a saved plan", WRITE_ONE) from error


def _saved_step(content: Mapping[str, Any]) -> SavedStep:
    return SavedStep(
        action=str(content["action"]),
        changes=tuple(map(str, content["changes"])),
        version=str(content["version"]),
        writes=str(content["writes"]),
    )


def _steps(plan: Plan, recipe: Recipe) -> dict[str, SavedStep]:
    writes = hashes_without_secrets(plan, recipe.nodes)
    return {
        str(step.address): SavedStep(
            action=step.action.value,
            changes=tuple(sorted(change.field for change in step.changes)),
            version=step.observed.version if step.observed else "",
            writes=writes.get(step.address, ""),
        )
        for step in plan.steps
    }


def _other_secret(addresses: Sequence[Address]) -> str:
    """Which secret has another value: one of these, since a hash of each would let a weak one be guessed alone."""
    if not addresses:
        return "the file is not as it was written"
    *others, last = map(str, addresses)
    if not others:
        return f"{last}: its secret value (a variable, a connection or a ${{VAR}}) has changed"
    return f"a secret value (a variable, a connection or a ${{VAR}}) has changed, of {', '.join(others)} or {last}"


def _refusal(path: Path, wrong: str, right: str) -> SpecError:
    return SpecError((Problem(file=str(path), line=1, path="(file)", wrong=wrong, right=right),))
