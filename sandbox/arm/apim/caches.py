"""External caches, which the semantic cache policies need.

Fields and lengths: azure-rest-api-specs, Microsoft.ApiManagement 2024-05-01.
"""

from dataclasses import replace

from sandbox.arm.apim.entities import Draft, Kind
from sandbox.arm.apim.validation import Field, invalid
from sandbox.arm.dispatch import LOCATIONS


def _cache(draft: Draft) -> Draft:
    """For "default" or a region (CacheContract: "either 'default' or valid Azure region").

    That the connection string is shown as the reference of a named value, that a location has one
    cache, and the texts are UNVERIFIED.
    """
    call, properties = draft.call, dict(draft.properties)
    place = properties["useFromLocation"].lower().replace(" ", "")
    if place != "default" and place not in LOCATIONS:
        raise invalid("useFromLocation", f"'{properties['useFromLocation']}' is no Azure region.")
    others = (e for e in call.members("caches") if e.name.lower() != call.path.name.lower())
    if any(e.body["properties"]["useFromLocation"].lower() == place for e in others):
        raise invalid("useFromLocation", "There is a cache for this location already.")
    secret = properties.pop("connectionString")
    shown = {"connectionString": "{{Cache-Credentials}}", "useFromLocation": place}
    return replace(draft, properties=properties | shown, hidden={"connectionString": secret})


CACHES = Kind(
    "service/caches",
    "Cache",
    "cacheId",
    (
        Field("connectionString", required=True, least=1, most=300),
        Field("useFromLocation", required=True, least=1, most=256),
        Field("description", most=2000),
        Field("resourceId", most=2000),
    ),
    prepare=_cache,
)
