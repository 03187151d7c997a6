"""The client secret of an application: which of its passwords is the current one, from what the places say they hold.

The only kind that knows current, retiring, in flight and lost (`decide`). A password's text exists once, in what
`create` and `rotate` return.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.errors import NotAuthorized
from provisioner.kind import Checked, Credential, Kind, Preflight, Proofs, Right, Verdict, known
from provisioner.kinds.client_secret.decide import IN_FLIGHT, diff, orphan_action, publish, revoking
from provisioner.kinds.client_secret.passwords import ClientSecret, Outputs, Passwords, Scope, add, passwords_of
from provisioner.model import Found, Proof, Published, ReadBy, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.graph import NewPassword
    from provisioner.cloud.cloud import Cloud
    from provisioner.secret import Secret

__all__ = ["KIND", "ClientSecret", "Outputs", "Passwords", "Scope"]
SIGN_INS = 3


def read(cloud: Cloud, desired: ClientSecret) -> Passwords | None:
    """None if the application is not there, or has been there for long and shows no password of ours.

    A young application's password may just not be visible yet, so there `diff` decides, which knows the holders.
    """
    application = cloud.graph.find_application_by_id(known(desired.application_id))
    if application is None:
        return None
    shown = passwords_of(application, desired.name, desired.environment)
    found = replace(shown, every=desired.every, overlap=desired.overlap, runs_every=desired.runs_every)
    young = application.created is not None and cloud.session.clock.now() - application.created < IN_FLIGHT
    return found if found.passwords or young else None


def ready(cloud: Cloud, desired: ClientSecret, observed: Passwords | None) -> Iterator[Checked]:
    """Whether the tenant admits such a secret; where one stands, the next rotation would be refused, not this run."""
    application_id = desired.application_id if isinstance(desired.application_id, str) else None
    try:
        rules = cloud.graph.password_rules(application_id)
    except NotAuthorized:
        what = "the tenant's policy on lifetimes of client secrets"
        yield Checked(verdict=Verdict.UNKNOWN, what=what, remedy="Policy.Read.ApplicationConfiguration shows it")
        return
    what, days = rules.refuse(desired.lifetime), rules.longest.days if rules.longest else 0
    verdict = Verdict.NOTE if observed is not None and observed.passwords else Verdict.STOPS
    write = f"Write `rotation: {{lifetime: {days}d}}` (with `every` and `overlap` within it), or have"
    remedy = f"{write if days and rules.allowed else 'Have'} the application exempted by a policy of its own"
    if what:
        yield Checked(verdict=verdict, what=what, remedy=remedy)
    else:
        yield Checked(verdict=Verdict.HOLDS, what=f"the tenant admits client secrets for {desired.lifetime.days} days")


def create(cloud: Cloud, desired: ClientSecret) -> Outputs:
    """A new password; others stay."""
    return _outputs(add(cloud, desired))


def rotate(cloud: Cloud, desired: ClientSecret, observed: Passwords, view: View) -> Outputs:
    """As `create`: the old one is removed by its own step, when its time has come."""
    password = add(cloud, desired, revoking(observed, view))
    return replace(_outputs(password), living=(*(one.key_id for one in observed.passwords), password.key_id))


def _outputs(password: NewPassword) -> Outputs:
    return Outputs(key_id=password.key_id, since=password.start, expires=password.end, value=password.value)


def prove(cloud: Cloud, desired: ClientSecret, _observed: Passwords, made: Published, _reader: ReadBy | None) -> Proof:
    """Sign in with a new one on fresh connections until several in a row succeed; an old one's text is not known."""
    value = made.value if isinstance(made, Outputs) else None
    if value is None:
        return Proof.UNKNOWABLE
    client_id = known(desired.client_id)

    def signs_in() -> bool:
        return all(cloud.session.signs_in(desired.tenant_id, client_id, value) for _ in range(SIGN_INS))

    deadline = desired.sign_in_seconds
    cloud.session.waits.until(signs_in, deadline_seconds=deadline, what=f"a sign-in with the new secret of {client_id}")
    return Proof.USABLE


def delete(cloud: Cloud, observed: Passwords) -> None:
    """Only key ids that were found under our own name."""
    for password in observed.passwords:
        if observed.key_id in (None, password.key_id):
            cloud.graph.remove_password(observed.application_id, password.key_id)


def owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """One `NAME/KEYID` for each password of ours."""
    application = cloud.graph.find_application_by_id(known(scope.application_id))
    if application is None:
        return ()
    found = replace(passwords_of(application, scope.name, scope.environment), overlap=scope.overlap)
    return tuple(
        Found(name=f"{scope.name}/{one.key_id}", observed=replace(found, key_id=one.key_id, version=one.key_id))
        for one in found.passwords
    )


def gone(cloud: Cloud, observed: Passwords, text: Secret) -> bool:
    """Whether nobody can sign in with it any more: Entra takes a while to forget."""
    return not cloud.session.signs_in(cloud.session.tenant_id, observed.client_id, text)


KIND: Kind[ClientSecret, Passwords] = Kind(
    diff=diff,
    publish=publish,
    read=read,
    owned=owned,
    create=create,
    delete=delete,
    preflight=Preflight(right=lambda _: Right("Application.ReadWrite.OwnedBy"), ready=ready),
    proofs=Proofs(written=prove, deleted=gone),
    credential=Credential(rotate=rotate, orphan_action=orphan_action),
)
