"""Reads a setup that was made by hand, by the article's steps, as the fields of an environment that adopts it."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provisioner.errors import CloudError, Conflict, Refused
from provisioner.model.api_versions import api_version
from provisioner.recipe.targets.standing import Standing
from provisioner.render.declared_dags import read_dags
from provisioner.spec.resource_id import ACCOUNT, VAULT, group_id, last_name
from provisioner.spec.targets import target_classes
from provisioner.spec.targets.contract import EnvironmentContext

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.recipe.targets.standing import Import

CONTAINERS = api_version("Microsoft.Storage")
VAULTS, ACCOUNTS = "Microsoft.KeyVault/vaults", "Microsoft.Storage/storageAccounts"
OWN_KEYS = ("api-client-id", "api-secret", "tenant-id")


@dataclass
class Setup:
    """What was found. fields: for the file; files: content by name, to lie beside it; notes: what stays or is open."""

    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    notes: list[str] = field(default_factory=list[str])

    @contextmanager
    def noting_cloud_errors(self, sought: str) -> Generator[None]:
        """Note what could not be read, with the reason, and go on."""
        try:
            yield
        except CloudError as error:
            self.notes.append(f"not found out: {sought}: {' '.join(str(error).split())}")


def importable(role: str) -> Iterator[tuple[str, Import]]:
    """The targets of a role that can be read, by name."""
    for name in target_classes(role):
        module = import_module(f"provisioner.recipe.targets.{role}.{name.replace('-', '_')}")
        if hasattr(module, "IMPORT"):
            yield name, module.IMPORT


def read_setup(
    cloud: Cloud, name: str, given: dict[str, str], sections: Mapping[str, dict[str, Any]], *, cloud_name: str
) -> Setup:
    """Follow the article's steps through Azure. Raises Refused.

    given: full ids, and names, by option. sections: of targets that cannot be read, as somebody has written them.
    """
    setup = Setup()
    airflow, flink = (_read_target(cloud, setup, role, given, sections) for role in ("airflow", "flink"))
    vault = _vault(cloud, given.get("vault") or urlsplit(airflow.vault_url).netloc.partition(".")[0])
    subscription, group = vault["id"].split("/")[2], vault["id"].split("/")[4]
    setup.fields = {"name": name, "cloud": cloud_name, "tenant": cloud.session.tenant_id}
    setup.fields |= {"subscription": subscription, "resource_group": group, "location": vault["location"]}
    setup.fields["vault"] = last_name(vault["id"])
    account, role = _account(cloud, setup, given, flink, subscription)
    setup.fields["storage_account"] = {"name": _short(account, group_id(subscription, group))}
    setup.fields |= {"flink": flink.section, "airflow": airflow.section}
    setup.fields["principals"] = _principals(cloud, setup, vault["id"], airflow, flink)
    setup.fields["job"] = {"role": role} if role else {}
    _read_jar_and_dag(cloud, setup, account, given)
    return setup


def _read_target(
    cloud: Cloud, setup: Setup, role: str, given: dict[str, str], sections: Mapping[str, dict[str, Any]]
) -> Standing:
    """Read the target of a role that an option names, else take its section as it is written. Raises Refused."""
    every = dict(importable(role))
    for target, one in every.items():
        if one.option in given:
            standing = one.read(cloud, given[one.option])
            setup.notes += standing.notes
            return replace(standing, section={"target": target, **standing.section})
    if role in sections:
        section = sections[role]
        prefix = target_classes(role)[section["target"]].model_fields.get("variables_prefix")
        return Standing(
            section=section, variables_prefix=section.get("variables_prefix") or getattr(prefix, "default", "")
        )
    options = " or ".join(f"--{one.option}" for one in every.values())
    what = f"Give its full id: {options}; or --vault, and what it is: --set {role}.…"
    raise Refused("import", f"it is not known which {role} is meant", what)


def _vault(cloud: Cloud, name: str) -> dict[str, str]:
    """Id and location of the vault of that name. Raises Refused."""
    if not name:
        raise Refused("import", "Airflow's settings name no vault", "Give its name: --vault")
    seen = cloud.inventory.list_resources(cloud.session.subscription_id, VAULTS)
    for one in seen:
        if last_name(one.id).lower() == name.rpartition("/")[2].lower():
            return {"id": VAULT.canonical(one.id) or one.id, "location": one.note}
    raise Refused(name, "is no vault that you may read in this subscription", "Give --subscription, or --vault")


def _short(resource: str, group: str) -> str:
    return last_name(resource) if resource.lower().startswith(f"{group}/".lower()) else resource


def _account(cloud: Cloud, setup: Setup, given: dict[str, str], flink: Standing, subscription: str) -> tuple[str, str]:
    """The account whose data Flink's identity may read, and that role. Raises Refused."""
    assignments = ()
    with setup.noting_cloud_errors("the roles of Flink's identity"):
        where = f"/subscriptions/{subscription}"
        assignments = cloud.authorization.list_assignments_of(where, flink.identity) if flink.identity else ()
    of_accounts = [one for one in assignments if "/storageaccounts/" in one.scope.lower()]
    wanted = given.get("storage_account", "").rpartition("/")[2].lower()
    fitting = [one for one in of_accounts if not wanted or last_name(one.scope).lower() == wanted]
    if not fitting and wanted:
        seen = cloud.inventory.list_resources(subscription, ACCOUNTS)
        found = next((one.id for one in seen if last_name(one.id).lower() == wanted), "")
        if found:
            return ACCOUNT.canonical(found) or found, ""
    if len({one.scope.lower() for one in fitting}) != 1:
        remedy = "Give the name of the one with the job's jar: --storage-account"
        raise Refused("import", f"Flink's identity has roles on {len(fitting)} storage accounts", remedy)
    return ACCOUNT.canonical(fitting[0].scope) or fitting[0].scope, cloud.authorization.role_name(
        fitting[0].scope, fitting[0].role
    )


def _principals(cloud: Cloud, setup: Setup, vault: str, airflow: Standing, flink: Standing) -> dict[str, Any]:
    """The two that the article makes, by the client ids that Airflow's settings and the vault have."""
    found: dict[str, Any] = {}
    if airflow.client_id:
        found["airflow"] = _principal(cloud, setup, "airflow", airflow.client_id, vault)
    else:
        setup.notes.append("not found out: who Airflow signs in as; a new application is created for it")
    client_id = _read_api_client_id(cloud, setup, last_name(vault), airflow.variables_prefix)
    if not _target_section(setup, "flink").uses_api_principal:
        return found
    if client_id:
        found["flink-api"] = _principal(cloud, setup, "flink-api", client_id, flink.scope)
    else:
        setup.notes.append("not found out: who calls Flink's API; a new application is created for it")
    return found


def _target_section(setup: Setup, role: str) -> Any:
    """The section of a role as the loader would have it."""
    section = target_classes(role)[setup.fields[role]["target"]].model_validate(setup.fields[role])
    fields = setup.fields
    return section.with_environment_defaults(
        EnvironmentContext(name=fields["name"], group_id=group_id(fields["subscription"], fields["resource_group"]))
    )


def _read_api_client_id(cloud: Cloud, setup: Setup, vault_name: str, variables_prefix: str) -> str:
    """The client id in the vault; notes the other secrets with Airflow's prefix, which stay as they are."""
    client_id = ""
    with setup.noting_cloud_errors("the names of the vault's secrets"):
        names = [
            one.name for one in cloud.secrets.list_secrets(vault_name) if one.name.startswith(f"{variables_prefix}-")
        ]
        keys = [name.removeprefix(f"{variables_prefix}-") for name in names]
        others = sorted({*keys} - {*OWN_KEYS})
        if others:
            setup.notes.append(f"variables that stay in the vault as they are: {', '.join(others)}")
        if OWN_KEYS[0] in keys:
            try:
                stored = cloud.secrets.find_secret(vault_name, f"{variables_prefix}-{OWN_KEYS[0]}")
            except Conflict:  # disabled
                stored = None
            client_id = stored.value.reveal() if stored and stored.value else ""
    return client_id


def _principal(cloud: Cloud, setup: Setup, name: str, client_id: str, scope: str) -> dict[str, Any]:
    """It is adopted, with the role that it has on the scope, if that is one."""
    principal: dict[str, Any] = {"application": {"client_id": client_id.lower()}}
    with setup.noting_cloud_errors(f"the role of {name}"):
        if not scope:
            return principal
        registered = cloud.graph.find_service_principal(client_id)
        held = cloud.authorization.list_assignments_of(scope, registered.object_id) if registered else ()
        roles = [cloud.authorization.role_name(scope, one.role) for one in held if _is_same_scope(one.scope, scope)]
        if roles:
            principal = {"role": min(roles), **principal}
        if len(roles) != 1:
            setup.notes.append(
                f"{name} has {len(roles) or 'no'} roles on {scope}: {', '.join(sorted(roles)) or 'none'}"
            )
    return principal


def _is_same_scope(scope: str, other: str) -> bool:
    return scope.lower().rstrip("/") == other.lower().rstrip("/")


def _read_jar_and_dag(cloud: Cloud, setup: Setup, account: str, given: dict[str, str]) -> None:
    """Read the jar and the DAG from the account's filesystems and add them to the setup.

    A note says so where there is not exactly one; `--jar` and `--dag` choose.
    """
    places: list[tuple[str, str]] = []
    with setup.noting_cloud_errors("the files of the account"):
        listed = cloud.arm.list_all(f"{account}/blobServices/default/containers", CONTAINERS)
        for container in sorted(str(one["name"]) for one in listed):
            paths = cloud.data_lake.list_files(last_name(account), container)
            places += [(container, path) for path in paths]
    for what, suffix in (("jar", ".jar"), ("dag", ".py")):
        fitting = [one for one in places if one[1].endswith(suffix) and given.get(what, "/".join(one)) == "/".join(one)]
        if len(fitting) != 1:
            names = ", ".join("/".join(one) for one in fitting) or "none"
            setup.notes.append(f"not found out: which file is the {what}; there are: {names}. Choose with --{what}")
            continue
        container, path = fitting[0]
        with setup.noting_cloud_errors(f"the {what} {container}/{path}"):
            content = cloud.data_lake.read_file(last_name(account), container, path)
            _add_file_and_fields(setup, what, container, path, content)


def _add_file_and_fields(setup: Setup, jar_or_dag: str, container: str, path: str, content: bytes) -> None:
    """Add a file and the fields that name it to the setup. A DAG of a target with a prefix is left out, with a note."""
    folder, _, name = path.rpartition("/")
    prefix = _target_section(setup, "airflow").own_prefix if jar_or_dag == "dag" else ""
    if prefix:
        setup.notes.append(f"the DAG in {path} is left out: ids of DAGs, there and in the file, begin with {prefix}")
        return
    beside = f"{setup.fields['name']}/{name}"
    setup.files[beside] = content
    if jar_or_dag == "jar":
        setup.fields["storage_account"]["filesystem"] = container
        setup.fields["job"] = {"jar": beside, **({"directory": folder} if folder else {}), **setup.fields["job"]}
        return
    setup.fields["airflow"] = {**setup.fields["airflow"], "container": container}
    setup.fields["dag"] = {"template": beside, "file": name}
    try:
        ids = [one.id for one in read_dags(ast.parse(content)) if one.id]
    except (SyntaxError, ValueError):
        ids = []
    if len(ids) == 1:
        setup.fields["dag"]["id"] = ids[0]
    else:
        setup.notes.append(f"not found out: the id of the DAG in {name}; write `dag.id`")
