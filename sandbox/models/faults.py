"""How a model endpoint fails when told to, for an account or one of its deployments.

A list of rules as in ``sandbox/arm/faults.py``: the first one that matches a call, and is not used
up, decides. ``match`` (all given members must hold): ``account``, ``deployment``, ``path`` (a
pattern, searched), ``skip``, ``count``. ``answer`` is exactly one of:

    {"down": true}                        the connection is cut, whoever calls
    {"status": 503, "code", "message"}    what a call gets that would have been answered
    {"retry_after": 7}                    429 as for a deployment that is used up
    {"first_byte": 2.5, "chunk": 0.1}     seconds before the answer, and before each further chunk
"""

import re
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Strict):
    account: str | None = None
    deployment: str | None = None
    path: str = ""
    skip: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, ge=1)


class Answer(_Strict):
    down: bool = False
    status: int | None = Field(default=None, ge=400, le=599)
    code: str = "InternalServerError"
    message: str = "The server had an error while processing your request. Sorry about that!"
    retry_after: int | None = Field(default=None, ge=0)
    first_byte: float = Field(default=0.0, ge=0)
    chunk: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _one_kind(self) -> "Answer":
        slow = self.first_byte > 0 or self.chunk > 0
        kinds = (self.down, self.status is not None, self.retry_after is not None, slow)
        if sum(kinds) != 1:
            raise ValueError("an answer is one of down, status, retry_after, first_byte or chunk")
        return self


class Rule(_Strict):
    match: Match = Match()
    answer: Answer


@dataclass(slots=True)
class Faults:
    rules: list[Rule] = field(default_factory=list)
    _seen: dict[int, int] = field(default_factory=dict)

    def add(self, match: dict[str, object], answer: dict[str, object]) -> None:
        self.rules.append(Rule.model_validate({"match": match, "answer": answer}))

    def clear(self) -> None:
        self.rules.clear()
        self._seen.clear()

    def pick(self, account: str, deployment: str, path: str) -> Answer | None:
        for index, rule in enumerate(self.rules):
            if _matches(rule.match, account, deployment, path) and self._is_due(index, rule.match):
                return rule.answer
        return None

    def _is_due(self, index: int, match: Match) -> bool:
        seen = self._seen[index] = self._seen.get(index, 0) + 1
        return match.skip < seen and (match.count is None or seen <= match.skip + match.count)


def _matches(match: Match, account: str, deployment: str, path: str) -> bool:
    named = ((match.account, account), (match.deployment, deployment))
    same = all(wanted is None or wanted.lower() == have.lower() for wanted, have in named)
    return same and re.search(match.path, path, re.IGNORECASE) is not None
