"""Signs access tokens (RS256) with a key that stays on this machine, and reads those that it signed."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from localazure.app.certificates import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jwt.types import Options


Reason = Literal["missing", "malformed", "signature", "expired", "audience", "tenant", "caller"]


class InvalidToken(Exception):
    """Why a token does not do; `found` is the audience, tenant or expiry that it has."""

    def __init__(self, reason: Reason, actual: str = "") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.actual = actual


class Signer:
    """Signs and checks; the key is read from `path`, made there when absent, or kept in memory without a path."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        if self._path is not None and self._path.exists():
            read = serialization.load_pem_private_key(self._path.read_bytes(), None)
            if isinstance(read, rsa.RSAPrivateKey):
                return read
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if self._path is not None:
            write_private(
                self._path,
                made.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ),
            )
        return made

    @cached_property
    def key_id(self) -> str:
        """The key's name in the key set and in token headers."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(public).hexdigest()[:27]

    def key_set(self) -> dict[str, Any]:
        """The JSON Web Key Set that /discovery/keys shows."""
        shown = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        key = {"kty": "RSA", "use": "sig", "kid": self.key_id, "x5t": self.key_id, "n": shown["n"], "e": shown["e"]}
        return {"keys": [key]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The token for these claims."""
        return jwt.encode(dict(claims), self._key, "RS256", headers={"kid": self.key_id, "x5t": self.key_id})

    def claims(self, token: str) -> dict[str, Any]:
        """What a token of ours says, whatever its age and audience; Refusal if it is not ours."""
        # Times are compared by the local Azure's clock, audiences without a trailing slash: both by `verify`.
        options: Options = {
            "verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_iss": False,
        }  # fmt: skip
        try:
            return jwt.decode(token, self._key.public_key(), algorithms=["RS256"], options=options)
        except jwt.InvalidSignatureError as error:
            raise InvalidToken("signature") from error
        except jwt.PyJWTError as error:
            raise InvalidToken("malformed") from error
