"""What an access token says of its bearer."""

from __future__ import annotations

import base64
import json
from typing import Any


def claims_of(token: str) -> dict[str, Any]:
    """What an access token says of its bearer; for our own token only, so its signature is not checked.

    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
