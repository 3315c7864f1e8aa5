"""A request path taken apart into the parts of an ARM resource id.

Shapes read here (learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
and .../templates/template-functions-resource#resourceid):

    /subscriptions/{s}[/resourceGroups/{g}]                       -> namespace Microsoft.Resources
    {scope}/providers/{namespace}/{type}/{name}[/{type}/{name}]   -> a resource
    {scope}/providers/{namespace}/{type}                          -> trailing = {type}: a list
    {resource}/{action}                                           -> trailing = {action}: a POST

The scope may itself be a resource: the last ``/providers/`` decides (extension resources).
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

RESOURCES = "Microsoft.Resources"
_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)


def segments(raw_path: str) -> tuple[str, ...]:
    """Split and decode a path as an HTTP front door does: dot segments are resolved.

    ``%2E`` counts as a dot (url.spec.whatwg.org "double-dot URL path segment"), so an id ``..``
    reaches the collection above it. ``%2F`` stays inside its segment, still encoded.
    """
    out: list[str] = []
    for raw in raw_path.split("?", 1)[0].split("/"):
        segment = unquote(_ENCODED_SLASH.sub("%252F", raw))
        match segment:
            case "" | ".":  # an empty segment comes from a base URL that ends in a slash
                continue
            case "..":
                out[-1:] = []
            case _:
                out.append(segment)
    return tuple(out)


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """Equality is by value; compare resources by ``key``: ids are case-insensitive."""

    scope: str  # "" for the tenant, else "/subscriptions/..." in the casing of the request
    namespace: str  # "Microsoft.Resources" when the path has no /providers/
    pairs: tuple[tuple[str, str], ...]
    trailing: str | None = None  # a collection, or the action of a POST
    explicit_provider: bool = True  # False: the path has no /providers/ segment

    @classmethod
    def parse(cls, raw_path: str) -> "ResourcePath":
        parts = segments(raw_path)
        split = _last_provider(parts)
        if split is None:
            pairs, trailing = _pair(parts)
            return cls("", RESOURCES, pairs, trailing, explicit_provider=False)
        scope = "".join(f"/{part}" for part in parts[:split])
        pairs, trailing = _pair(parts[split + 2 :])
        return cls(scope, parts[split + 1], pairs, trailing)

    @property
    def id(self) -> str:
        """The id of the resource addressed, without the trailing collection or action."""
        provider = f"/providers/{self.namespace}" if self.explicit_provider else ""
        tail = "".join(f"/{kind}/{name}" for kind, name in self.pairs)
        return f"{self.scope}{provider}{tail}"

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def path(self) -> str:
        """The whole decoded path, trailing part included."""
        return f"{self.id}/{self.trailing}" if self.trailing else self.id

    @property
    def url_path(self) -> str:
        """``path`` percent-encoded for use in a URL."""
        return quote(self.path, safe="/;=@:$!'()*,%")

    @property
    def type(self) -> str:
        """Full type of the resource, such as ``Microsoft.CognitiveServices/accounts``."""
        return "/".join((self.namespace, *(kind for kind, _ in self.pairs)))

    @property
    def collection_type(self) -> str:
        """Full type of what a trailing collection lists."""
        return f"{self.type}/{self.trailing}"

    @property
    def types(self) -> tuple[str, ...]:
        """Type segments without the namespace, lower-cased, trailing part excluded."""
        return tuple(kind.lower() for kind, _ in self.pairs)

    @property
    def name(self) -> str:
        return self.pairs[-1][1] if self.pairs else ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.pairs)

    @property
    def parent(self) -> "ResourcePath":
        return replace(self, pairs=self.pairs[:-1], trailing=None)

    @property
    def subscription(self) -> str | None:
        return self._from_root("subscriptions", 0)

    @property
    def resource_group(self) -> str | None:
        return self._from_root("resourcegroups", 2)

    @property
    def is_extension(self) -> bool:
        """True when the scope is a resource of a provider itself."""
        return "/providers/" in f"{self.scope.lower()}/"

    def name_of(self, kind: str) -> str | None:
        """Name paired with a type segment, case-insensitive: ``name_of("accounts")``."""
        return next((name for have, name in self.pairs if have.lower() == kind.lower()), None)

    def child(self, kind: str, name: str) -> "ResourcePath":
        return replace(self, pairs=(*self.pairs, (kind, name)), trailing=None)

    def _from_root(self, kind: str, index: int) -> str | None:
        parts = (self.scope or ("" if self.explicit_provider else self.id)).split("/")[1:]
        if len(parts) > index + 1 and parts[index].lower() == kind:
            return parts[index + 1]
        return None


def _last_provider(parts: tuple[str, ...]) -> int | None:
    """Index of the last ``providers`` segment that is followed by a namespace.

    Provider types and names are skipped pair by pair, so that an API called "providers" is a name.
    """
    found: int | None = None
    index = 0
    while index + 1 < len(parts):
        if parts[index].lower() == "providers":
            found = index
        index += 2
    return found


def _pair(parts: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], str | None]:
    whole = len(parts) // 2 * 2
    pairs = tuple(zip(parts[0:whole:2], parts[1:whole:2], strict=True))
    return pairs, parts[whole] if whole < len(parts) else None
