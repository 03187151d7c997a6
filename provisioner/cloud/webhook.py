"""Posts a message to a webhook of somebody's, within bounds on time. No Azure, no sign-in, no retry.

The address is a secret: whoever has it may post. No error and no log has it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.secret import Secret

SECONDS = 10.0
CONNECT_SECONDS, READ_SECONDS = 4.0, 8.0


def post_returning_failure(url: Secret, body: bytes) -> str:
    """Post JSON. Returns why it was not taken, or an empty text; raises nothing.

    It waits for SECONDS at most, also for a server that answers byte by byte; the answer's body is not read.
    """
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(_posted(url, body)), name="webhook", daemon=True)
    thread.start()
    thread.join(SECONDS)
    return answers[0] if answers else f"no answer within {SECONDS:.0f} s"


def _posted(url: Secret, body: bytes) -> str:
    import requests

    logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # it logs paths
    timeouts = (CONNECT_SECONDS, READ_SECONDS)
    headers = {"Content-Type": "application/json", "User-Agent": "provisioner"}
    try:
        with requests.post(
            url.reveal(), data=body, headers=headers, timeout=timeouts, allow_redirects=False, stream=True
        ) as response:
            return "" if response.status_code < 300 else f"it answered {response.status_code}"
    except (requests.RequestException, OSError, ValueError) as error:  # their texts have the address
        return f"it cannot be reached ({type(error).__name__})"
