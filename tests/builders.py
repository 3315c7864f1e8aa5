"""Values with defaults, so that a test names only what it is about."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.desired import Desired, desired
from shared.core.model import (
    Account,
    ActualResource,
    Deployment,
    GatewayFacts,
    Json,
    Model,
    Resource,
    RoleGrant,
    Service,
)
from shared.core.modes import Mode
from shared.core.naming import api_id, backend_id
from shared.core.observed import Observed, Rules
from shared.core.policy_rules import PolicyRules, read_rules
from shared.core.resource_ids import AccountId
from shared.core.rulebook import RuleBook
from shared.core.standing import Standing, StandingApi

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
UNIT = AccountId(SUBSCRIPTION, "rg-ai", "contoso")
PRINCIPAL = "99999999-0000-0000-0000-000000000001"
SERVICE = Service(sku="StandardV2", provisioning_state="Succeeded", identities={"": PRINCIPAL})
# The default role, held already: most tests are about something else.
GRANT = RoleGrant(
    "/x/inherited", PRINCIPAL, "a97b65f3-24c7-4388-baec-2e87135dc908", "/subscriptions/x"
)
FACTS = GatewayFacts(roles=(GRANT,))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules(
    owner="default",
    mode=Mode.SYNC,
    grace=timedelta(hours=24),
    book=RuleBook(),
)
API = f"apis/{api_id(UNIT, 'azure-openai')}"
API_V1 = f"apis/{api_id(UNIT, 'azure-openai-v1')}"
BACKEND = f"backends/{backend_id(UNIT, 'azure-openai')}"
BACKEND_V1 = f"backends/{backend_id(UNIT, 'azure-openai-v1')}"
ENDPOINTS = {
    "OpenAI Language Model Instance API": "https://contoso.openai.azure.com/",
    "AI Foundry API": "https://contoso.services.ai.azure.com/",
}
OLD_LIMIT = (
    '<llm-token-limit counter-key="x" tokens-per-minute="1000" estimate-prompt-tokens="false" />'
)
CHAT = {"chatCompletion": "true"}
EMBEDDINGS = {"embeddings": "true", "embeddingsMaxInputs": "1"}


def a_deployment(name: str = "gpt-4o", **changes: Any) -> Deployment:
    values: dict[str, Any] = {
        "name": name,
        "model": Model("OpenAI", "gpt-4o", "2024-11-20"),
        "sku": "GlobalStandard",
        "capacity": 10,
        "provisioning_state": "Succeeded",
        "capabilities": CHAT,
        "tokens_per_minute": 10_000,
    }
    return Deployment(**{**values, **changes})


def an_embedding(name: str = "text-embedding-3-small", **changes: Any) -> Deployment:
    model = Model("OpenAI", "text-embedding-3-small", "1")
    return a_deployment(name, **{"model": model, "capabilities": EMBEDDINGS, **changes})


def an_account(*deployments: Deployment, **changes: Any) -> Account:
    values: dict[str, Any] = {
        "id": UNIT,
        "kind": "AIServices",
        "location": "swedencentral",
        "provisioning_state": "Succeeded",
        "custom_subdomain": "contoso",
        "endpoints": ENDPOINTS,
        "tags": {},
        "deployments": deployments,
    }
    return Account(**{**values, **changes})


def desired_of(
    account: Account | None,
    *,
    standing: Standing | None = None,
    service: Service = SERVICE,
    rules: Rules = RULES,
    now: datetime = NOW,
    facts: GatewayFacts = FACTS,
) -> Desired:
    return desired(Observed(UNIT, account, standing or {}, service, now, facts=facts), rules)


def choosing(**defaults: Any) -> Rules:
    """The rules with other defaults, as onramp.yaml would say it."""
    return ruled({"defaults": defaults})


def ruled(book: Json) -> Rules:
    return replace(RULES, book=RuleBook.model_validate(book))


def serving(
    *names: str,
    retired: Mapping[str, datetime] | None = None,
    surfaces: Iterable[str] = ("azure-openai", "azure-openai-v1"),
    block: str = OLD_LIMIT,
) -> Standing:
    """A gateway that serves *names*, each limited to 1000 tokens, and says who is gone."""
    operations = frozenset({"chat-completions-create"})
    rules = PolicyRules(dict.fromkeys(names, block), retired or {})
    return {surface: StandingApi(rules, operations) for surface in surfaces}


def as_actual(resource: Resource, *, etag: str = '"1"', **properties: Any) -> ActualResource:
    """*resource* as ARM would echo it: with more fields, and without what is never echoed."""
    body = resource.body["properties"]
    echoed = {key: value for key, value in body.items() if key not in ("format", "value")}
    if resource.path.endswith("/policies/policy"):
        echoed = {"format": "xml", "value": body["value"].replace("\n", "\r\n")}
    more: Mapping[str, Any] = {"isCurrent": True, "apiRevision": "1"}
    full = {"id": f"/x/{resource.path}", "properties": {**more, **echoed, **properties}}
    return ActualResource(resource.path, full, etag, resource.operations)


def policies(found: Desired) -> dict[str, PolicyRules]:
    """What each policy says, by its API."""
    return {
        resource.path.split("/")[1]: read_rules(resource.body["properties"]["value"])
        for resource in found.resources
        if resource.path.endswith("/policies/policy")
    }
