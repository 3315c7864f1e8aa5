"""Rules files, as pieces."""

from typing import Any

from shared.core.rulebook import RuleBook

QUOTA = {"token_limit": {"quota": {"tokens": 1000}}}
OUT = {"onboard": False}


def a_book(**members: Any) -> RuleBook:
    return RuleBook.model_validate(members)


def a_rule(set_: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"match": match, "set": set_}
