"""What Data Factory's portal and `az datafactory` ask of a factory besides its contents.

https://learn.microsoft.com/rest/api/datafactory/exposure-control and …/factories/get-data-plane-access
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.json_body import objects_at
from localazure.app.resource_manager import groups, regions
from localazure.app.resource_manager.services import arm_service
from localazure.app.secret_marker import SECRET_MARKER

if TYPE_CHECKING:
    from localazure.app.call import Call

FACTORY = "Microsoft.DataFactory/factories"
SERVICE = arm_service(
    "data factory actions",
    r".*/providers/Microsoft\.DataFactory/factories/[^/]+/(queryFeaturesValue|getDataPlaneAccess)/?",
    ("2018-06-01",),
)
_FACTORY = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"
_POLICY = ("permissions", "accessResourcePath", "profileName", "startTime", "expireTime")


@SERVICE.route("POST", _FACTORY + "/queryFeaturesValue", action=f"{FACTORY}/queryFeaturesValue/action")
def query_features(call: Call) -> Reply:
    """Show which features are on: none."""
    groups.require_resource(call, FACTORY, call.params["factory"])
    features = objects_at(call.json(), "exposureControlRequests")
    values = [{"featureName": feature.get("featureName"), "value": "False"} for feature in features]
    return Reply(body={"exposureControlResponses": values})


@SERVICE.route("POST", _FACTORY + "/getDataPlaneAccess", action=f"{FACTORY}/getDataPlaneAccess/action")
def get_data_plane_access(call: Call) -> Reply:
    """Hand out the address of the data plane, which nothing answers here, and a token for it; recorded with az."""
    factory, body = groups.require_resource(call, FACTORY, call.params["factory"]), call.json()
    region = regions.short_location(factory["location"])
    return Reply(
        body={
            "policy": {name: body[name] for name in _POLICY if name in body},
            "dataPlaneUrl": f"https://dp{region}.svc.datafactory.azure.com/dataplane",
            "accessToken": f"{SECRET_MARKER}{call.tenant.clock.new_id()}",
        }
    )
