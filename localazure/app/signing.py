"""Signs access tokens (RS256) with a key that stays on this machine, and verifies their signatures."""

from __future__ import annotations

import copy
import hashlib
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from localazure.app.state_files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jwt.types import Options


Reason = Literal["missing", "malformed", "signature", "expired", "audience", "tenant", "caller"]


class InvalidToken(Exception):
    """A token is rejected for a `reason`; `actual` is the audience, tenant, expiry or caller that it has."""

    def __init__(self, reason: Reason, actual: str = "") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.actual = actual


class Signer:
    """Signs and verifies tokens with the key `der` (PKCS #8), or that in the file `path`, created if absent.

    Without either the key is in memory.
    """

    def __init__(self, path: Path | None = None, *, der: bytes = b"") -> None:
        self._path, self._der = path, der

    @cached_property
    def _private_key(self) -> rsa.RSAPrivateKey:
        key = serialization.load_der_private_key(self._der, None) if self._der else None
        if self._path is not None and self._path.exists():
            key = serialization.load_pem_private_key(self._path.read_bytes(), None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if self._path is not None:
            write_private(
                self._path,
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ),
            )
        return key

    @cached_property
    def key_id(self) -> str:
        """The key's id in the key set and in token headers (`kid`)."""
        public = self._private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(public).hexdigest()[:27]

    def key_set(self) -> dict[str, Any]:
        """Return the JSON Web Key Set for /discovery/keys."""
        jwk = RSAAlgorithm.to_jwk(self._private_key.public_key(), as_dict=True)
        key = {"kty": "RSA", "use": "sig", "kid": self.key_id, "x5t": self.key_id, "n": jwk["n"], "e": jwk["e"]}
        return {"keys": [key]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a signed token with these claims."""
        return jwt.encode(dict(claims), self._private_key, "RS256", headers={"kid": self.key_id, "x5t": self.key_id})

    def verify_signature(self, token: str) -> dict[str, Any]:
        """Return the claims of a token after verifying its signature only. Raises InvalidToken."""
        return copy.deepcopy(self._verified_claims(token))

    @lru_cache(maxsize=1024)  # noqa: B019  # a server has one of it, and callers send a token many times
    def _verified_claims(self, token: str) -> dict[str, Any]:
        # `tokens.authenticate` checks times by the local Azure's clock, and audiences without a trailing slash.
        options: Options = {
            "verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_iss": False,
        }  # fmt: skip
        try:
            return jwt.decode(token, self._private_key.public_key(), algorithms=["RS256"], options=options)
        except jwt.InvalidSignatureError as error:
            raise InvalidToken("signature") from error
        except jwt.PyJWTError as error:
            raise InvalidToken("malformed") from error
