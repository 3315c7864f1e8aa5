import pytest

from shared.core.choices import ContentSafety, SemanticCache, TokenMetric
from shared.core.policy_documents import DeploymentRule
from shared.core.policy_features import Limit
from shared.core.surfaces import SURFACES, Surface
from tests.core.test_policy_documents import V1, blocks, document, text_of


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda it: it.name)
def test_the_limit_is_the_deployments_and_a_deployment_without_one_has_none(
    surface: Surface,
) -> None:
    (limit,) = document(surface).iter("llm-token-limit")

    assert limit.attrib == {
        "counter-key": '@((context.Subscription?.Id ?? "none") + "/1a2b3c4d/gpt-4o")',
        "tokens-per-minute": "10000",
        "estimate-prompt-tokens": "false",
        "remaining-tokens-header-name": "remaining-tokens",
        "tokens-consumed-header-name": "consumed-tokens",
    }


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("subscription", 'context.Subscription?.Id ?? "none"'),
        ("ip", "context.Request.IpAddress"),
        ("product", 'context.Product?.Id ?? "none"'),
        ("user", 'context.User?.Id ?? "none"'),
    ],
)
def test_a_counter_is_for_whom_it_was_chosen_and_for_one_deployment(who: str, code: str) -> None:
    rules = [DeploymentRule(name, limit=Limit(1, counter_key=who)) for name in ("one", "two")]

    keys = [it.get("counter-key") for it in document(V1, served=rules).iter("llm-token-limit")]

    assert keys == [f'@(({code}) + "/1a2b3c4d/{name}")' for name in ("one", "two")]


def test_a_quota_goes_with_a_rate_or_alone() -> None:
    quota = (1_000_000, "Weekly")
    rules = [
        DeploymentRule("alone", limit=Limit(None, quota=quota, remaining_quota_header="left")),
        DeploymentRule("both", limit=Limit(5, quota=quota, estimate=True)),
    ]

    alone, both = (it.attrib for it in document(V1, served=rules).iter("llm-token-limit"))

    assert (alone["token-quota"], alone["token-quota-period"]) == ("1000000", "Weekly")
    assert alone["remaining-quota-tokens-header-name"] == "left"
    assert not {"tokens-per-minute", "remaining-tokens-header-name"} & alone.keys()
    assert (both["tokens-per-minute"], both["estimate-prompt-tokens"]) == ("5", "true")
    assert both["token-quota"] == "1000000"


def test_prompts_are_checked_as_chosen_and_only_for_the_deployment_that_chose_it() -> None:
    safety = ContentSafety(
        backend="safety", categories={"Hate": 2, "Violence": 6}, blocklists=("slurs", "rivals")
    )
    rules = [DeploymentRule("checked", safety=safety), DeploymentRule("free")]

    found = blocks(document(V1, served=rules))

    assert found["free"].find("llm-content-safety") is None
    check = found["checked"].find("llm-content-safety")
    assert check is not None
    assert check.attrib == {
        "backend-id": "safety",
        "shield-prompt": "true",
        "enforce-on-completions": "false",
    }
    assert [it.attrib for it in check.iter("category")] == [
        {"name": "Hate", "threshold": "2"},
        {"name": "Violence", "threshold": "6"},
    ]
    assert [it.text for it in check.iter("id")] == ["slurs", "rivals"]


def test_without_categories_there_is_no_empty_list_of_them() -> None:
    rule = DeploymentRule("a", safety=ContentSafety(backend="safety", categories={}))

    (check,) = document(V1, served=[rule]).iter("llm-content-safety")

    assert list(check) == []


def test_a_metric_has_its_dimensions_and_the_deployment_is_a_value_of_ours() -> None:
    metric = TokenMetric(namespace="ai", dimensions=("API ID", "Deployment"))

    (found,) = document(V1, metric=metric).iter("llm-emit-token-metric")

    assert found.get("namespace") == "ai"
    assert [it.attrib for it in found] == [
        {"name": "API ID"},
        {"name": "Deployment", "value": '@((string)context.Variables["deployment"])'},
    ]


def test_only_answers_of_cached_deployments_are_looked_up_and_stored_each_for_itself() -> None:
    rules = [DeploymentRule("Cached", is_cached=True), DeploymentRule("other")]
    cache = SemanticCache(vary_by=("user", "product"), duration_s=60, max_message_count=4)

    root = document(V1, served=rules, cache=cache, cache_backend="vectors")

    lookup, store = (root.find(f"{it}/choose/when/{name}") for it, name in _CACHE)
    assert lookup is not None
    assert store is not None
    assert (lookup.get("embeddings-backend-id"), lookup.get("max-message-count")) == (
        "vectors",
        "4",
    )
    assert [it.text for it in lookup] == [
        '@((string)context.Variables["deployment"])',
        '@(context.User?.Id ?? "none")',
        '@(context.Product?.Id ?? "none")',
    ]
    assert store.get("duration") == "60"
    conditions = {
        when.get("condition")
        for when in root.iter("when")
        for name in ("llm-semantic-cache-lookup", "llm-semantic-cache-store")
        if when.find(name) is not None
    }
    assert conditions == {
        (
            '@(context.Operation.Id == "chat-completions-create" && '
            '((string)context.Variables["deployment"] == "cached"))'
        )
    }


_CACHE = (
    ("inbound", "llm-semantic-cache-lookup"),
    ("outbound", "llm-semantic-cache-store"),
)


def test_without_a_cached_deployment_nothing_is_cached() -> None:
    assert "semantic" not in text_of(V1, cache=SemanticCache(), cache_backend="vectors")
