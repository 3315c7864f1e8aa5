"""``--faults FILE``: rules that make the local ARM fail the way the real one was seen to.

The file is a JSON list. A rule has a ``match`` and exactly one kind of ``answer``; the first rule
that matches a request (and is not used up) decides.

``match`` (all given members must hold):

    method        "PUT", or a list of methods
    path          pattern searched in the decoded path, case-insensitive
    nth           only the n-th request that matches method and path (1 = first)
    skip          let this many matching requests through first
    count         then act on at most this many
    probability   act on this share of them (seeded, so a run can be repeated)

``answer``:

    {"status": 409, "code": "...", "message": "...", "headers": {}, "body": ..., "details": []}
        answered instead of the real thing. With ``"effect": true`` the real thing happens first and
        only its answer is lost (a 504 of the front door after 110 s while the provider goes on).
        ``body`` replaces the error body entirely.
    {"timeout": "before" | "after", "seconds": 120}
        no answer at all; "after": the effect took place. The connection is cut after ``seconds``.
    {"drop": "before" | "after"}     the connection is cut at once
    {"list": "empty" | "half" | "empty-page"}
        a list answers 200 with nothing, or with its first half and no nextLink, or with an empty
        page whose nextLink leads to the items (give the rule a ``count``)
    {"operation": {"code": "...", "message": "...", "status": 400}}
        the long-running part fails after a first answer that looked fine
    {"delay": 2.5}                   seconds before the real answer

Seen in the wild, as rules (each a row that a client of API Management must survive):

    API busy, even for a serial client       {"match": {"method": "PUT", "path": "/apis/[^/]+$"},
      github.com/Azure/apiops/issues/141      "answer": {"status": 409, "code":
      github.com/Azure/apiops-cli/issues/252  "PessimisticConcurrencyConflict", "message":
                                              "Operation on the API is in progress"}}
    VNet control plane, .../apiops/issues/497 422 ManagementApiRequestFailed
    412 without If-Match, .../apiops/issues/486  412 PreconditionFailed
    200 that is InProgress and reverts, .../apiops-cli/issues/148
                                             status 200, body {"ProvisioningState": "InProgress"}
    transient 404 after an accepted write    status 404, count 2
    front door timeout, .../apiops/issues/490   status 504 GatewayTimeout, "effect": true
    failed update that polls fine, github.com/hashicorp/terraform-provider-azurerm/issues/28201
                                             {"operation": {...}}
    throttled, github.com/Azure/azqr/issues/34  429 ResourceRequestsThrottled, Retry-After 372
    parent busy, github.com/hashicorp/terraform-provider-azurerm/issues/22939  409 RequestConflict
    management lock, .../apiops/issues/606      409 ScopeLocked
"""

import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from sandbox.arm.errors import ArmError, Detail
from sandbox.arm.provider import Reply, Request, next_link
from sandbox.file_errors import explain

type Listing = Literal["empty", "half", "empty-page"]
type Moment = Literal["before", "after"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Strict):
    method: str | list[str] | None = None
    path: str = ""
    nth: int | None = Field(default=None, ge=1)
    skip: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, ge=0, le=1)


class OperationFailure(_Strict):
    code: str
    message: str
    status: int = 400


class Answer(_Strict):
    status: int | None = Field(default=None, ge=200, le=599)
    code: str = "InternalServerError"
    message: str = "Encountered internal server error."
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None
    details: list[dict[str, str | None]] | None = None
    effect: bool = False
    timeout: Moment | None = None
    seconds: float = Field(default=120.0, ge=0)
    drop: Moment | None = None
    listing: Listing | None = Field(default=None, alias="list")
    operation: OperationFailure | None = None
    delay: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _one_kind(self) -> "Answer":
        kinds = [
            self.status,
            self.timeout,
            self.drop,
            self.listing,
            self.operation,
            self.delay or None,
        ]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError(
                "an answer has exactly one of status, timeout, drop, list, operation, delay"
            )
        return self

    def reply(self) -> Reply:
        """The answer of a ``status`` rule; an error without a body of its own is raised."""
        status = self.status or 500
        if self.body is None and status >= 400:
            raise ArmError(
                status,
                self.code,
                self.message,
                details=tuple(
                    Detail(str(it.get("code")), str(it.get("message")), it.get("target"))
                    for it in self.details
                )
                if self.details is not None
                else None,
                headers=self.headers,
            )
        return Reply(status, self.body, self.headers)


class Rule(_Strict):
    match: Match = Match()
    answer: Answer


@dataclass(slots=True)
class Faults:
    rules: list[Rule] = field(default_factory=list)
    seed: int = 0
    hits: int = 0
    _seen: dict[int, int] = field(default_factory=dict)
    _used: dict[int, int] = field(default_factory=dict)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable chance, not a secret

    @classmethod
    def load(cls, path: Path, seed: int = 0) -> "Faults":
        """Read a rules file.

        Raises:
            ValueError: naming the file and every member that is wrong.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            return cls(TypeAdapter(list[Rule]).validate_python(raw), seed)
        except ValidationError as exc:
            raise ValueError(f"faults file {path}: {explain(exc)}") from exc
        except (ValueError, OSError) as exc:
            raise ValueError(f"faults file {path}: {exc}") from exc

    def add(self, match: dict[str, Any], answer: dict[str, Any]) -> None:
        self.rules.append(Rule.model_validate({"match": match, "answer": answer}))

    def clear(self) -> None:
        self.rules.clear()
        self._seen.clear()
        self._used.clear()

    def pick(self, method: str, path: str) -> Answer | None:
        for index, rule in enumerate(self.rules):
            if self._applies(index, rule.match, method, path):
                self.hits += 1
                return rule.answer
        return None

    def _applies(self, index: int, match: Match, method: str, path: str) -> bool:
        methods = [match.method] if isinstance(match.method, str) else match.method
        if methods and method.upper() not in {it.upper() for it in methods}:
            return False
        if not re.search(match.path, path, re.IGNORECASE):
            return False
        seen = self._seen[index] = self._seen.get(index, 0) + 1
        used = self._used.get(index, 0)
        if seen <= match.skip or (match.nth is not None and seen != match.nth):
            return False
        if match.count is not None and used >= match.count:
            return False
        if match.probability < 1 and self._random.random() >= match.probability:
            return False
        self._used[index] = used + 1
        return True


def shorten(request: Request, reply: Reply, how: Listing) -> Reply:
    """A list reply that misses items for now or silently; anything else unchanged."""
    body = reply.body
    if not isinstance(body, dict) or not isinstance(body.get("value"), list):
        return reply
    items = body["value"]
    short = {name: value for name, value in body.items() if name != "nextLink"}
    short["value"] = items[: len(items) // 2] if how == "half" else []
    if how == "empty-page":
        short["nextLink"] = next_link(request, {"$skiptoken": "0"})
    return Reply(reply.status, short, reply.headers)
