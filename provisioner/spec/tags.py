"""Azure's limits for tags: learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations."""

from __future__ import annotations

from pydantic import AfterValidator

from provisioner.spec.fields import refusal

MARK = "provisioner-environment"
MOST = 49  # of 50, our mark being one
LONGEST_NAME = 128  # 512 elsewhere, but a storage account takes no more
LONGEST_VALUE = 256
RESERVED = ("microsoft", "azure", "windows")
CONTROLS = frozenset(map(chr, (*range(32), 127)))
FORBIDDEN = frozenset("<>%&\\?/") | CONTROLS


def _require_allowed_tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MOST:
        raise refusal(f"keep to {MOST} tags; Azure takes 50, and one is our mark", f"has {len(tags)} tags")
    folded = [name.casefold() for name in tags]
    twice = next((name for name in tags if folded.count(name.casefold()) > 1), None)
    if twice is not None:
        raise refusal("keep one of them; Azure compares tag names without case", f"has {twice!r} twice")
    for name, value in tags.items():
        _require_allowed_tag(name, value)
    return tags


def _require_allowed_tag(name: str, value: str) -> None:
    if name.casefold() == MARK:
        raise refusal("leave it out; it marks what we made and is never set by hand", f"has the tag {name!r}")
    if not 0 < len(name) <= LONGEST_NAME or FORBIDDEN & set(name) or name.casefold().startswith(RESERVED):
        raise refusal(
            f"use 1 to {LONGEST_NAME} characters, none of < > % & \\ ? /, not beginning with microsoft, azure, windows",
            f"has the tag {name[:60]!r}",
        )
    if CONTROLS & set(value):
        raise refusal("write one line of text", f"has a control character in the value of {name!r}")
    if len(value) > LONGEST_VALUE:
        raise refusal(f"keep values within {LONGEST_VALUE} characters", f"has too long a value for {name!r}")


LIMITS = AfterValidator(_require_allowed_tags)
