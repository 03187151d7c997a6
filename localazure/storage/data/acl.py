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


def symbolic(permissions: str, umask: str = "0000") -> str:
    """`0750` or `rwxr-x---` as `rwxr-x---`, less what the umask takes away (from octal ones, as Azure does)."""
    if re.fullmatch(r"[0-7]{3,4}", permissions):
        bits = int(permissions[-3:], 8) & ~int(umask[-3:], 8)
        return "".join(letter if bits >> (8 - place) & 1 else "-" for place, letter in enumerate(_BITS))
    if not _SYMBOLIC.fullmatch(permissions):
        raise _invalid("The permission value is invalid.")
    return permissions.rstrip("+")


def of_permissions(permissions: str) -> str:
    """The minimal list that says the same as nine letters."""
    return f"user::{permissions[:3]},group::{permissions[3:6]},other::{permissions[6:9]}"


def permissions_of(acl: str) -> str:
    """The nine letters of a list: with a mask, the mask stands for the group, and a plus says that there is more."""
    entries = _parse(acl)
    group = entries.get("mask:", entries.get("group:", "---"))
    extended = "+" if len(entries) > 3 else ""
    return f"{entries.get('user:', '---')}{group}{entries.get('other:', '---')}{extended}"


def changed(acl: str, given: str, mode: str) -> str:
    """The list after `set`, `modify` or `remove` with the given entries."""
    entries, wanted = _parse(acl), _parse(given)
    if mode == "set":
        return _text(_masked(wanted))
    if mode == "modify":
        return _text(_masked({**entries, **wanted}))
    return _text({key: bits for key, bits in entries.items() if key not in wanted})


def inherited(above: str, *, directory: bool) -> str:
    """What a new child gets from the default entries of the directory above; empty where there are none.

    Azure: the umask is ignored then. Only directories have default entries of their own.
    https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control#default-permissions-on-new-files-and-directories
    """
    defaults = {key: bits for key, bits in _parse(above).items() if key.startswith(_DEFAULT)}
    own = {key.removeprefix(_DEFAULT): bits for key, bits in defaults.items()}
    return _text({**own, **(defaults if directory else {})})


def _masked(entries: dict[str, str]) -> dict[str, str]:
    """With the mask that Azure reckons where named entries came without one: all that they and the group may.

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
    entries: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in acl.split(","))):
        found = _ENTRY.fullmatch(item)
        if found is None:
            raise _invalid("The access control list value is invalid.")
        entries[f"{found[1] or ''}{found[2]}:{found[3]}"] = found[4] or "---"
    return entries


def _text(entries: dict[str, str]) -> str:
    def rank(key: str) -> tuple[bool, int, bool, str]:
        kind, _, name = key.removeprefix(_DEFAULT).partition(":")
        return key.startswith(_DEFAULT), _ORDER.index(kind), bool(name), name

    return ",".join(f"{key}:{entries[key]}" for key in sorted(entries, key=rank))


def _invalid(message: str) -> AzureError:
    return AzureError(status=400, code="InvalidInput", message=message)
