"""Associations: products of APIs, tags of APIs, operations and products, groups of products.

Each is one link entity seen from two sides. ``tags/{t}/apiLinks/{l}`` is where it is kept;
``apis/{a}/tags/{t}`` is the older view of the same thing, without a body and without a link id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.arm.apim.call import Call, tail_name
from sandbox.arm.apim.entities import Draft, Kind, missing, page
from sandbox.arm.apim.validation import Field, invalid
from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Reply, check_if_match
from sandbox.arm.store import Entry
from sandbox.contracts import Json


@dataclass(frozen=True, slots=True)
class Association:
    """``owner`` keeps ``links``, whose ``field`` holds the id of what is linked."""

    owner: str  # collection of the service: tags
    links: str  # apiLinks
    field: str  # apiId
    target: str  # type of what is linked, below the service: apis, apis/operations
    view: str  # the older view: apis/tags
    shows: Literal["owner", "target"]  # what the view answers with


TAG_APIS = Association("tags", "apiLinks", "apiId", "apis", "apis/tags", "owner")
TAG_OPERATIONS = Association(
    "tags", "operationLinks", "operationId", "apis/operations", "apis/operations/tags", "owner"
)
TAG_PRODUCTS = Association(
    "tags", "productLinks", "productId", "products", "products/tags", "owner"
)
PRODUCT_APIS = Association("products", "apiLinks", "apiId", "apis", "products/apis", "target")
PRODUCT_GROUPS = Association(
    "products", "groupLinks", "groupId", "groups", "products/groups", "target"
)
ASSOCIATIONS = (TAG_APIS, TAG_OPERATIONS, TAG_PRODUCTS, PRODUCT_APIS, PRODUCT_GROUPS)
VIEWS: Mapping[str, Association] = {f"service/{a.view}": a for a in ASSOCIATIONS}


def link(call: Call, association: Association, owner: str, target: Entry) -> None:
    """Link if not yet linked."""
    if _find(call, association, owner, target.id) is None:
        name = _free_name(call, association, owner, target)
        path = call.at(f"{association.owner}/{owner}/{association.links}/{name}")
        call.put(path, {association.field: target.id})


def forget(call: Call, target: Entry) -> None:
    """Remove every link to something that was deleted, and to what lay below it."""
    below = f"{target.id}/".lower()
    for association in ASSOCIATIONS:
        for entry in call.everything(f"{association.owner}/{association.links}"):
            linked = f"{entry.body['properties'].get(association.field, '')}/".lower()
            if linked.startswith(below):
                call.context.store.delete(entry.id)


def link_kind(association: Association) -> Kind:
    """The link as an entity of its own: ``products/{p}/apiLinks/{l}``."""

    def prepare(draft: Draft) -> Draft:
        call = draft.call
        wanted = str(draft.properties[association.field])
        target = _resolve(call, wanted)
        if (
            target is None
            or target.type.partition("/")[2].lower() != f"service/{association.target}"
        ):
            raise invalid(association.field, "Entity with specified identifier not found")
        owner = call.path.pairs[1][1]
        other = _find(call, association, owner, target.id)
        if other is not None and other.id.lower() != call.path.key:
            # github.com/Azure/apiops-cli, isLinkAlreadyExistsError; the rest of it is UNVERIFIED
            raise ArmError(
                409,
                "Conflict",
                f"Link already exists between specified {association.owner.removesuffix('s')} "
                f"and {association.field.removesuffix('Id')}.",
                null_details=True,
            )
        return Draft(call, draft.existing, {association.field: target.id})

    return Kind(
        path=f"service/{association.owner}/{association.links}",
        label="Link",
        id_name=f"{association.links.removesuffix('s')}Id",
        fields=(Field(association.field, required=True, least=1),),
        prepare=prepare,
    )


def put_view(call: Call, association: Association, kinds: Mapping[str, Kind]) -> Reply:
    """PUT products/{p}/apis/{a} and its like: 201 when new, 200 when it was there."""
    owner, target = _sides(call, association)
    if owner is None:
        raise missing(kinds[f"service/{association.owner}"])
    if target is None:
        raise missing(kinds[f"service/{association.target}"])
    created = _find(call, association, owner.name, target.id) is None
    link(call, association, owner.name, target)
    shown = owner if association.shows == "owner" else target
    return Reply(201 if created else 200, _contract(call, shown), {"ETag": shown.etag})


def read_view(call: Call, association: Association, kinds: Mapping[str, Kind]) -> Reply:
    """GET shows the linked entity; HEAD of a product's APIs and groups answers 204 instead."""
    owner, target = _sides(call, association)
    if owner is None or target is None or not _find(call, association, owner.name, target.id):
        raise missing(kinds[f"service/{_shown(association)}"])
    shown = owner if association.shows == "owner" else target
    exists_only = call.request.method == "HEAD" and association.shows == "target"
    if exists_only:
        return Reply(204)
    return Reply(200, _contract(call, shown), {"ETag": shown.etag})


def delete_view(call: Call, association: Association) -> Reply:
    owner, target = _sides(call, association)
    found = _find(call, association, owner.name, target.id) if owner and target else None
    if found is None:
        return Reply(204)
    if "If-Match" in call.request.headers:
        check_if_match(call.request, owner)
    call.context.store.delete(found.id)
    return Reply(200)


def list_view(call: Call, association: Association) -> Reply:
    """GET apis/{a}/tags lists owners, GET products/{p}/apis lists targets."""
    if association.shows == "target":
        links = call.members(f"{association.owner}/{call.path.name}/{association.links}")
        shown = [_resolve(call, e.body["properties"][association.field]) for e in links]
    else:
        links = call.everything(f"{association.owner}/{association.links}")
        mine = [
            e for e in links if e.body["properties"][association.field].lower() == call.path.key
        ]
        shown = [call.find(association.owner, e.id.split("/")[-3]) for e in mine]
    return page(call, [_contract(call, e) for e in shown if e is not None])


def products_of(call: Call) -> Reply:
    """GET apis/{a}/products."""
    links = call.everything("products/apiLinks")
    mine = [e for e in links if e.body["properties"]["apiId"].lower() == call.path.key]
    shown = [call.find("products", e.id.split("/")[-3]) for e in mine]
    return page(call, [_plain(e) for e in shown if e is not None])


def _sides(call: Call, association: Association) -> tuple[Entry | None, Entry | None]:
    """Owner and target of a view's path."""
    last, parent = call.path.name, call.path.parent
    if association.shows == "owner":
        return call.find(association.owner, last), call.context.store.get(parent.id)
    return call.context.store.get(parent.id), call.find(association.target, last)


def _find(call: Call, association: Association, owner: str, target_id: str) -> Entry | None:
    for entry in call.members(f"{association.owner}/{owner}/{association.links}"):
        if entry.body["properties"][association.field].lower() == target_id.lower():
            return entry
    return None


def _free_name(call: Call, association: Association, owner: str, target: Entry) -> str:
    """Names of links made through the older view are the service's own (UNVERIFIED)."""
    taken = {e.name for e in call.members(f"{association.owner}/{owner}/{association.links}")}
    names = (f"{target.name}{suffix}" for suffix in ("", *(f"-{i}" for i in range(1, 1000))))
    return next(name for name in names if name not in taken)


def _resolve(call: Call, reference: str) -> Entry | None:
    """An id, full or relative to the service."""
    if reference.lower().startswith("/subscriptions/"):
        return call.context.store.get(reference)
    return call.context.store.get(f"{call.root.id}/{reference.strip('/')}")


def _shown(association: Association) -> str:
    return association.owner if association.shows == "owner" else association.target


def _contract(call: Call, shown: Entry) -> Json:
    """The entity under the id of the view."""
    base = (
        call.path if call.path.trailing is None else call.path.child(call.path.trailing, shown.name)
    )
    view: ResourcePath = base
    return {
        **_plain(shown),
        "id": view.id,
        "type": view.type,
    }


def _plain(entry: Entry) -> Json:
    body = entry.copy_body()
    return {
        "id": entry.id,
        "type": entry.type,
        "name": tail_name(entry.id),
        "properties": body["properties"],
    }
