"""The provider Microsoft.ApiManagement: which answer belongs to which type and method."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from sandbox.arm.apim import absent, entities
from sandbox.arm.apim.apis import APIS, check_unlocked, delete_api, patch_api, put_api
from sandbox.arm.apim.backends import BACKENDS, reconnect
from sandbox.arm.apim.caches import CACHES
from sandbox.arm.apim.call import ApimOptions, Call
from sandbox.arm.apim.entities import Kind
from sandbox.arm.apim.links import (
    ASSOCIATIONS,
    VIEWS,
    delete_view,
    link_kind,
    list_view,
    products_of,
    put_view,
    read_view,
)
from sandbox.arm.apim.loggers import LOGGING_KINDS
from sandbox.arm.apim.named_values import NAMED_VALUES, list_value, refresh_secret
from sandbox.arm.apim.operations import OPERATIONS
from sandbox.arm.apim.policy_entities import FRAGMENTS, POLICY_KINDS, list_references
from sandbox.arm.apim.products import PRODUCTS
from sandbox.arm.apim.revisions import RELEASES, list_revisions, resolve
from sandbox.arm.apim.service import (
    check_name,
    check_ready,
    delete_service,
    list_services,
    patch_service,
    put_service,
    read_service,
    seed,
)
from sandbox.arm.apim.simple_entities import SIMPLE_KINDS
from sandbox.arm.apim.subscriptions import (
    SUBSCRIPTIONS,
    list_of_product,
    list_of_user,
    list_secrets,
    regenerate_primary,
    regenerate_secondary,
)
from sandbox.arm.errors import ArmError
from sandbox.arm.provider import Context, Reply, Request

type Action = Callable[[Call], Reply]

# Older ones were retired: learn.microsoft.com/azure/api-management/breaking-changes/
# api-version-retirement-sep-2023
API_VERSIONS = (
    "2021-08-01",
    "2021-12-01-preview",
    "2022-04-01-preview",
    "2022-08-01",
    "2022-09-01-preview",
    "2023-03-01-preview",
    "2023-05-01-preview",
    "2023-09-01-preview",
    "2024-05-01",
    "2024-06-01-preview",
    "2024-10-01-preview",
    "2025-03-01-preview",
    "2025-09-01-preview",
)

_KINDS: Mapping[str, Kind] = {
    kind.path.lower(): kind
    for kind in (
        APIS,
        OPERATIONS,
        RELEASES,
        BACKENDS,
        NAMED_VALUES,
        FRAGMENTS,
        PRODUCTS,
        SUBSCRIPTIONS,
        *POLICY_KINDS,
        CACHES,
        *LOGGING_KINDS,
        *SIMPLE_KINDS,
        *(link_kind(association) for association in ASSOCIATIONS),
    )
}
_LISTS: Mapping[str, Action] = {
    "service/apis/revisions": list_revisions,
    "service/apis/products": products_of,
    "service/products/subscriptions": list_of_product,
    "service/users/subscriptions": list_of_user,
}
_ACTIONS: Mapping[str, Action] = {
    "service/policyfragments/listreferences": list_references,
    "service/backends/reconnect": reconnect,
    "service/namedvalues/listvalue": list_value,
    "service/namedvalues/refreshsecret": refresh_secret,
    "service/subscriptions/listsecrets": list_secrets,
    "service/subscriptions/regenerateprimarykey": regenerate_primary,
    "service/subscriptions/regeneratesecondarykey": regenerate_secondary,
}
_SERVICE: Mapping[str, Action] = {
    "GET": read_service,
    "HEAD": read_service,
    "PUT": put_service,
    "PATCH": patch_service,
    "DELETE": delete_service,
}
_APIS: Mapping[str, Action] = {"PUT": put_api, "PATCH": patch_api, "DELETE": delete_api}
_READS = ("GET", "HEAD")
_NO_PATCH = frozenset(
    {kind.path.lower() for kind in (*POLICY_KINDS, FRAGMENTS)} | {"service/apis/schemas"}
)
_NAME_CHECK = "checkNameAvailability"


class ApimProvider:
    """API Management as a resource provider of the local Resource Manager."""

    def __init__(self, context: Context, options: ApimOptions | None = None) -> None:
        self._context = context
        self._options = options or ApimOptions()

    @property
    def namespace(self) -> Literal["Microsoft.ApiManagement"]:
        return "Microsoft.ApiManagement"

    @property
    def resource_types(self) -> Mapping[str, Sequence[str]]:
        views = (f"service/{association.view}" for association in ASSOCIATIONS)
        kinds = (kind.path for kind in _KINDS.values())
        paths = ("service", *kinds, *views, *_LISTS, *absent.TYPES, _NAME_CHECK)
        return dict.fromkeys(paths, API_VERSIONS)

    def handle(self, request: Request) -> Reply:
        path = request.path
        trailing = (path.trailing or "").lower()
        if not path.pairs:
            if request.method == "POST" and trailing == _NAME_CHECK.lower():
                return check_name(request, self._context.store)
            if request.method == "GET" and trailing == "service":
                return list_services(request, self._context.store)
            if (none := absent.subscription_list(request)) is not None:
                return none
            raise _not_allowed(request)
        call = Call(request, resolve(path, self._context), self._context, self._options)
        if path.types == ("service",) and not trailing:
            return _chosen(_SERVICE, call)(call)
        absent.refuse_workspaces(call)
        if call.context.store.get(call.root.id) is None:
            return read_service(call)
        seed(call)
        if request.method not in _READS and request.method != "POST":
            check_ready(call)
            check_unlocked(call)
        return self._entity(call, "/".join(path.types), trailing)

    def _entity(self, call: Call, type_path: str, trailing: str) -> Reply:
        method = call.request.method
        whole = f"{type_path}/{trailing}" if trailing else type_path
        if absent.is_absent(whole):
            return absent.answer(call)
        if method == "POST":
            return _chosen(_ACTIONS, call, whole)(call)
        if trailing:
            return _list(call, whole)
        if whole in VIEWS:
            return _view(call, whole)
        kind = _KINDS.get(whole)
        if kind is None or (method == "PATCH" and whole in _NO_PATCH):
            raise _not_allowed(call.request)
        if kind is APIS and method in _APIS:
            return _APIS[method](call)
        if method == "PUT":
            _check_parent(call)
        return _crud(method)(call, kind)


def _crud(method: str) -> Callable[[Call, Kind], Reply]:
    return {
        "GET": entities.read,
        "HEAD": entities.read,
        "PUT": entities.put,
        "PATCH": entities.patch,
        "DELETE": entities.delete,
    }[method]


def _view(call: Call, whole: str) -> Reply:
    association = VIEWS[whole]
    match call.request.method:
        case "PUT":
            return put_view(call, association, _KINDS)
        case "DELETE":
            return delete_view(call, association)
        case "GET" | "HEAD":
            return read_view(call, association, _KINDS)
        case _:
            raise _not_allowed(call.request)


def _list(call: Call, whole: str) -> Reply:
    if call.request.method != "GET":
        raise _not_allowed(call.request)
    _check_parent_exists(call)
    if whole in _LISTS:
        return _LISTS[whole](call)
    if whole in VIEWS:
        return list_view(call, VIEWS[whole])
    kind = _KINDS.get(whole)
    if kind is None:
        raise _not_allowed(call.request)
    return entities.listed(call, kind, call.context.store.members(f"{call.path.id}/{_last(whole)}"))


def _check_parent(call: Call) -> None:
    """Policies have their own words for this; see policy_entities."""
    if call.path.types[-1] != "policies" and len(call.path.pairs) > 2 and call.parent is None:
        raise entities.missing(_KINDS["/".join(call.path.types[:-1])])


def _check_parent_exists(call: Call) -> None:
    if len(call.path.pairs) > 1 and call.entry is None:
        raise entities.missing(_KINDS["/".join(call.path.types)])


def _chosen(table: Mapping[str, Action], call: Call, key: str | None = None) -> Action:
    action = table.get(key if key is not None else call.request.method)
    if action is None:
        raise _not_allowed(call.request)
    return action


def _last(type_path: str) -> str:
    return type_path.rsplit("/", 1)[-1]


def _not_allowed(request: Request) -> ArmError:
    return ArmError(
        405,
        "MethodNotAllowed",
        f"The method {request.method} is not supported on '{request.path.path}'.",
    )
