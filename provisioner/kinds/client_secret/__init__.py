"""The client secret of an application: which of its passwords is current, from the key references of its holders.

The only kind that knows current, retiring, in flight and lost (`decide`). A password's text exists once, in what
`create` and `rotate` return.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.errors import NotAuthorized
from provisioner.key_probe import why_not_rolled_out
from provisioner.kind import (
    Checked,
    Credential,
    Kind,
    Preflight,
    Proofs,
    Right,
    Verdict,
    federation_checks,
    federation_prefix,
    require_resolved,
)
from provisioner.kinds.client_secret.decide import IN_FLIGHT, diff, orphan_action, publish, suffix_for_new_key
from provisioner.kinds.client_secret.passwords import (
    ClientSecret,
    Outputs,
    Passwords,
    Scope,
    add_password,
    passwords_of,
)
from provisioner.model import Found, Proof, Published, ReadBy, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.graph import NewPassword
    from provisioner.cloud.cloud import Cloud
    from provisioner.secret import Secret

__all__ = ["KIND", "ClientSecret", "Outputs", "Passwords", "Scope"]
SIGN_INS = 3


def read(cloud: Cloud, desired: ClientSecret) -> Passwords | None:
    """None if the application does not exist, or is older than an hour and has no managed password.

    A password of a newer application may not be visible yet, so `diff` decides, which knows the holders.
    """
    application = cloud.graph.find_application_by_id(require_resolved(desired.application_id))
    if application is None:
        return None
    managed = passwords_of(application, desired.name, desired.environment)
    observed = replace(managed, every=desired.every, overlap=desired.overlap, runs_every=desired.runs_every)
    young = application.created is not None and cloud.session.clock.decision_time() - application.created < IN_FLIGHT
    return observed if observed.passwords or young else None


def _right(desired: ClientSecret) -> Right:
    known = isinstance(desired.application_id, str)
    return Right("Application.ReadWrite.OwnedBy", f"applications/{desired.application_id}" if known else "")


def ready(cloud: Cloud, desired: ClientSecret, observed: Passwords | None) -> Iterator[Checked]:
    """Check whether the tenant's policy allows such a secret. If one exists, only the next one is refused.

    Note the federated credentials of others on the application, which sign in as it without any secret.
    """
    application_id = desired.application_id if isinstance(desired.application_id, str) else None
    yield from _by_policy(cloud, desired, observed, application_id)
    if application_id:
        prefix = federation_prefix(desired.environment)
        identities = cloud.graph.list_federated_credentials(application_id) or ()
        others = ((one.name, one.subject, one.issuer) for one in identities if not one.name.startswith(prefix))
        yield from federation_checks(others)


def _by_policy(
    cloud: Cloud, desired: ClientSecret, observed: Passwords | None, application_id: str | None
) -> Iterator[Checked]:
    try:
        rules = cloud.graph.password_rules(application_id)
    except NotAuthorized:
        what = "the tenant's policy on lifetimes of client secrets"
        yield Checked(verdict=Verdict.UNKNOWN, what=what, remedy="Policy.Read.ApplicationConfiguration shows it")
        return
    what, days = rules.reason_against(desired.lifetime), rules.longest.days if rules.longest else 0
    verdict = Verdict.NOTE if observed is not None and observed.passwords else Verdict.STOPS
    instead = "Have"
    if not rules.allowed:
        secretless = f"`principals.{desired.name}.credential: {{federated: …}}`"
        instead = f"Where Airflow is your own, write {secretless}; else have"
    elif days:
        instead = f"Write `rotation: {{lifetime: {days}d}}` (with `every` and `overlap` within it), or have"
    remedy = f"{instead} the application exempted by a policy of its own"
    if what:
        yield Checked(verdict=verdict, what=what, remedy=remedy)
    else:
        yield Checked(verdict=Verdict.HOLDS, what=f"the tenant allows client secrets for {desired.lifetime.days} days")


def create(cloud: Cloud, desired: ClientSecret) -> Outputs:
    """Add the first password, or the only one where somebody removed all."""
    password = add_password(cloud, desired)
    return replace(_outputs(password), active_key_ids=(password.key_id,))


def rotate(cloud: Cloud, desired: ClientSecret, observed: Passwords, view: View) -> Outputs:
    """Add a password, as `create` does. The old one is removed by a step of its own, when it is due."""
    password = add_password(cloud, desired, suffix_for_new_key(observed, view))
    return replace(_outputs(password), active_key_ids=(*(one.key_id for one in observed.passwords), password.key_id))


def _outputs(password: NewPassword) -> Outputs:
    return Outputs(key_id=password.key_id, since=password.start, expires=password.end, value=password.value)


def prove(cloud: Cloud, desired: ClientSecret, _observed: Passwords, made: Published, _reader: ReadBy | None) -> Proof:
    """Sign in with a new key on several new connections until all succeed. The text of an old key is unknown."""
    value = made.value if isinstance(made, Outputs) else None
    if value is None:
        return Proof.UNKNOWABLE
    client_id = require_resolved(desired.client_id)

    def signs_in() -> bool:
        with ThreadPoolExecutor(SIGN_INS) as pool:
            tried = [
                pool.submit(cloud.session.can_sign_in, desired.tenant_id, client_id, value) for _ in range(SIGN_INS)
            ]
            return all(one.result() for one in tried)

    deadline = desired.sign_in_seconds
    cloud.session.waits.until(signs_in, deadline_seconds=deadline, what=f"a sign-in with the new secret of {client_id}")
    return Proof.USABLE


def delete(cloud: Cloud, observed: Passwords) -> None:
    """Remove only keys with the display name of this environment."""
    for password in observed.passwords:
        if observed.key_id in (None, password.key_id):
            cloud.graph.remove_password(observed.application_id, password.key_id)


def owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """One `NAME/KEYID` for each managed password."""
    application = cloud.graph.find_application_by_id(require_resolved(scope.application_id))
    if application is None:
        return ()
    observed = replace(passwords_of(application, scope.name, scope.environment), overlap=scope.overlap)
    kept = why_not_rolled_out(cloud, scope.rollout) if scope.rollout is not None and observed.passwords else ""
    return tuple(
        Found(
            name=f"{scope.name}/{one.key_id}",
            observed=replace(observed, key_id=one.key_id, version=one.key_id),
            kept=kept,
        )
        for one in observed.passwords
    )


def stopped_working(cloud: Cloud, observed: Passwords, text: Secret) -> bool:
    """Whether nobody can sign in with it any more. Entra takes some time."""
    return not cloud.session.can_sign_in(cloud.session.tenant_id, observed.client_id, text)


KIND: Kind[ClientSecret, Passwords] = Kind(
    diff=diff,
    publish=publish,
    read=read,
    owned=owned,
    create=create,
    delete=delete,
    preflight=Preflight(right=_right, ready=ready),
    proofs=Proofs(written=prove, deleted=stopped_working),
    credential=Credential(rotate=rotate, orphan_action=orphan_action),
)
