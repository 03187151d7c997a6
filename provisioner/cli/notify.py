"""`--notify`: tells the webhook of the spec what a scheduled `rotate` or `plan` found; its exit code stays the same."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.cli.status import credentials, unconfirmed_old_keys
from provisioner.errors import Interrupted
from provisioner.model import Result
from provisioner.render.messages import Finding, Message, body

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Collection, Iterator
    from datetime import timedelta

    from provisioner.model import Outcome, Plan
    from provisioner.spec.model import Environment

FAILED = 1


def notifying(command: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
    """The command, which tells the webhook at its end. What it raises is told and raised."""

    def run(arguments: Namespace) -> int:
        try:
            code = command(arguments)
        except Interrupted:  # by a person or by who runs the schedule, who knows
            raise
        except Exception as error:
            _tell(arguments, FAILED, str(error))
            raise
        _tell(arguments, code, "")
        return code

    return run


def _tell(arguments: Namespace, code: int, error: str) -> None:
    from provisioner.cloud.webhook import post_returning_failure

    environment: Environment | None = getattr(arguments, "environment_read", None)
    if environment is None or environment.notify is None:
        return
    found = tuple(_findings(arguments, code, error, environment.notify.expiring))
    if not found:
        return
    message = Message(environment=environment.name, verb=arguments.verb, exit_code=code, findings=found)
    failure = post_returning_failure(environment.notify.url, body(message, environment.notify.format))
    if failure:
        show.warning(f"{environment.name}: the webhook of `notify` failed: {failure}")


def _findings(arguments: Namespace, code: int, error: str, expiring_within: timedelta) -> Iterator[Finding]:
    """What the run found. error: what ended it, if anything was raised."""
    plan: Plan | None = getattr(arguments, "plan_shown", None)
    outcomes: tuple[Outcome, ...] = getattr(arguments, "outcomes", ())
    if error:
        yield Finding(kind="rotation-failed" if arguments.verb == "rotate" else "failed", text=error)
    elif arguments.verb == "rotate" and code:
        texts = [str(outcome.error) for outcome in outcomes if outcome.error is not None]
        for text in texts or ["something is left to do; its log says what"]:
            yield Finding(kind="rotation-failed", text=text)
    if plan is not None and arguments.verb == "rotate":
        rotated = {str(outcome.step.address) for outcome in outcomes if outcome.result is Result.DONE}
        yield from _expiring(plan, arguments.now, expiring_within, rotated)
    elif plan is not None and plan.pending:
        for step in plan.steps:
            if step.pending:
                yield Finding(kind="drift", text=f"{step.action.value} {step.address}: {step.reason}".rstrip(": "))
    elif plan is not None and code:
        yield Finding(kind="failed", text="no change was seen, but not all could be read")


def _expiring(plan: Plan, now: datetime, within: timedelta, rotated: Collection[str]) -> Iterator[Finding]:
    """Credentials that end within that time, or have ended, and that this run has not replaced."""
    for one in credentials(plan, now):
        if one["address"] not in rotated and datetime.fromisoformat(one["expires"]) - now <= within:
            text = f"{one['address']}: key {one['key_id']} expires on {one['expires'][:10]}"
            yield Finding(kind="credential-expiring", text=text)
    for address, end in unconfirmed_old_keys(plan):
        if end - now <= within:
            text = f"{address}: its readers may still use this key, which expires on {end:%Y-%m-%d}"
            yield Finding(kind="credential-expiring", text=text)
