"""The path of an API is its own in a gateway: what another API has, ours can't get. Pure.

API Management says so only when the API is written: 400 "Cannot create API 'X' with the same Path
'P' as API 'Y' unless it's a part of the same version set" (Azure/azure-powershell#11027,
Azure/apiops#712). Ours are in no version set. An API's revisions share its path.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shared.core.model import ActualResource, Json
from shared.core.ownership import mark_of
from shared.core.plan import Action, Change
from shared.core.resource_kinds import ResourceKind, parent_of

_MAKES = frozenset({Action.CREATE, Action.UPDATE})


def new_paths(plan: Sequence[Change]) -> Mapping[str, str]:
    """By API, the path for clients that *plan* gives it and that it has not yet."""
    wanted = (
        (change, _path(change.desired.body))
        for change in plan
        if change.kind is ResourceKind.API and change.action in _MAKES and change.desired
    )
    return {
        change.path: path
        for change, path in wanted
        if change.actual is None or not has_path(change.actual.body, path)
    }


def without_taken(
    plan: Sequence[Change], holders: Iterable[ActualResource], *, owner: str, unit: str
) -> tuple[Change, ...]:
    """*plan*, with what it would write of an API whose path is taken blocked, and why.

    Args:
        plan: In its order, which stays.
        holders: APIs that stand where the plan's new ones should.
        owner: The name in the owner marks that are ours.
        unit: The hash of the unit in the owner marks that are ours.
    """
    why = {
        api: _words(path, holder, owner)
        for api, path in new_paths(plan).items()
        for holder in sorted(holders, key=lambda it: it.path, reverse=True)  # the first one's stays
        if has_path(holder.body, path) and not _is_own(holder, owner, unit)
    }
    return tuple(_blocked(change, why) for change in plan)


def has_path(body: Json, path: str) -> bool:
    """Whether clients reach the API at *path*; that case is no difference is UNVERIFIED."""
    return _path(body).strip("/").lower() == path.strip("/").lower()


def _path(body: Json) -> str:
    return str((body.get("properties") or {}).get("path") or "")


def _is_own(api: ActualResource, owner: str, unit: str) -> bool:
    mark = mark_of(api.body)
    return mark is not None and mark.is_of(owner, unit)


def _blocked(change: Change, why: Mapping[str, str]) -> Change:
    reason = why.get(parent_of(change.path) or change.path)
    if not reason or change.action not in _MAKES:
        return change
    return replace(change, action=Action.BLOCKED, reason=reason, drift=())


def _words(path: str, holder: ActualResource, owner: str) -> str:
    taken = f"path {path} is taken by API {holder.path.partition('/')[2]}"
    mark = mark_of(holder.body)
    if mark is None:
        return f"{taken} (adopt takes it over)"
    whose = "another account" if mark.owner == owner else f"the installation {mark.owner}"
    return f"{taken} of {whose}: give one of them another path in onramp.yaml"
