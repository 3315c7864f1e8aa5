"""What must hold between the APIs of a service: paths, versions, key names."""

from collections.abc import Mapping

from sandbox.arm.apim.call import Call, tail_name
from sandbox.arm.apim.entities import Draft
from sandbox.arm.apim.revisions import split
from sandbox.arm.apim.shapes import mapping
from sandbox.arm.apim.validation import invalid
from sandbox.contracts import Json

_DEFAULT_KEYS = {"header": "Ocp-Apim-Subscription-Key", "query": "subscription-key"}
# In no specification; Microsoft's sample writes it with this api-version on purpose
# (Azure-Samples/AI-Gateway, modules/apim/v3/inference-api.bicep). That older ones drop it without a
# word is UNVERIFIED, and how an API that has it looks through them too.
_BEARER_SINCE = "2025-03-01-preview"


def key_names(draft: Draft) -> Json:
    """Where clients send their key: the given names over the defaults, unknown members dropped."""
    call = draft.call
    given = mapping(draft.properties.get("subscriptionKeyParameterNames"))
    bearer = given.get("bearer")
    if call.request.api_version < _BEARER_SINCE:
        before = mapping(draft.before.get("subscriptionKeyParameterNames"))
        bearer = before.get("bearer") if call.request.method == "PATCH" else None
    for name in ("header", "query", "bearer"):
        if not isinstance(given.get(name, ""), str):
            raise invalid("subscriptionKeyParameterNames", f"'{name}' must be a string.")
    if bearer not in (None, "enabled", "disabled"):
        # "enabled" is all that was ever seen; values and text UNVERIFIED.
        raise invalid("subscriptionKeyParameterNames", f"Invalid value '{bearer}' of 'bearer'.")
    named = {name: given[name] for name in ("header", "query") if given.get(name)}
    return {**_DEFAULT_KEYS, **named, **({"bearer": bearer} if bearer else {})}


def shown_key_names(call: Call, properties: Json) -> Json:
    names = mapping(properties.get("subscriptionKeyParameterNames"))
    if "bearer" not in names or call.request.api_version >= _BEARER_SINCE:
        return properties
    plain = {name: value for name, value in names.items() if name != "bearer"}
    return {**properties, "subscriptionKeyParameterNames": plain}


def check_path(call: Call, properties: Json) -> None:
    """Azure/azure-powershell#11027, Azure/apiops#343; the empty path counts."""
    base = split(call.path.name)[0].lower()
    for other in call.members("apis"):
        theirs = other.body["properties"]
        if split(other.name)[0].lower() == base or not theirs["isCurrent"]:
            continue
        same_set = set_id(theirs) is not None and set_id(theirs) == set_id(properties)
        if theirs["path"].lower() == properties["path"].lower() and not same_set:
            name = call.path.name
            raise invalid(
                "path",
                f"Cannot create API '{name}' with the same Path '{properties['path']}' as API "
                f"'{other.name}' unless it's a part of the same version set",
            )


def check_versions(call: Call, properties: Json) -> None:
    wanted = set_id(properties)
    version = properties.get("apiVersion")
    if wanted is None:
        if version:
            # text UNVERIFIED
            raise invalid("apiVersionSetId", "'apiVersionSetId' is required with 'apiVersion'.")
        return
    version_set = call.find("apiVersionSets", wanted)
    if version_set is None:
        raise invalid("apiVersionSetId", "ApiVersionSet not found.")  # text UNVERIFIED
    properties["apiVersionSetId"] = version_set.id
    base = split(call.path.name)[0].lower()
    for other in call.members("apis"):
        theirs = other.body["properties"]
        foreign = split(other.name)[0].lower() != base and set_id(theirs) == wanted
        if foreign and theirs.get("apiVersion") == version:
            # Azure/azure-cli#28908
            raise invalid("apiVersion", f"API with specified version '{version}' already exists")


def set_id(properties: Mapping[str, object]) -> str | None:
    value = properties.get("apiVersionSetId")
    return tail_name(str(value)).lower() if value else None
