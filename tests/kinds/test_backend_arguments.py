"""How a plan shows that the arguments of Airflow's secrets backend change: what is declared, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds import fabric_environment
from provisioner.secret import Secret
from tests.kinds import fabric
from tests.kinds.azure_setup import put
from tests.kinds.factories import VERSION, create, example, runtime_id, stands
from tests.kinds.test_airflow_runtime import shown
from tests.kinds.test_fabric_environment import KWARGS, declare

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def test_arguments_of_the_secrets_backend_of_a_runtime_are_shown_as_a_unified_diff(
    cloud: Cloud, azure: LocalAzure
) -> None:
    first = example(azure, overrides={KWARGS: '{"variables_prefix": "one", "vault_url": "https://kv"}'})
    create(cloud, first)
    body = {"properties": stands(azure)}
    settings = body["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
    settings[KWARGS] = '{"connections_prefix": "theirs", "variables_prefix": "one", "vault_url": "https://kv"}'
    put(azure, runtime_id(azure), VERSION, body)

    second = example(azure, overrides={KWARGS: '{"variables_prefix": "two", "vault_url": "https://kv"}'})

    assert shown(cloud, second)[KWARGS].diff.splitlines() == [
        f"--- {KWARGS} (Azure)",
        f"+++ {KWARGS} (file)",
        "@@ -1,3 +1,2 @@",
        '-connections_prefix: "(secret)"',
        '-variables_prefix: "one"',
        '+variables_prefix: "two"',
        ' vault_url: "https://kv"',
    ]
    hidden = example(azure, overrides={KWARGS: Secret('{"variables_prefix": "two"}')})
    assert shown(cloud, hidden)[KWARGS].diff == ""
    settings[KWARGS] = "no JSON"
    put(azure, runtime_id(azure), VERSION, body)
    assert shown(cloud, second)[KWARGS].diff == ""


def test_arguments_of_the_secrets_backend_of_a_fabric_job_are_shown_as_a_unified_diff_without_the_secret(
    cloud: Cloud, azure: LocalAzure
) -> None:
    assert fabric_environment.KIND.create is not None
    fabric_environment.KIND.create(cloud, declare(azure))
    arguments = {"vault_url": "https://kv-two.vault.azure.net/", "tenant_id": "the-tenant"}
    observed = fabric.read(cloud, fabric_environment.KIND, declare(azure))

    (change,) = fabric_environment.KIND.diff(declare(azure, arguments=arguments), observed, fabric.view(cloud))

    assert change.diff.splitlines() == [
        f"--- {KWARGS} (Azure)",
        f"+++ {KWARGS} (file)",
        "@@ -1,3 +1,3 @@",
        ' client_id: "the-client"',
        ' tenant_id: "the-tenant"',
        '-vault_url: "https://kv.vault.azure.net/"',
        '+vault_url: "https://kv-two.vault.azure.net/"',
    ]
    assert (change.before, change.after) == ("(secret)", "(secret)")
