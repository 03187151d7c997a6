"""The settings that Airflow gets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.environment_files import loaded
from tests.render.settings import VAULT, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.secret import Secret


def text(value: str | Secret) -> str:
    assert isinstance(value, str)
    return value


def test_airflow_is_told_how_to_read_the_vault(tmp_path: Path) -> None:
    airflow = "{factory: fff, runtime: rrr, connections_prefix: a_b, requirements: [rich==13]}"
    settings = settings_of(loaded(tmp_path, airflow=airflow), tenant_id="t", client_id="c")
    assert text(settings.overrides["AIRFLOW__SECRETS__BACKEND"]).endswith("key_vault.AzureKeyVaultBackend")
    kwargs = json.loads(text(settings.overrides["AIRFLOW__SECRETS__BACKEND_KWARGS"]))
    assert kwargs == {"connections_prefix": "a_b", "variables_prefix": "hdinsight-aks-variables", "vault_url": VAULT}
    assert settings.environment == {"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t"}
    assert settings.requirements == ("apache-airflow-providers-microsoft-azure==10.0.0", "rich==13")


def test_what_only_a_run_knows_is_shown_as_such_and_another_cloud_names_its_authority(tmp_path: Path) -> None:
    settings = settings_of(loaded(tmp_path), login="https://login.microsoftonline.us")
    assert settings.environment == {
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us",
        "AZURE_CLIENT_ID": "(known after apply)",
        "AZURE_TENANT_ID": "(known after apply)",
    }


def test_settings_of_the_spec_stay_secret(tmp_path: Path) -> None:
    airflow = "{factory: fff, runtime: rrr, overrides: {AIRFLOW__CORE__PARALLELISM: 64}, environment: {TOKEN: s3cret}}"
    settings = settings_of(loaded(tmp_path, airflow=airflow))
    assert f"{settings.overrides['AIRFLOW__CORE__PARALLELISM']} {settings.environment['TOKEN']}" == "(secret) (secret)"
