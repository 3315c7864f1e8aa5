"""The Tags API: ``{scope}/providers/Microsoft.Resources/tags/default``.

learn.microsoft.com/rest/api/resources/tags: PUT replaces all tags, PATCH has ``operation`` Replace,
Merge or Delete, DELETE removes all. Limits: learn.microsoft.com/azure/azure-resource-manager/
management/tag-resources#limitations.
"""

from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, Reply, Request, object_of
from sandbox.arm.store import Entry
from sandbox.contracts import Json

_MAX_TAGS, _MAX_NAME, _MAX_VALUE = 50, 512, 256


def handle(context: Context, request: Request) -> Reply:
    if request.path.name.lower() != "default":
        raise ArmError(
            404, "ResourceNotFound", f"The tags resource '{request.path.name}' was not found."
        )
    entry = context.store.get(request.path.scope)
    if entry is None:
        raise ArmError(
            404, "ResourceNotFound", f"The Resource '{request.path.scope}' was not found."
        )
    have: dict[str, str] = dict(entry.body.get("tags") or {})
    match request.method:
        case "GET":
            return Reply(body=_render(entry, have))
        case "PUT":
            new = _tags_of(request.json())
        case "PATCH":
            new = _patched(have, request.json())
        case "DELETE":
            new = {}
        case _:
            raise ArmError(405, "MethodNotAllowed", f"'{request.method}' is not supported on tags.")
    _write(context, entry, new)
    return Reply(body=None if request.method == "DELETE" else _render(entry, new), is_create=False)


def _patched(have: dict[str, str], body: Json) -> dict[str, str]:
    given = _tags_of(body)
    match str(body.get("operation", "")).lower():
        case "replace":
            return given
        case "merge":
            spelled = {name.lower(): name for name in have}
            return have | {spelled.get(name.lower(), name): given[name] for name in given}
        case "delete":
            gone = {name.lower() for name in given}
            return {name: value for name, value in have.items() if name.lower() not in gone}
        case other:
            raise ArmError(
                400, "InvalidTagsOperation", f"The tags operation '{other}' is not valid."
            )


def _tags_of(body: Json) -> dict[str, str]:
    given = object_of(object_of(body, "properties"), "tags")
    if len(given) > _MAX_TAGS:
        raise ArmError(400, "TooManyTags", f"The number of tags exceeds the limit of {_MAX_TAGS}.")
    for name, value in given.items():
        if len(name) > _MAX_NAME or len(str(value)) > _MAX_VALUE:
            raise ArmError(400, "InvalidTag", f"The tag '{name[:40]}' is too long.")
    return {name: str(value) for name, value in given.items()}


def _write(context: Context, entry: Entry, new: dict[str, str]) -> None:
    context.store.put(
        ResourcePath.parse(entry.id), {**entry.body, "tags": new}, now=context.clock()
    )


def _render(entry: Entry, current: dict[str, str]) -> Json:
    return {
        "id": f"{entry.id}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": current},
    }
