"""Gateways as they were surveyed, with APIs that others made."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from shared.core.model import Account
from shared.core.naming import api_id, unit_hash
from shared.core.ownership import Mark
from shared.core.resource_ids import AccountId
from shared.core.survey import (
    GatewaySurvey,
    SurveyedApi,
    SurveyedBackend,
    SurveyedOperation,
    SurveyedProduct,
)
from shared.core.ungoverned import Finding, ungoverned
from tests.builders import SUBSCRIPTION, UNIT, a_deployment, an_account

UNIT_ID = UNIT.arm_id
CONTOSO = an_account(a_deployment("gpt-4o"), a_deployment("o3"))
NORTHWIND = an_account(
    a_deployment("mini"),
    id=AccountId(SUBSCRIPTION, "rg-ai", "northwind"),
    custom_subdomain="northwind",
    endpoints={},
)
OPENAI = "https://contoso.openai.azure.com/openai"
ANY_DEPLOYMENT = SurveyedOperation("chat", "/deployments/{deployment-id}/chat/completions")
IN_BODY = SurveyedOperation("chat", "/chat/completions")
OURS = Mark("default", unit_hash(UNIT))
OUR_API = api_id(UNIT, "azure-openai")


def a_policy(inbound: str = "", backend: str = "<base />") -> str:
    return (
        f"<policies><inbound><base />{inbound}</inbound><backend>{backend}</backend>"
        "<outbound><base /></outbound><on-error><base /></on-error></policies>"
    )


def to(backend: str) -> str:
    return f'<set-backend-service backend-id="{backend}" />'


def an_api(inbound: str = "", url: str = "", **changes: Any) -> SurveyedApi:
    policy = a_policy(inbound) if inbound else ""
    api = SurveyedApi("hand-made", "models", url, None, policy, (ANY_DEPLOYMENT,))
    return replace(api, **changes)


def a_backend(name: str, url: str = OPENAI, **changes: Any) -> SurveyedBackend:
    return replace(SurveyedBackend(name, url), **changes)


def found(
    *apis: SurveyedApi,
    accounts: Iterable[Account] = (CONTOSO, NORTHWIND),
    onboarded: Iterable[str] = (),
    backends: Iterable[SurveyedBackend] = (),
    named_values: dict[str, str] | None = None,
    fragments: dict[str, str] | None = None,
    policy: str = "",
    products: Iterable[SurveyedProduct] = (),
) -> tuple[Finding, ...]:
    survey = GatewaySurvey(
        apis, tuple(backends), tuple(products), named_values or {}, fragments or {}, policy
    )
    known = {(UNIT_ID.lower(), name): "verified" for name in onboarded}
    return ungoverned(survey, tuple(accounts), known, owner="default")


def told(findings: Iterable[Finding]) -> set[tuple[str, str]]:
    """Each finding's kind, and what it is about."""
    return {
        (it.kind.value, ",".join(it.deployments) or it.host or it.account or it.words)
        for it in findings
    }


ALL = {("reachable", "gpt-4o"), ("reachable", "o3")}
ONE = {("reachable", "gpt-4o")}
