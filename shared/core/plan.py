"""Desired against actual, as an ordered list of changes: pure.

| desired | actual         | change                                        |
|---------|----------------|-----------------------------------------------|
| yes     | none           | create                                        |
| yes     | ours, same     | keep                                          |
| yes     | ours, differs  | update, with the drift as reason              |
| yes     | foreign        | blocked: reported, never resolved by writing  |
| no      | ours           | delete                                        |
| no      | foreign, none  | nothing                                       |
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from shared.core.diff import Drift, drift
from shared.core.model import ActualResource, Resource
from shared.core.modes import Mode
from shared.core.ownership import mark_of
from shared.core.resource_kinds import (
    DELETE_LEVEL,
    WRITE_LEVEL,
    ResourceKind,
    kind_of,
    parent_of,
)

if TYPE_CHECKING:
    from shared.core.desired import Desired


class Action(Enum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"
    BLOCKED = "blocked"


_NO_LONGER_NEEDED = {
    Mode.SYNC: (Action.DELETE, "no deployment needs it any more"),
    Mode.OBSERVE: (Action.DELETE, "no deployment needs it any more"),
    Mode.UPSERT_ONLY: (Action.KEEP, "no deployment needs it any more; kept in mode upsert-only"),
}
# A product is its owners' once it is made, and an assigned role can't be assigned again.
_NEVER_FORCED = frozenset({ResourceKind.PRODUCT, ResourceKind.ROLE_ASSIGNMENT})
WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE})


@dataclass(frozen=True, slots=True)
class Change:
    action: Action
    path: str
    reason: str
    desired: Resource | None = None
    actual: ActualResource | None = None
    drift: tuple[Drift, ...] = ()

    @property
    def kind(self) -> ResourceKind:
        return kind_of(self.path)

    @property
    def level(self) -> int:
        """Changes of one level may run at once; a level waits for the ones before it."""
        levels = DELETE_LEVEL if self.action is Action.DELETE else WRITE_LEVEL
        return levels[self.kind]


def make_plan(
    desired: "Desired",
    actual: Mapping[str, ActualResource],
    *,
    owner: str,
    unit: str,
    forces: Callable[[str], bool] = lambda _path: False,
) -> tuple[Change, ...]:
    """Order the changes that make *actual* equal *desired*.

    Args:
        desired: What should stand, what is left as it stands, and the mode.
        actual: What stands, by path.
        owner: The name in the owner marks that are ours.
        unit: The hash of the unit in the owner marks that are ours.
        forces: Which paths are written again though they are as they should be.

    Returns:
        Changes by level, then by path, kept resources included.
    """
    wanted = {resource.path: resource for resource in desired.resources}
    ours = {path for path in actual if _is_ours(path, actual, owner=owner, unit=unit)}
    action, reason = _NO_LONGER_NEEDED[desired.mode]
    foreign = (wanted.keys() & actual.keys()) - ours
    changes = [
        Change(Action.BLOCKED, resource.path, "belongs to what is not ours", resource)
        if parent_of(resource.path) in foreign and resource.path not in actual
        else _change(
            resource,
            actual.get(resource.path),
            foreign="" if resource.path in ours else _whose(resource.path, actual, owner),
            forces=forces,
        )
        for resource in desired.resources
    ]
    retained = {path for path in ours - wanted.keys() if _is_retained(path, desired.retained)}
    changes += [Change(Action.KEEP, path, "what stands there still answers") for path in retained]
    gone = ours - wanted.keys() - retained
    changes += [
        Change(action, path, reason, actual=actual[path])
        for path in gone
        if parent_of(path) not in gone  # it goes with its API
    ]
    return tuple(sorted(changes, key=lambda change: (change.level, change.path)))


def _whose(path: str, actual: Mapping[str, ActualResource], owner: str) -> str:
    """Why what stands at *path* is left alone; what is made by hand can be adopted."""
    marked = actual.get(parent_of(path) or path)
    mark = mark_of(marked.body) if marked else None
    if mark is None:
        return "exists without our owner mark"
    is_ours = mark.owner == owner
    return f"exists for {'another account' if is_ours else f'the installation {mark.owner}'}"


def _change(
    desired: Resource,
    actual: ActualResource | None,
    *,
    foreign: str,
    forces: Callable[[str], bool],
) -> Change:
    if actual is None:
        return Change(Action.CREATE, desired.path, "does not exist", desired)
    if kind_of(desired.path) is ResourceKind.PRODUCT_LINK:
        return Change(Action.KEEP, desired.path, "as it should be", desired, actual)
    if foreign:
        return Change(Action.BLOCKED, desired.path, foreign, desired, actual)
    differs = drift(desired, actual)
    if not differs and forces(desired.path) and kind_of(desired.path) not in _NEVER_FORCED:
        return Change(Action.UPDATE, desired.path, "as it should be; forced", desired, actual)
    if not differs:
        return Change(Action.KEEP, desired.path, "as it should be", desired, actual)
    reason = "differs in " + ", ".join(item.field for item in differs)
    return Change(Action.UPDATE, desired.path, reason, desired, actual, differs)


def _is_ours(path: str, actual: Mapping[str, ActualResource], *, owner: str, unit: str) -> bool:
    marked = actual.get(parent_of(path) or path)
    if marked is None:
        return False
    mark = mark_of(marked.body)
    if mark is None or not mark.is_of(owner, unit):
        return False
    is_link = kind_of(path) is ResourceKind.PRODUCT_LINK  # people link our APIs to more products
    return not is_link or path.split("/")[1].lower() in mark.products


def _is_retained(path: str, retained: frozenset[str]) -> bool:
    return path in retained or parent_of(path) in retained
