"""The owner mark: what makes a resource in the gateway ours.

It stands in the resource's own description, so it survives the loss of our state and is seen by
whoever opens the resource in the portal. A resource without it is foreign and never written.
The mark also carries what ARM does not echo: the fingerprint of the OpenAPI document, so that a
changed document shows as drift; the products that we linked the API to, for people link it to
others; and, on backends, the account, so that an account that went
while we were away can still be found from the gateway alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.resource_ids import AccountId
from shared.errors import InvalidId

_MARK = re.compile(
    r"\[model-onramp owner=(?P<owner>[a-z0-9-]{1,40}) unit=(?P<unit>[0-9a-f]{12})"
    r"(?: content=(?P<content>[0-9a-f]{16}))?"
    r"(?: products=(?P<products>[a-z0-9,-]{1,1000}))?"
    r"(?: account=(?P<account>/[a-z0-9/_().-]{1,400}))?\]",
    re.IGNORECASE,
)

OWNER_NAME = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True)
class Mark:
    owner: str
    unit: str
    content: str = ""
    account: str = ""
    products: tuple[str, ...] = ()

    def __str__(self) -> str:
        fields = (("owner", self.owner), ("unit", self.unit))
        optional = (
            ("content", self.content),
            ("products", ",".join(self.products)),
            ("account", self.account),
        )
        words = [f"{key}={value}" for key, value in (*fields, *(o for o in optional if o[1]))]
        return f"[model-onramp {' '.join(words)}]"

    def is_of(self, owner: str, unit: str) -> bool:
        return (self.owner, self.unit) == (owner, unit)


def read_mark(description: str | None) -> Mark | None:
    match = _MARK.search(description or "")
    if match is None:
        return None
    return Mark(
        match["owner"],
        match["unit"],
        match["content"] or "",
        match["account"] or "",
        tuple((match["products"] or "").lower().split(",")) if match["products"] else (),
    )


def mark_of(body: Mapping[str, Any]) -> Mark | None:
    """The mark of a resource, in its description or, as a named value has none, in its tags."""
    properties = body.get("properties") or {}
    tags = sorted(str(tag) for tag in properties.get("tags") or ())
    return read_mark(properties.get("description")) or read_mark(f"[{' '.join(tags)}]")


def marked_unit(description: str | None, owner: str) -> AccountId | None:
    """The account that a resource of *owner* was made for, where its mark names one."""
    mark = read_mark(description)
    if mark is None or mark.owner != owner or not mark.account:
        return None
    try:
        return AccountId.parse(mark.account)
    except InvalidId:
        return None
