"""What was asked of the local ARM, so that a test can say "and nothing was written"."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from sandbox.contracts import Json

# POST actions that only read start with such a verb; the "list" family is documented at
# learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-resource
_READING_ACTION = re.compile(r"/(list|check|get|validate|export)[^/]*$", re.IGNORECASE)
_KEEP = 50_000


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    status: int
    principal: str  # object id, "" when nobody was authenticated

    @property
    def is_write(self) -> bool:
        if self.method == "POST":
            return not _READING_ACTION.search(self.path)
        return self.method in {"PUT", "PATCH", "DELETE"}


@dataclass(slots=True)
class Journal:
    log: list[Asked] = field(default_factory=list)

    def note(self, asked: Asked) -> None:
        if len(self.log) >= _KEEP:
            del self.log[: _KEEP // 2]
        self.log.append(asked)

    def clear(self) -> None:
        self.log.clear()

    def writes(self, principal: str | None = None) -> list[Asked]:
        return [it for it in self._of(principal) if it.is_write]

    def reads(self, principal: str | None = None) -> list[Asked]:
        return [it for it in self._of(principal) if not it.is_write]

    def render(self) -> Json:
        principals = sorted({it.principal for it in self.log})
        return {
            "reads": len(self.reads()),
            "writes": len(self.writes()),
            "byPrincipal": {
                who: {"reads": len(self.reads(who)), "writes": len(self.writes(who))}
                for who in principals
            },
            "log": [asdict(it) for it in self.log],
        }

    def _of(self, principal: str | None) -> Iterable[Asked]:
        return (it for it in self.log if principal is None or it.principal == principal)
