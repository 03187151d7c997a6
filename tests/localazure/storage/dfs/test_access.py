"""Access control lists of the data lake: masks, groups and default entries, batches of a recursive change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

_SOMEONE = "11111111-0000-4000-8000-000000000001"


def test_named_entries_without_a_mask_get_one(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    file = lake.files().create_file_system("data").create_file("file")
    file.set_access_control(acl=f"user::rwx,user:{_SOMEONE}:-wx,group::r--,other::---")
    shown = file.get_access_control()
    assert shown["acl"] == f"user::rwx,user:{_SOMEONE}:-wx,group::r--,mask::rwx,other::---"
    assert shown["permissions"] == "rwxrwx---+"
    file.update_access_control_recursive(acl=f"user:{_SOMEONE}:r--,mask::r--")
    assert file.get_access_control()["permissions"] == "rwxr-----+"


def test_what_is_new_takes_group_and_default_entries_from_above(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    filesystem = lake.files().create_file_system("data")
    folder = filesystem.create_directory("folder")
    assert folder.get_access_control()["group"] == "$superuser"
    defaults = f"default:user::rwx,default:user:{_SOMEONE}:rwx,default:group::r-x,default:mask::rwx,default:other::---"
    own = "user::rwx,group::r-x,other::---"
    folder.set_access_control(group=lakes.OPERATOR)
    folder.set_access_control(acl=f"{own},{defaults}")
    plain = defaults.replace("default:", "")
    below = filesystem.create_directory("folder/made/below", umask="0077")
    for path in ("folder/made", "folder/made/below"):
        assert filesystem.get_directory_client(path).get_access_control()["acl"] == f"{plain},{defaults}"
    assert below.get_access_control()["group"] == lakes.OPERATOR
    assert below.create_file("file").get_access_control()["acl"] == plain
    asked = below.create_file("asked", permissions="0640", umask="0000").get_access_control()
    assert asked["permissions"] == "rw-r-----"


def test_a_recursive_change_is_done_in_batches(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    filesystem = lake.files().create_file_system("data")
    for name in ("a", "b/c", "b/d"):
        filesystem.create_file(name)
    root = filesystem.get_directory_client("/")
    done = root.update_access_control_recursive(f"user:{_SOMEONE}:r-x", batch_size=2)
    assert (done.counters.directories_successful, done.counters.files_successful) == (2, 3)
    once = root.update_access_control_recursive(f"user:{_SOMEONE}:r-x", batch_size=2, max_batches=1)
    assert (once.continuation is not None, once.counters.files_successful) == (True, 1)
    url = f"{lake.dfs}/data?action=setAccessControlRecursive&mode=modify&maxRecords=0"
    assert lake.call("PATCH", url, headers={"x-ms-acl": "user::rwx"}).status == 400
