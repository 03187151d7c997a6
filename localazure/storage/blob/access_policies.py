"""Stored access policies of a container, which signatures name by `si` for what they do not say themselves.

https://learn.microsoft.com/rest/api/storageservices/set-container-acl, …/define-stored-access-policy
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape

from localazure.storage.blob.blob_wire import element, error

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = 5
_FIELDS = {"Start": "st", "Expiry": "se", "Permission": "sp"}


def parse(text: str) -> dict[str, dict[str, str]]:
    """Start, expiry and permissions by id; 400 InvalidXmlDocument for more than five, or one without an id."""
    found: dict[str, dict[str, str]] = {}
    for each in re.findall(r"<SignedIdentifier>(.*?)</SignedIdentifier>", text, re.DOTALL):
        found[_text(each, "Id")] = {short: value for name, short in _FIELDS.items() if (value := _text(each, name))}
    if "" in found or len(found) > _MOST or (text and "<SignedIdentifiers" not in text):
        raise error(400, "InvalidXmlDocument")
    return found


def render(policies: Mapping[str, Mapping[str, str]]) -> str:
    """The same the other way."""
    text = ""
    for name, policy in policies.items():
        fields = "".join(element(field, policy[short]) for field, short in _FIELDS.items() if short in policy)
        text += f"<SignedIdentifier>{element('Id', name)}<AccessPolicy>{fields}</AccessPolicy></SignedIdentifier>"
    return f"<SignedIdentifiers>{text}</SignedIdentifiers>" if text else "<SignedIdentifiers />"


def _text(inside: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", inside)
    return unescape(found[1]).strip() if found else ""
