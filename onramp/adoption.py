"""How an API that is not ours can become ours: pure.

| case      | when                                                  | what is done              |
|-----------|-------------------------------------------------------|---------------------------|
| ours      | all of what follows has been done                     | nothing                   |
| mark      | it has the very id that ours would have               | our mark, described on it |
| replace   | it has the path that ours would have                  | move it aside, make ours  |
| resume    | it was moved aside, and something is still to be done | the rest                  |
| elsewhere | its path is none that ours would have                 | nothing: tell what to set |
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from shared.core.model import ActualResource
from shared.core.naming import api_id, unit_hash
from shared.core.outlook import Outlook
from shared.core.ownership import Mark, mark_of
from shared.core.plan import Action, Change, make_plan
from shared.core.resource_kinds import ResourceKind, kind_of, parent_of
from shared.core.surfaces import SURFACES

ASIDE = "--before-onramp"
_STANDING = frozenset({Action.KEEP, Action.UPDATE})


class Case(StrEnum):
    OURS = "ours"
    MARK = "mark"
    REPLACE = "replace"
    RESUME = "resume"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an API is to us.

    Attributes:
        path: Its own, without what was added when it was moved aside.
        ours: The resource path of the API of ours that it stands for; "" where there is none.
    """

    case: Case
    path: str
    ours: str = ""


def adoption(name: str, body: Mapping[str, Any], outlook: Outlook, *, owner: str) -> Adoption:
    """What the API called *name* is; whether nothing is left to resume, its products tell.

    Args:
        name: Its id.
        body: As ARM has it.
        outlook: On the account that it is to be of.
        owner: Whose marks are ours.
    """
    own, unit = f"apis/{name}", unit_hash(outlook.unit)
    path, mark = path_of(body), mark_of(body)
    is_ours = mark is not None and mark.is_of(owner, unit) and name.endswith(unit)
    wanted = wanted_apis(outlook)
    if is_ours and not marks(outlook, own, owner=owner):
        return Adoption(Case.OURS, path, own)
    if own in wanted:
        return Adoption(Case.MARK, path, own)
    was = path.removesuffix(ASIDE)
    for ours, there in wanted.items():
        if there.lower() == was.lower():
            return Adoption(Case.REPLACE if was == path else Case.RESUME, was, ours)
    return Adoption(Case.ELSEWHERE, path)


def wanted_apis(outlook: Outlook) -> dict[str, str]:
    """The path for clients of each API that the account is to have, by resource path."""
    return {
        it.path: path_of(it.body)
        for it in outlook.wanted.resources
        if kind_of(it.path) is ResourceKind.API
    }


def path_of(body: Mapping[str, Any]) -> str:
    return str((body.get("properties") or {}).get("path") or "")


def answers(outlook: Outlook, its: Adoption) -> bool:
    """Whether ours stands at the path, with all that it can't answer without."""
    stands = outlook.actual.resources.get(its.ours)
    needed = (it.action for it in outlook.plan if is_needed(it.path, its.ours))
    is_there = stands is not None and path_of(stands.body).lower() == its.path.lower()
    return is_there and all(it in _STANDING for it in needed)


def is_needed(path: str, ours: str) -> bool:
    """Whether our API *ours* can't answer without what is at *path*."""
    api = ours.partition("/")[2]
    return (
        path == ours
        or path.startswith((f"{ours}/policies", f"{ours}/operations"))
        or (path == f"backends/{api}-ai-endpoint")
    )


def chosen_products(outlook: Outlook, ours: str) -> tuple[str, ...]:
    """Those that onramp.yaml has our API in."""
    paths = (it.path.partition(f"/{ours}") for it in outlook.wanted.resources)
    return tuple(sorted(it[0].removeprefix("products/") for it in paths if it[1] and not it[2]))


def families_beside(outlook: Outlook, ours: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The client compatibilities that stand without *ours*, and our APIs that go with its own."""
    surfaces = {f"apis/{api_id(outlook.unit, it.name)}": it.family for it in SURFACES.values()}
    own = surfaces[ours]
    beside = [it for it in surfaces if it in outlook.actual.resources and it != ours]
    siblings = tuple(it.partition("/")[2] for it in beside if surfaces[it] == own)
    return frozenset(surfaces[it] for it in beside) - {own}, siblings


def marks(outlook: Outlook, ours: str, *, owner: str) -> dict[str, str]:
    """The descriptions that make the API ours, and its backend if somebody made that as well."""
    unit, token = outlook.unit, unit_hash(outlook.unit)
    made: dict[str, str] = {}
    for change in outlook.plan:
        if change.action is not Action.BLOCKED or change.actual is None:
            continue
        before = mark_of(change.actual.body)
        if before is not None and before.is_of(owner, token):  # something else is in its way
            continue
        account = unit.arm_id if change.kind is ResourceKind.BACKEND else ""
        if change.path == ours or change.path.startswith(f"backends/{ours.partition('/')[2]}-"):
            mark = Mark(owner, token, account=account)
            made[change.path] = marked(change.actual.body, mark)
    return made


def marked(body: Mapping[str, Any], mark: Mark) -> str:
    """The description with our mark; what people wrote stays."""
    text = str((body.get("properties") or {}).get("description") or "")
    return f"{text} {mark}".strip()


def plan_without_it(outlook: Outlook, ours: str, *, owner: str) -> tuple[Change, ...]:
    """What the next run would do once our marks stand, or the other is out of the way."""
    actual = dict(outlook.actual.resources)
    descriptions = marks(outlook, ours, owner=owner)
    for path, text in descriptions.items():
        actual[path] = _described(actual[path], text)
    plan = make_plan(outlook.wanted, actual, owner=owner, unit=unit_hash(outlook.unit))
    as_it_is = {
        it.path: it
        for it in outlook.plan
        if it.path not in descriptions and ours not in (it.path, parent_of(it.path))
    }
    return tuple(as_it_is.get(it.path, it) for it in plan)


def _described(item: ActualResource, text: str) -> ActualResource:
    properties = {**(item.body.get("properties") or {}), "description": text}
    return replace(item, body={**item.body, "properties": properties})


def snippet(account: str, path: str) -> str:
    """What to write into onramp.yaml for our API to have *path*, where that can be said."""
    suffixes = sorted((it.path_suffix for it in SURFACES.values()), key=len, reverse=True)
    for suffix in suffixes:
        base = path.removesuffix(f"/{suffix}")
        if base != path:
            return (
                "rules:\n"
                f"  - name: {account} keeps its path\n"
                f"    match: {{account: {account}}}\n"
                f"    set: {{path: {base}}}\n"
            )
    return ""
