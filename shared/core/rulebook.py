"""What the rules file means for an account and for each of its deployments.

    defaults  <  rules, in order  <  profile of the account  <  profile of the deployment

Later ones win, field by field. Tags only choose; a tag that chooses nothing known is a problem, and
whoever reads the choices must not go on as if nothing had been asked for.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

from shared.core.choice_patches import laid_over
from shared.core.choices import PER_DEPLOYMENT, Choices
from shared.core.model import Account, Deployment, Wants
from shared.core.rules import RuleBook, lower_keys
from shared.core.templates import BadTag, Names, bad_tag, names, template_problem

__all__ = [
    "PROFILE_TAG",
    "SKIP_TAG",
    "BadTag",
    "Chosen",
    "Names",
    "RuleBook",
    "account_choices",
    "deployment_choices",
    "fingerprint",
    "names",
    "wants",
]

PROFILE_TAG = "onramp:profile"
SKIP_TAG = "onramp:skip"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What holds for an account or a deployment.

    Attributes:
        problem: A tag that means nothing, and what to do; *choices* are then those without it.
        because: What applied, for people: rules, profiles, tags.
        kept_out_by: Of these, or ``defaults``, what says that it is not to be onboarded.
    """

    choices: Choices
    problem: str | None = None
    because: tuple[str, ...] = ()
    kept_out_by: str = ""


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that has a say, or that should have had one."""

    name: str = ""
    patch: BaseModel | None = None
    problem: str | None = None


def account_choices(book: RuleBook, account: Account) -> Chosen:
    """What holds for the account's APIs."""
    return _chosen(book, account, None)


def deployment_choices(book: RuleBook, account: Account, deployment: Deployment) -> Chosen:
    """What holds for one deployment; a problem of its account is its problem too."""
    return _chosen(book, account, deployment)


def _chosen(book: RuleBook, account: Account, deployment: Deployment | None) -> Chosen:
    steps = [*_rules(book, account, deployment), *_profiles(book, account, deployment)]
    choices = laid_over(book.defaults, [it.patch for it in steps if it.patch is not None])
    skips = list(_skips(account, deployment))
    if any(it.name for it in skips):
        choices = choices.model_copy(update={"onboard": False})
    every = (*steps, *skips)
    problems = [it.problem for it in every if it.problem]
    if choices.onboard and (problem := template_problem(book, choices, account)):
        problems.append(problem)
    return Chosen(
        choices,
        problem="; ".join(problems) or None,
        because=tuple(it.name for it in every if it.name),
        kept_out_by="" if choices.onboard else _last_word(steps, skips),
    )


def _last_word(steps: Sequence[_Step], skips: Sequence[_Step]) -> str:
    """Who had the last word on whether to onboard."""
    sayers = [it.name for it in steps if it.patch and "onboard" in it.patch.model_fields_set]
    return ["defaults", *sayers, *(it.name for it in skips if it.name)][-1]


def _rules(book: RuleBook, account: Account, deployment: Deployment | None) -> Iterator[_Step]:
    for number, rule in enumerate(book.rules, start=1):
        if rule.match.holds(account, deployment):
            yield _Step(rule.name or f"rule {number}", rule.set)


def _profiles(book: RuleBook, account: Account, deployment: Deployment | None) -> Iterator[_Step]:
    for whose, tags in _tagged(account, deployment):
        value = tags.get(PROFILE_TAG)
        if value is not None:
            yield _profile(book, value, whose)


def _profile(book: RuleBook, value: str, whose: str) -> _Step:
    name = value.strip().lower()
    patch = book.profiles.get(name)
    if patch is None:
        return _Step(problem=bad_tag(PROFILE_TAG, value, sorted(book.profiles), whose=whose))
    beyond = sorted(patch.model_fields_set - PER_DEPLOYMENT) if whose == "deployment" else []
    if beyond:
        return _Step(
            problem=f"tag {PROFILE_TAG} of the deployment is '{name}', which sets"
            f" {', '.join(beyond)} of the account's APIs: use it on the account"
        )
    return _Step(f"profile {name}", patch)


def _skips(account: Account, deployment: Deployment | None) -> Iterator[_Step]:
    for whose, tags in _tagged(account, deployment):
        value = tags.get(SKIP_TAG)
        match value.strip().lower() if value is not None else "false":
            case "true":
                yield _Step(f"tag {SKIP_TAG} of the {whose}")
            case "false":
                pass
            case _:
                known = ("true", "false")
                yield _Step(problem=bad_tag(SKIP_TAG, value or "", known, whose=whose))


def _tagged(
    account: Account, deployment: Deployment | None
) -> Iterator[tuple[str, Mapping[str, str]]]:
    yield "account", lower_keys(account.tags)
    if deployment is not None:
        yield "deployment", lower_keys(deployment.tags)


def wants(book: RuleBook) -> Wants:
    """What the gateway must be asked about, whatever account comes."""
    parts: list[BaseModel] = [book.defaults, *(patch for _place, patch in book.patches())]

    def chosen(field: str) -> Iterator[Any]:
        return (value for part in parts if (value := getattr(part, field)))

    return Wants(
        loggers=any(chosen("token_metric")),
        caches=any(chosen("semantic_cache")),
        keys=any(chosen("access_key")),
        roles=any(role.mode not in (None, "off") for role in chosen("role")),
        products=frozenset(it.id for products in chosen("products") for it in products),
        backends=frozenset(it.backend for it in chosen("content_safety") if it.backend),
    )


def fingerprint(book: RuleBook) -> str:
    """Changes when what the file means does: its order of members and its comments don't count."""
    meaning = {
        **book.model_dump(mode="json", exclude_unset=True),
        "defaults": book.defaults.model_dump(mode="json"),
    }
    return sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]
