"""Azure Key Vault: vaults on Resource Manager and their secrets."""

from localazure.keyvault import backup, management, secrets_api

SERVICES = (backup.SERVICE, management.SERVICE, secrets_api.SERVICE)
