"""The fixed ids of the local Azure's one tenant, and of the resources that a new tenant contains."""

from __future__ import annotations

TENANT_ID = "5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01"
SUBSCRIPTION_ID = "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02"
SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION_ID}"
REGION = "westeurope"

# Resources of a new tenant: a resource group with a Flink cluster, the cluster's identity, and a data factory.
SEEDED_GROUP = f"{SUBSCRIPTION}/resourceGroups/flink-platform"
SEEDED_IDENTITY = f"{SEEDED_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/flink-identity"
SEEDED_CLUSTER = f"{SEEDED_GROUP}/providers/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
SEEDED_FACTORY = f"{SEEDED_GROUP}/providers/Microsoft.DataFactory/factories/flink-factory-local"
OPERATOR_CLIENT_ID = "9d3c1e57-5f64-4c1e-8f0a-2b7d4e6a8c03"
OPERATOR_OBJECT_ID = "c2a7f0d9-1e5b-4b8a-9c3d-7f6e5d4c3b04"

# Part of every secret that the local Azure issues, so that one search finds any of them where it should not be.
# Letters only, so that of the usual encodings only base64 and hex change it.
SECRET_MARKER = "LocalAzureSecret"  # noqa: S105 - a part of secrets, and none itself
