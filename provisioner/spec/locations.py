"""Azure's locations as they were known when this version was made, for mistakes that are found offline.

Azure opens further ones, so a name that is like none of these is only noted; `doctor` asks Azure.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

# https://learn.microsoft.com/azure/reliability/regions-list
PUBLIC = """
australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth
brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral denmarkeast eastasia eastus eastus2
francecentral francesouth germanynorth germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest
jioindiacentral jioindiawest koreacentral koreasouth malaysiawest mexicocentral newzealandnorth northcentralus
northeurope norwayeast norwaywest polandcentral qatarcentral southafricanorth southafricawest southcentralus
southeastasia southindia spaincentral swedencentral swedensouth switzerlandnorth switzerlandwest uaecentral uaenorth
uksouth ukwest westcentralus westeurope westindia westus westus2 westus3
"""
# https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure
GOVERNMENT = "usdodcentral usdodeast usgovarizona usgoviowa usgovtexas usgovvirginia"
# https://learn.microsoft.com/azure/china/concepts-regions
CHINA = "chinaeast chinaeast2 chinaeast3 chinanorth chinanorth2 chinanorth3"
LOCATIONS = {"public": PUBLIC, "local": PUBLIC, "usgovernment": GOVERNMENT, "china": CHINA}
DISTINCT = re.compile("north|south|east|west|central|[0-9]+")
SIMILAR = 0.8


def is_known(cloud: str, location: str) -> bool:
    """Whether the cloud is known to have it."""
    return location in LOCATIONS[cloud].split()


def meant_location(cloud: str, location: str) -> str:
    """The location that was misspelt; empty for a known one, and for one that could be new."""
    if is_known(cloud, location):
        return ""
    parts = set(DISTINCT.findall(location))
    near = get_close_matches(location, LOCATIONS[cloud].split(), n=3, cutoff=SIMILAR)
    return next((one for one in near if parts <= set(DISTINCT.findall(one))), "")
