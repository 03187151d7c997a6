"""POSIX access control lists of the data lake as text: `user::rwx,group::r-x,mask::r-x,other::---,default:…`.

https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control
"""

from __future__ import annotations

import re

from localazure.app.call import AzureError

_BITS = "rwxrwxrwx"
_SYMBOLIC = re.compile(r"[r-][w-][xtT-]" * 3 + r"\+?")
_ENTRY = re.compile(r"(default:)?(user|group|mask|other):([^:,]*)(?::([r-][w-][x-]))?")
_DEFAULT = "default:"
_ORDER = ("user", "group", "mask", "other")


def symbolic_permissions(permissions: str, umask: str = "0000") -> str:
    """`0750` or `rwxr-x---` as `rwxr-x---`. As in Azure, the umask applies to octal permissions only."""
    if re.fullmatch(r"[0-7]{3,4}", permissions):
        bits = int(permissions[-3:], 8) & ~int(umask[-3:], 8)
        return "".join(letter if bits >> (8 - index) & 1 else "-" for index, letter in enumerate(_BITS))
    if not _SYMBOLIC.fullmatch(permissions):
        raise _invalid("The permission value is invalid.")
    return permissions.rstrip("+")


def from_permissions(permissions: str) -> str:
    """The minimal ACL with the permissions of these nine letters."""
    return f"user::{permissions[:3]},group::{permissions[3:6]},other::{permissions[6:9]}"


def to_permissions(acl: str) -> str:
    """The nine letters of an ACL. A mask replaces the group's; a plus marks an ACL with more entries."""
    entries = _parse(acl)
    group = entries.get("mask:", entries.get("group:", "---"))
    extended = "+" if len(entries) > 3 else ""
    return f"{entries.get('user:', '---')}{group}{entries.get('other:', '---')}{extended}"


def apply_change(acl: str, change: str, mode: str) -> str:
    """The ACL after `set`, `modify` or `remove` of these entries; 400 for a malformed ACL."""
    entries, changes = _parse(acl), _parse(change)
    if mode == "set":
        return _format(_with_mask(changes))
    if mode == "modify":
        return _format(_with_mask({**entries, **changes}))
    return _format({key: bits for key, bits in entries.items() if key not in changes})


def inherited_acl(parent_acl: str, *, directory: bool) -> str:
    """The ACL that a new child inherits from the default entries of its parent; empty without any.

    Azure ignores the umask then. Only directories have default entries of their own.
    https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control#default-permissions-on-new-files-and-directories
    """
    defaults = {key: bits for key, bits in _parse(parent_acl).items() if key.startswith(_DEFAULT)}
    own = {key.removeprefix(_DEFAULT): bits for key, bits in defaults.items()}
    return _format({**own, **(defaults if directory else {})})


def _with_mask(entries: dict[str, str]) -> dict[str, str]:
    """The entries with the mask that Azure adds for named entries: the union of theirs and the group's permissions.

    Hadoop's ITestAzureBlobFilesystemAcl sets such a list and reads back a group class as wide as its named user.
    """
    masks: dict[str, str] = {}
    for scope in ("", _DEFAULT):
        named = [key for key in entries if re.fullmatch(f"{scope}(user|group):.+", key)]
        if named and f"{scope}mask:" not in entries:
            class_bits = [entries[key] for key in (*named, f"{scope}group:") if key in entries]
            masks[f"{scope}mask:"] = "".join(
                letter if any(letter in bits for bits in class_bits) else "-" for letter in "rwx"
            )
    return {**entries, **masks}


def _parse(acl: str) -> dict[str, str]:
    """The permissions of each entry by `[default:]kind:name`; 400 for a malformed ACL."""
    entries: dict[str, str] = {}
    for entry in filter(None, (item.strip() for item in acl.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise _invalid("The access control list value is invalid.")
        entries[f"{match[1] or ''}{match[2]}:{match[3]}"] = match[4] or "---"
    return entries


def _format(entries: dict[str, str]) -> str:
    """The entries as an ACL, in Azure's order."""

    def rank(key: str) -> tuple[bool, int, bool, str]:
        kind, _, name = key.removeprefix(_DEFAULT).partition(":")
        return key.startswith(_DEFAULT), _ORDER.index(kind), bool(name), name

    return ",".join(f"{key}:{entries[key]}" for key in sorted(entries, key=rank))


def _invalid(message: str) -> AzureError:
    return AzureError(status=400, code="InvalidInput", message=message)
