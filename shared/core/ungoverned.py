"""What reaches models past us, and what of ours leads nowhere.

| kind            | what was found                                                                |
|-----------------|-------------------------------------------------------------------------------|
| reachable       | an API that is not ours reaches a deployment that is not onboarded            |
| bypass          | an API that is not ours reaches onboarded ones, past their limits and metrics |
| unknown-account | an API that is not ours leads to an account that nobody watches               |
| unclear         | where an API leads, or a part of it, was not understood                       |
| gone            | an API serves a deployment that ARM does not list                             |

An account-level backend reaches every deployment of its account, those of tomorrow included: so do
the portal wizard's APIs (learn.microsoft.com/azure/api-management/azure-ai-foundry-api).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from shared.core.leads import Lead, leads_of
from shared.core.model import Account
from shared.core.model_hosts import AccountHosts, host_of
from shared.core.naming import unit_hash
from shared.core.policy_rules import read_rules
from shared.core.policy_tree import parse_policy
from shared.core.resource_ids import AccountId, is_deployment_name
from shared.core.survey import GatewaySurvey, SurveyedApi

_IN_PATH = re.compile(r"/deployments/+([^/?#]+)", re.IGNORECASE)
_IN_QUERY = re.compile(r"[?&](?:deployment|model)=([^&#\s]+)", re.IGNORECASE)
_WIZARD = 'id="apim-generated-policy"'  # on what the portal's wizard writes (reported, no docs)
_ONBOARDED = frozenset({"applied", "verified"})


class FindingKind(StrEnum):
    REACHABLE = "reachable"
    BYPASS = "bypass"
    UNKNOWN_ACCOUNT = "unknown-account"
    UNCLEAR = "unclear"
    GONE = "gone"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to look at.

    Attributes:
        api: Its id; of a revision that isn't the current one ``<id>;rev=<n>``.
        account: Resource id; "" where that isn't known.
        deployments: One, but for *bypass* and *gone*.
        words: What was found and what to do.
    """

    kind: FindingKind
    api: str
    path: str
    account: str = ""
    host: str = ""
    deployments: tuple[str, ...] = ()
    words: str = ""


type Known = Mapping[tuple[str, str], str]  # account id and name, lower-cased, to its state


def ungoverned(
    survey: GatewaySurvey, accounts: Sequence[Account], known: Known, *, owner: str
) -> tuple[Finding, ...]:
    """All findings, sorted.

    Args:
        survey: Of the gateway.
        accounts: All that we watch, as ARM has them now: one left out looks as if it were gone.
        known: What became of each deployment.
        owner: Whose APIs are ours.
    """
    search = _Search(survey, AccountHosts.of(accounts), known, owner)
    ours = (it for api in survey.apis if api.is_of(owner) for it in _gone(api, survey, accounts))
    others = (it for api in survey.apis if not api.is_of(owner) for it in search.look_at(api))
    return tuple(sorted({*ours, *others}))


@dataclass(frozen=True, slots=True)
class _Search:
    survey: GatewaySurvey
    hosts: AccountHosts
    known: Known
    owner: str

    def look_at(self, api: SurveyedApi) -> Iterator[Finding]:
        found = leads_of(api, self.survey)
        who = f"The API {api.name}, {_maker(api, self.owner)},"
        served = _let_through(api)
        for text in found.unclear:
            words = f"{who} was not understood: {text}. See where it leads."
            yield Finding(FindingKind.UNCLEAR, api.name, api.path, words=words)
        reached: dict[AccountId, set[str]] = {}
        for lead in found.leads:
            match self.hosts.accounts(lead):
                case ():
                    yield from self._unwatched(api, who, lead)
                case (account,):
                    names = served or _named(lead) or _all(account)
                    reached.setdefault(account.id, set()).update(names)
                case several:
                    yield _shared(api, who, lead, several)
        for unit, reachable in reached.items():
            yield from self._reached(api, who, self.hosts.by_id[unit], reachable)

    def _unwatched(self, api: SurveyedApi, who: str, lead: Lead) -> Iterator[Finding]:
        if where := self.hosts.unwatched(lead):
            account, host = (where, "") if where.startswith("/") else ("", where)
            words = (
                f"{who} leads to {where}, which nobody watches. Put its subscription among "
                "those watched, or take the API off."
            )
            yield Finding(
                FindingKind.UNKNOWN_ACCOUNT, api.name, api.path, account, host, words=words
            )

    def _reached(
        self, api: SurveyedApi, who: str, account: Account, names: AbstractSet[str]
    ) -> Iterator[Finding]:
        unit, account_name = account.id.arm_id, account.id.name
        there = {it.name.lower(): it.name for it in account.deployments}
        states = {it: self.known.get((unit.lower(), it), "") for it in names & there.keys()}
        onboarded = {it for it, state in states.items() if state in _ONBOARDED}
        for name in states.keys() - onboarded:
            words = (
                f"{who} reaches {account_name}/{there[name]}, which is "
                f"{states[name] or 'not onboarded'}: such calls have no limit and no metrics of "
                "ours. Onboard it and move its callers, adopt the API, or take it off."
            )
            yield _about(FindingKind.REACHABLE, api, unit, [there[name]], words)
        if onboarded:
            words = (
                f"{who} reaches deployments of {account_name} past the limits and "
                "metrics they are onboarded with. Move its callers, adopt it, or take it off."
            )
            yield _about(FindingKind.BYPASS, api, unit, [there[it] for it in onboarded], words)
        if absent := names - there.keys():
            words = (
                f"{who} names deployments that ARM does not list in {account_name}. "
                "Deploy them, or take the API off."
            )
            yield _about(FindingKind.GONE, api, unit, absent, words)


def _about(
    kind: FindingKind, api: SurveyedApi, account: str, names: Iterable[str], words: str
) -> Finding:
    return Finding(kind, api.name, api.path, account, deployments=tuple(sorted(names)), words=words)


def _shared(api: SurveyedApi, who: str, lead: Lead, accounts: Sequence[Account]) -> Finding:
    host, names = host_of(lead.url), ", ".join(sorted(it.id.name for it in accounts))
    words = (
        f"{who} leads to {host}, which {names} share: the key that it sends says which "
        "is meant. Give the account a custom subdomain and the API that address."
    )
    return Finding(FindingKind.UNCLEAR, api.name, api.path, host=host, words=words)


def _maker(api: SurveyedApi, owner: str) -> str:
    if api.mark is not None:
        copy = "a copy or an older revision of one of ours"
        return copy if api.mark.owner == owner else f"of model-onramp's owner {api.mark.owner}"
    return "made by the portal's wizard" if _WIZARD in api.policy else "not ours"


def _all(account: Account) -> frozenset[str]:
    return frozenset(it.name.lower() for it in account.deployments)


def _named(lead: Lead) -> frozenset[str]:
    """The one deployment that a lead is written for; empty where the caller names it."""
    path = f"{lead.url.partition('?')[0].rstrip('/')}/{lead.template.lstrip('/')}"
    query = f"{lead.url} {lead.template}"
    match = _IN_PATH.search(path) or _IN_QUERY.search(query)
    name = unquote(match[1]) if match else ""
    return frozenset({name.lower()}) if is_deployment_name(name) else frozenset()


def _served(api: SurveyedApi) -> frozenset[str]:
    """The deployments that a policy of model-onramp's says it serves."""
    texts = (api.policy, *(it.policy for it in api.operations))
    readable = (it for it in texts if it and parse_policy(it) is not None)
    return frozenset(name.lower() for text in readable for name in read_rules(text).served)


def _let_through(api: SurveyedApi) -> frozenset[str]:
    """What another installation's API, or a copy of ours, serves; empty if it has more routes."""
    served = _served(api) if api.mark else frozenset()
    roots = (parse_policy(it) for it in (api.policy, *(it.policy for it in api.operations)))
    routes = [it for root in roots if root is not None for it in root.iter("set-backend-service")]
    return served if len(routes) <= len(served) else frozenset()


def _gone(
    api: SurveyedApi, survey: GatewaySurvey, accounts: Sequence[Account]
) -> Iterator[Finding]:
    mark = api.mark
    if mark is None:
        return
    account = next((it for it in accounts if unit_hash(it.id) == mark.unit), None)
    if absent := _served(api) - (_all(account) if account else frozenset()):
        marks = (it.mark for it in survey.backends)
        units = (it.account for it in (mark, *marks) if it and it.unit == mark.unit and it.account)
        unit = account.id.arm_id if account else next(units, "")
        words = (
            "The API, which is ours, serves deployments that ARM does not list"
            f"{'' if account else ', for their account is gone or nobody watches it'}. "
            "The next run takes them off; if it does not, see why its run stopped."
        )
        yield _about(FindingKind.GONE, api, unit, absent, words)
