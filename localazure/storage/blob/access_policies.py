"""Stored access policies of a container: a signature names one by `si` for the fields that it lacks.

https://learn.microsoft.com/rest/api/storageservices/set-container-acl, …/define-stored-access-policy
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape

from localazure.storage.blob.blob_wire import element, error

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_POLICIES = 5
_FIELDS = {"Start": "st", "Expiry": "se", "Permission": "sp"}


def parse_policies(text: str) -> dict[str, dict[str, str]]:
    """Start, expiry and permissions by policy id; 400 InvalidXmlDocument for more than five, or one without an id."""
    policies: dict[str, dict[str, str]] = {}
    for element_xml in re.findall(r"<SignedIdentifier>(.*?)</SignedIdentifier>", text, re.DOTALL):
        policies[_element_text(element_xml, "Id")] = {
            short: value for name, short in _FIELDS.items() if (value := _element_text(element_xml, name))
        }
    if "" in policies or len(policies) > _MAX_POLICIES or (text and "<SignedIdentifiers" not in text):
        raise error(400, "InvalidXmlDocument")
    return policies


def render_policies(policies: Mapping[str, Mapping[str, str]]) -> str:
    """The policies as XML."""
    text = ""
    for name, policy in policies.items():
        fields = "".join(element(field, policy[short]) for field, short in _FIELDS.items() if short in policy)
        text += f"<SignedIdentifier>{element('Id', name)}<AccessPolicy>{fields}</AccessPolicy></SignedIdentifier>"
    return f"<SignedIdentifiers>{text}</SignedIdentifiers>" if text else "<SignedIdentifiers />"


def _element_text(xml: str, name: str) -> str:
    """The text of an element, empty if it is absent."""
    match = re.search(rf"<{name}>([^<]*)</{name}>", xml)
    return unescape(match[1]).strip() if match else ""
