"""Airflow runtimes, linked services and DAG imports of data factories. Bodies of runtimes are never logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from provisioner.cloud.clients.data_factory.linked_service import (
    LinkedService,
    document_with_identity,
    read_linked_service,
)
from provisioner.cloud.clients.data_factory.runtime import RuntimeEdit, edited_body, read_runtime
from provisioner.cloud.transport.arm import Arm, short
from provisioner.errors import NotAuthorized, NotYetVisible, Unexpected, Unreachable
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provisioner.cloud.clients.data_factory.runtime import AirflowRuntime
    from provisioner.cloud.transport.session import Session
    from provisioner.secret import Secret

T = TypeVar("T")
FAILED_REMEDY = "Look at it in Data Factory Studio; delete it there if it cannot be started, and provision again."
VERSION = api_version("Microsoft.DataFactory")
# The caller itself lacks a right; waiting does not help.
CALLER_CODES = frozenset({"AuthorizationFailed", "LinkedAuthorizationFailed", "InvalidAuthenticationToken"})


class DataFactory:
    """Every method raises CloudError; ids are ARM resource ids."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)
        self._written: set[str] = set()

    def find_runtime(self, resource_id: str) -> AirflowRuntime | None:
        """https://learn.microsoft.com/rest/api/datafactory/integration-runtimes/get; once per pass."""
        return self._read_once_unless_written(resource_id, lambda: self.find_runtime_now(resource_id))

    def find_runtime_now(self, resource_id: str) -> AirflowRuntime | None:
        """As `find_runtime`, but always asks."""
        document = self._arm.find_now(resource_id, VERSION)
        return None if document is None else read_runtime(document)

    def list_runtimes(self, factory_id: str) -> tuple[AirflowRuntime, ...]:
        """https://learn.microsoft.com/rest/api/datafactory/integration-runtimes/list-by-factory; those of Airflow."""
        listed = self._arm.list_all(f"{factory_id}/integrationruntimes", VERSION)
        return tuple(read_runtime(one) for one in listed if one.get("properties", {}).get("type") == "Airflow")

    def set_runtime(
        self,
        resource_id: str,
        base: AirflowRuntime | None,
        *,
        variables: Mapping[str, Secret | None],
        requirements: Sequence[str],
        supplied: Mapping[str, Secret],
        airflow: Mapping[str, Any] | None = None,
        compute: Mapping[str, Any] | None = None,
    ) -> None:
        """PUT `base` with these keys changed. Raises Conflict (412) if the runtime has changed since `base` was read.

        https://learn.microsoft.com/rest/api/datafactory/integration-runtimes/create-or-update
        """
        edit = RuntimeEdit(
            variables=variables,
            requirements=requirements,
            supplied=supplied,
            airflow=airflow or {},
            compute=compute or {},
        )
        headers = {"If-Match": base.etag} if base and base.etag else {}
        self._written.add(resource_id.lower())
        self._arm.request("PUT", resource_id, VERSION, json=edited_body(base, edit), headers=headers)

    def await_runtime(self, resource_id: str) -> None:
        """Wait until it has started, which takes about half an hour. Raises NotYetVisible; Unexpected if it failed.

        https://learn.microsoft.com/azure/data-factory/how-does-workflow-orchestration-manager-work
        """

        def ready() -> bool:
            runtime = self.find_runtime_now(resource_id)
            if runtime is not None and runtime.failed:
                what = f"its state is {runtime.state}"
                raise Unexpected(operation=f"the start of {short(resource_id)}", message=what, remedy=FAILED_REMEDY)
            return runtime is not None and runtime.ready

        deadline = self._session.waits.limits.operation_seconds
        self._session.waits.until(ready, deadline_seconds=deadline, what=f"the start of {short(resource_id)}")

    def delete_runtime(self, resource_id: str) -> None:
        """https://learn.microsoft.com/rest/api/datafactory/integration-runtimes/delete; fine if gone."""
        self._written.add(resource_id.lower())
        self._arm.request("DELETE", resource_id, VERSION, missing_ok=True)

    def blob_endpoint(self, account: str) -> str:
        """The endpoint of an account for a linked service."""
        return f"https://{account}.{self._session.profile.blob_suffix}/"

    def find_linked_service(self, factory_id: str, name: str) -> LinkedService | None:
        """https://learn.microsoft.com/rest/api/datafactory/linked-services/get; once per pass."""
        resource_id = f"{factory_id}/linkedservices/{name}"
        return self._read_once_unless_written(resource_id, lambda: self._find_linked_service(resource_id))

    def linked_services(self, factory_id: str) -> tuple[LinkedService, ...]:
        """https://learn.microsoft.com/rest/api/datafactory/linked-services/list-by-factory."""
        path = f"{factory_id}/linkedservices"
        return tuple(read_linked_service(one) for one in self._arm.list_all(path, VERSION))

    def set_linked_service(self, factory_id: str, name: str, *, account: str, environment: str) -> None:
        """Create or update it: it signs in as the factory, has the owner tag, and keeps others' annotations.

        https://learn.microsoft.com/rest/api/datafactory/linked-services/create-or-update
        """
        resource_id = f"{factory_id}/linkedservices/{name}"
        self._written.add(resource_id.lower())
        service = self._find_linked_service(resource_id)
        body = document_with_identity(service, self.blob_endpoint(account), environment)
        headers = {"If-Match": service.etag} if service and service.etag else {}
        self._arm.request("PUT", resource_id, VERSION, json=body, headers=headers)

    def delete_linked_service(self, factory_id: str, name: str) -> None:
        """https://learn.microsoft.com/rest/api/datafactory/linked-services/delete; fine if gone."""
        resource_id = f"{factory_id}/linkedservices/{name}"
        self._written.add(resource_id.lower())
        self._arm.request("DELETE", resource_id, VERSION, missing_ok=True)

    def request_dag_import(
        self,
        factory_id: str,
        runtime: str,
        linked_service: str,
        folder: str,
        *,
        deadline_seconds: float,
    ) -> None:
        """Copy `dags/` of a folder (`container/folder`) into Airflow. The answer comes before the copy is done.

        If the factory may not read the container yet, ask again until its grant has arrived. Raises NotYetVisible.
        https://learn.microsoft.com/azure/data-factory/rest-apis-for-airflow-integrated-runtime#import-dags
        """
        body = {
            "IntegrationRuntimeName": runtime,
            "LinkedServiceName": linked_service,
            "StorageFolderPath": folder,
            "CopyFolderStructure": True,
            "Overwrite": True,
            "AddRequirementsFromFile": False,
        }

        def ask() -> None:
            try:
                self._sync(factory_id, body)
            except NotAuthorized as error:
                raise error if error.code in CALLER_CODES else _as_not_yet_visible(error) from error

        self._session.waits.until_visible(ask, what=f"the import into {runtime}", deadline_seconds=deadline_seconds)

    def _sync(self, factory_id: str, body: Mapping[str, Any]) -> None:
        """Start the import; once more if the answer is lost, since a second import does no harm."""
        try:
            self._arm.request("POST", f"{factory_id}/airflow/sync", VERSION, json=body)
        except Unreachable:
            self._arm.request("POST", f"{factory_id}/airflow/sync", VERSION, json=body)

    def _find_linked_service(self, resource_id: str) -> LinkedService | None:
        document = self._arm.find_now(resource_id, VERSION)
        return None if document is None else read_linked_service(document)

    def _read_once_unless_written(self, resource_id: str, fetch: Callable[[], T]) -> T:
        """Read once per pass; what this run wrote, each time."""
        key = resource_id.lower()
        return fetch() if key in self._written else self._session.reads.get(("data factory", key), fetch)


def _as_not_yet_visible(error: NotAuthorized) -> NotYetVisible:
    return NotYetVisible(
        operation=error.operation,
        status=error.status,
        code=error.code,
        message=error.message,
        request_id=error.request_id,
        remedy="Give the factory's identity Storage Blob Data Reader on the container; a new grant takes some minutes.",
    )
