"""The access tokens of one run: one per audience, fetched once however many threads ask, renewed before they expire."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

if TYPE_CHECKING:
    from provisioner.cloud.transport.sign_in import SignIn

# azure-core renews five minutes before the end. Earlier here, so that its policies never get a token that they renew.
EARLY_SECONDS = 360


class Tokens:
    """A TokenCredential that caches the tokens of another one."""

    def __init__(self, sign_in: SignIn, tenant: str | None) -> None:
        self._sign_in = sign_in
        self._tenant = tenant
        self._tokens: dict[tuple[str, ...], AccessTokenInfo] = {}
        self._locks: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    @property
    def how(self) -> str:
        """Which credential it is and why, for people."""
        return self._sign_in.how

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """As azure.core.credentials.TokenCredential says."""
        info = self.get_token_info(*scopes, options={"claims": claims} if claims else {})
        return AccessToken(info.token, info.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """As azure.core.credentials.SupportsTokenInfo says. With claims (a challenge) always a new token."""
        claims = (options or {}).get("claims")
        with self._lock:
            lock = self._locks[scopes]
        with lock:
            token = self._tokens.get(scopes)
            if token is None or claims or token.expires_on - time.time() < EARLY_SECONDS:
                token = self._tokens[scopes] = self._fetch(scopes, claims)
            return token

    def drop(self, scope: str) -> None:
        """Drop the token of an audience: the next one has the rights granted since."""
        with self._lock:
            self._tokens.pop((scope,), None)

    def close(self) -> None:
        """Does nothing; SDK clients expect it of a credential."""

    def _fetch(self, scopes: tuple[str, ...], claims: str | None) -> AccessTokenInfo:
        credential: Any = self._sign_in.credential
        options: TokenRequestOptions = {}
        if claims:
            options["claims"] = claims
        if self._tenant:
            options["tenant_id"] = self._tenant
        return credential.get_token_info(*scopes, options=options)
