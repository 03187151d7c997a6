"""The profiles of a cluster: their shape, and the identity with which the cluster uses the data lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.json_body import object_at, objects_at
from localazure.app.resource_manager import resources

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant


def check_profile(cluster: Document) -> None:
    """Raise 400 if the profiles of a cluster do not have the right shape."""
    profile = object_at(cluster, "properties", "clusterProfile")
    object_at(profile, "identityProfile")
    object_at(profile, "flinkProfile", "storage")
    objects_at(profile, "managedIdentityProfile", "identityList")
    object_at(cluster, "properties", "computeProfile")


def fill_in_identity(tenant: Tenant, cluster: Document) -> Document:
    """Add client and object ids of identities to a cluster's profile where it has only resource ids. Returns it."""
    profile = object_at(cluster, "properties", "clusterProfile")
    list_jobs = objects_at(profile, "managedIdentityProfile", "identityList")
    places = [(object_at(profile, "identityProfile"), "msiResourceId", "msiClientId", "msiObjectId")]
    places += [(item, "resourceId", "clientId", "objectId") for item in list_jobs]
    for place, resource_id, client_id, object_id in places:
        identity = resources.find(tenant, str(place.get(resource_id, ""))) if place else None
        if place and identity and not place.get(object_id):
            place[client_id] = identity["properties"]["clientId"]
            place[object_id] = identity["properties"]["principalId"]
    return cluster


def identity_object_id(cluster: Document) -> str:
    """Return the object id of a cluster's identity, from either of the profiles that may have it; empty if none has."""
    profile = object_at(cluster, "properties", "clusterProfile")
    identity_list = objects_at(profile, "managedIdentityProfile", "identityList")
    object_ids = (str(item.get("objectId", "")) for item in identity_list if item.get("type") in {"cluster", "user"})
    return str(object_at(profile, "identityProfile").get("msiObjectId") or next(object_ids, ""))
