"""How an API that is not ours can become ours: pure.

| case      | when                                                  | what is done              |
|-----------|-------------------------------------------------------|---------------------------|
| ours      | it has our mark, or ours stands where it stood        | nothing                   |
| mark      | it has the very id that ours would have               | our mark, described on it |
| replace   | it has the path that ours would have                  | move it aside, make ours  |
| resume    | it was moved aside, and ours does not stand there yet | make ours                 |
| elsewhere | its path is none that ours would have                 | nothing: tell what to set |
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from shared.core.model import ActualResource
from shared.core.naming import unit_hash
from shared.core.outlook import Outlook
from shared.core.ownership import Mark, mark_of
from shared.core.plan import Action, Change, make_plan
from shared.core.resource_kinds import ResourceKind, kind_of
from shared.core.surfaces import SURFACES

ASIDE = "--before-onramp"


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
    """What the API called *name* is.

    Args:
        name: Its id.
        body: As ARM has it.
        outlook: On the account that it is to be of.
        owner: Whose marks are ours.
    """
    own, unit = f"apis/{name}", unit_hash(outlook.unit)
    path = str((body.get("properties") or {}).get("path") or "")
    mark = mark_of(body)
    if mark is not None and mark.is_of(owner, unit) and name.endswith(unit):
        return Adoption(Case.OURS, path, own)
    wanted = wanted_apis(outlook)
    if own in wanted:
        return Adoption(Case.MARK, path, own)
    was = path.removesuffix(ASIDE)
    for ours, there in wanted.items():
        if there.lower() != was.lower():
            continue
        if was == path:
            return Adoption(Case.REPLACE, path, ours)
        stands = not any(it.path == ours and it.action is Action.CREATE for it in outlook.plan)
        return Adoption(Case.OURS if stands else Case.RESUME, was, ours)
    return Adoption(Case.ELSEWHERE, path)


def wanted_apis(outlook: Outlook) -> dict[str, str]:
    """The path for clients of each API that the account is to have, by resource path."""
    return {
        it.path: str(it.body["properties"]["path"])
        for it in outlook.wanted.resources
        if kind_of(it.path) is ResourceKind.API
    }


def marks(outlook: Outlook, ours: str, *, owner: str) -> dict[str, str]:
    """The descriptions that make the API ours, and its backend if somebody made that as well."""
    unit = outlook.unit
    made: dict[str, str] = {}
    for change in outlook.plan:
        if change.action is not Action.BLOCKED or change.actual is None:
            continue
        account = unit.arm_id if change.kind is ResourceKind.BACKEND else ""
        if change.path == ours or change.path.startswith(f"backends/{ours.partition('/')[2]}-"):
            mark = Mark(owner, unit_hash(unit), account=account)
            made[change.path] = marked(change.actual.body, mark)
    return made


def marked(body: Mapping[str, Any], mark: Mark) -> str:
    """The description with our mark; what people wrote stays."""
    text = str((body.get("properties") or {}).get("description") or "")
    return f"{text} {mark}".strip()


def plan_when_marked(
    outlook: Outlook, descriptions: Mapping[str, str], *, owner: str
) -> tuple[Change, ...]:
    """What the next run would do once the marks stand."""
    actual = dict(outlook.actual.resources)
    for path, text in descriptions.items():
        actual[path] = _described(actual[path], text)
    return make_plan(outlook.wanted, actual, owner=owner, unit=unit_hash(outlook.unit))


def _described(item: ActualResource, text: str) -> ActualResource:
    properties = {**(item.body.get("properties") or {}), "description": text}
    return replace(item, body={**item.body, "properties": properties})


def is_needed(path: str, ours: str) -> bool:
    """Whether our API *ours* can't answer without what is at *path*."""
    api = ours.partition("/")[2]
    return (
        path == ours
        or path.startswith((f"{ours}/policies", f"{ours}/operations"))
        or (path == f"backends/{api}-ai-endpoint")
    )


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
