"""Calls to Fabric's REST API for tests, as one caller sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

FABRIC = "https://api.fabric.microsoft.com"
WORKSPACE_ID = "7d1e5c40-2f6b-4a93-8c1d-5b0e9f3a7c21"
WORKSPACE = f"/v1/workspaces/{WORKSPACE_ID}"
JOBS = f"{WORKSPACE}/apacheAirflowJobs"
POOL: dict[str, Any] = {
    "name": "own",
    "nodeSize": "Large",
    "computeScalability": {"minNodeCount": 5, "maxNodeCount": 8},
    "apacheAirflowJobVersion": "1.0.0",
}


@dataclass(frozen=True, kw_only=True)
class Fabric:
    """Fabric, with a token of the operator or of somebody else."""

    azure: LocalAzure
    token: str = ""

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        token = self.token or self.azure.token(FABRIC)
        return self.azure.request(method, f"{FABRIC}{path}", body, token=token, headers=headers)

    def job(self, name: str = "airflow-dev", **more: Any) -> str:
        """The path of a new job."""
        created = self("POST", JOBS, {"displayName": name, **more})
        assert created.status == 201, created.body
        return f"{JOBS}/{created.json()['id']}"

    def started(self) -> str:
        """The path of a new job whose environment runs."""
        job = self.job()
        assert self("POST", f"{job}/environment/start?beta=true").status == 202
        return job

    def settings(self, **changes: Any) -> None:
        """Settings of the control endpoint."""
        self.azure.control("PUT", "/settings/fabric", changes)


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and code of an error."""
    body = answer.json()
    assert {"requestId", "errorCode", "message"} <= body.keys()
    return answer.status, body["errorCode"]
