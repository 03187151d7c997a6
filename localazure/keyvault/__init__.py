"""Azure Key Vault: vaults on Resource Manager and their secrets."""

from localazure.keyvault import arm_secrets, backup, management, secrets_api

SERVICES = (arm_secrets.SERVICE, backup.SERVICE, management.SERVICE, secrets_api.SERVICE)
