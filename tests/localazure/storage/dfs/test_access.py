"""Access control lists of the data lake: masks, groups, default entries, recursive changes in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

_SOMEONE = "11111111-0000-4000-8000-000000000001"


def test_named_entries_without_a_mask_get_a_mask(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    file = lake.files().create_file_system("data").create_file("file")
    file.set_access_control(acl=f"user::rwx,user:{_SOMEONE}:-wx,group::r--,other::---")
    access = file.get_access_control()
    assert access["acl"] == f"user::rwx,user:{_SOMEONE}:-wx,group::r--,mask::rwx,other::---"
    assert access["permissions"] == "rwxrwx---+"
    file.update_access_control_recursive(acl=f"user:{_SOMEONE}:r--,mask::r--")
    assert file.get_access_control()["permissions"] == "rwxr-----+"


def test_a_new_path_inherits_group_and_default_entries_from_its_parent(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    filesystem = lake.files().create_file_system("data")
    folder = filesystem.create_directory("folder")
    assert folder.get_access_control()["group"] == "$superuser"
    defaults = f"default:user::rwx,default:user:{_SOMEONE}:rwx,default:group::r-x,default:mask::rwx,default:other::---"
    own = "user::rwx,group::r-x,other::---"
    folder.set_access_control(group=lakes.OPERATOR)
    folder.set_access_control(acl=f"{own},{defaults}")
    inherited = defaults.replace("default:", "")
    below = filesystem.create_directory("folder/made/below", umask="0077")
    for path in ("folder/made", "folder/made/below"):
        assert filesystem.get_directory_client(path).get_access_control()["acl"] == f"{inherited},{defaults}"
    assert below.get_access_control()["group"] == lakes.OPERATOR
    assert below.create_file("file").get_access_control()["acl"] == inherited
    explicit = below.create_file("asked", permissions="0640", umask="0000").get_access_control()
    assert explicit["permissions"] == "rw-r-----"


def test_a_recursive_change_runs_in_batches(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    filesystem = lake.files().create_file_system("data")
    for name in ("a", "b/c", "b/d"):
        filesystem.create_file(name)
    root = filesystem.get_directory_client("/")
    changes = root.update_access_control_recursive(f"user:{_SOMEONE}:r-x", batch_size=2)
    assert (changes.counters.directories_successful, changes.counters.files_successful) == (2, 3)
    first_batch = root.update_access_control_recursive(f"user:{_SOMEONE}:r-x", batch_size=2, max_batches=1)
    assert (first_batch.continuation is not None, first_batch.counters.files_successful) == (True, 1)
    url = f"{lake.dfs}/data?action=setAccessControlRecursive&mode=modify&maxRecords=0"
    assert lake.call("PATCH", url, headers={"x-ms-acl": "user::rwx"}).status == 400


def test_whoever_makes_a_filesystem_with_a_token_owns_it_and_may_set_its_access(azure_env: LocalAzure) -> None:
    """https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control#the-owning-user."""
    lake = lakes.create_lake(azure_env, role=lakes.CONTRIBUTOR)
    filesystem = lake.files().create_file_system("data")
    root = filesystem.get_directory_client("/")
    assert root.get_access_control()["owner"] == lakes.OPERATOR
    root.set_access_control(acl=f"user::rwx,user:{_SOMEONE}:r-x,group::r-x,other::---")
    assert f"user:{_SOMEONE}:r-x" in root.get_access_control()["acl"]
    lake.blobs().create_container("other")
    assert lake.files().get_directory_client("other", "/").get_access_control()["owner"] == lakes.OPERATOR
    key = lakes.account_key(lake)
    lake.blobs(key).create_container("keyed")
    keyed = lake.files().get_directory_client("keyed", "/")
    assert keyed.get_access_control()["owner"] == "$superuser"
    url = f"{lake.dfs}/keyed/?action=setAccessControl"
    assert lake.call("PATCH", url, headers={"x-ms-acl": "user::rwx,group::r-x,other::---"}).status == 403


def test_whoever_makes_a_filesystem_at_the_dfs_endpoint_owns_it(azure_env: LocalAzure) -> None:
    """The SDKs create one at the blob endpoint; `az storage fs` and others use this one."""
    lake = lakes.create_lake(azure_env, role=lakes.CONTRIBUTOR)
    assert lake.call("PUT", f"{lake.dfs}/data?resource=filesystem").status == 201
    access = lake.call("HEAD", f"{lake.dfs}/data/?action=getAccessControl")
    assert (access.status, access.headers["x-ms-owner"]) == (200, lakes.OPERATOR)
    url = f"{lake.dfs}/data/?action=setAccessControl"
    assert lake.call("PATCH", url, headers={"x-ms-acl": "user::rwx,group::r-x,other::---"}).status == 200


def test_tokens_for_the_account_s_own_name_are_taken(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    for audience in (lake.dfs, f"{lake.blob}/"):
        token = azure_env.token(audience)
        assert lake.call("GET", f"{lake.dfs}/?resource=account", token=token).status == 200
    other = azure_env.token("https://another.dfs.core.windows.net")
    assert lake.call("GET", f"{lake.dfs}/?resource=account", token=other).status == 401
