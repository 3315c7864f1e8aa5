"""What an account's APIs share, against what it needs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.core.choices import Choices
from shared.core.features import AccountFeatures, Gateway, account_features, deployment_rule
from shared.core.model import Account, GatewayFacts
from shared.core.surfaces import SURFACES
from tests.builders import EMBEDDINGS, FACTS, SERVICE, a_deployment, an_account, an_embedding
from tests.core.test_features import FULL, KINDS, a_model, gateway

VECTORS = an_embedding("vectors")


def of_account(
    account: Account | None = None, facts: GatewayFacts = FULL, **chosen: Any
) -> AccountFeatures:
    account = account or an_account(a_deployment(), VECTORS)
    return account_features(account, Choices.model_validate(chosen), gateway(facts=facts))


NO_LOGGER = "no token metric: the gateway has no Application Insights logger"


@pytest.mark.parametrize(
    ("loggers", "wanted", "found", "left_out"),
    [
        (("a",), None, "a", ()),
        (("a",), "A", "a", ()),
        (("a", "b"), "b", "b", ()),
        ((), None, "", (NO_LOGGER,)),
        ((), "b", "", (f"{NO_LOGGER} b",)),
        (("a",), "b", "", (f"{NO_LOGGER} b",)),
        (
            ("a", "b"),
            None,
            "",
            ("no token metric: name one of the gateway's loggers as token_metric.logger: a, b",),
        ),
    ],
)
def test_a_metric_needs_one_logger(
    loggers: tuple[str, ...], wanted: str | None, found: str, left_out: tuple[str, ...]
) -> None:
    facts = replace(FULL, loggers=loggers)

    features = of_account(facts=facts, token_metric={"logger": wanted} if wanted else True)

    assert (features.logger, features.left_out) == (found, left_out)
    assert (features.metric is not None) is bool(found)


OTHER = an_embedding("Other")
UNREADY = an_embedding("unready", provisioning_state="Creating")
COHERE = a_model("Cohere", "embed-v-4-0", EMBEDDINGS)
SECRET = "https://contoso.vault.azure.net/secrets/key"
CLIENT = "aaaaaaaa-0000-0000-0000-000000000001"
NOT_SYSTEM = "it asks for vectors as the system-assigned identity, which is not used here"
NO_HOST = {"AI Foundry API": "https://contoso.services.ai.azure.com/"}


@pytest.mark.parametrize(
    ("account", "facts", "chosen", "found"),
    [
        (an_account(VECTORS), FULL, {}, "vectors"),
        (an_account(VECTORS, UNREADY, COHERE), FULL, {}, "vectors"),
        (an_account(VECTORS, OTHER), FULL, {"embeddings": "other"}, "Other"),
        (an_account(VECTORS), FACTS, {}, "the gateway has no external cache"),
        (an_account(a_deployment()), FULL, {}, "the account has no embeddings deployment"),
        (an_account(COHERE), FULL, {}, "the account has no embeddings deployment"),
        (an_account(UNREADY), FULL, {}, "the account has no embeddings deployment"),
        (
            an_account(VECTORS),
            FULL,
            {"embeddings": "gone"},
            "the account has no embeddings deployment gone",
        ),
        (
            an_account(VECTORS, OTHER),
            FULL,
            {},
            "name one as semantic_cache.embeddings: Other, vectors",
        ),
        (
            an_account(VECTORS, endpoints=NO_HOST),
            FULL,
            {},
            "the account has no Azure OpenAI endpoint",
        ),
    ],
)
def test_a_cache_needs_a_cache_and_one_embeddings_deployment(
    account: Account, facts: GatewayFacts, chosen: dict[str, Any], found: str
) -> None:
    features = of_account(account, facts, semantic_cache=chosen or True)

    if features.cache:
        assert (features.embeddings, features.left_out) == (found, ())
    else:
        assert features.left_out == (f"no semantic cache: {found}",)


@pytest.mark.parametrize(
    ("chosen", "identities", "words"),
    [
        ({}, {}, "the gateway has no system-assigned identity"),
        ({"access_key": {"secret": SECRET}}, SERVICE.identities, NOT_SYSTEM),
        ({"identity": CLIENT}, {**SERVICE.identities, CLIENT: "x"}, NOT_SYSTEM),
    ],
)
def test_a_cache_needs_the_gateways_own_identity(
    chosen: dict[str, Any], identities: Mapping[str, str], words: str
) -> None:
    choices = Choices.model_validate({"semantic_cache": True, **chosen})
    service = replace(SERVICE, identities=identities)

    features = account_features(an_account(VECTORS), choices, Gateway(service, FULL))

    assert features.left_out == (f"no semantic cache: {words}",)


@pytest.mark.parametrize(
    ("kind", "surface", "cached"),
    [
        ("chat", "azure-openai", True),
        ("chat and responses", "azure-openai-v1", True),
        ("partner chat", "azure-ai", True),
        ("responses", "azure-openai", False),
        ("embeddings", "azure-openai", False),
        ("image", "azure-openai-v1", False),
        ("messages", "anthropic", False),
        ("realtime", "realtime", False),
    ],
)
def test_only_chat_is_cached(kind: str, surface: str, *, cached: bool) -> None:
    shared = of_account(semantic_cache=True)
    choices = Choices()

    for features, expected in ((shared, cached), (AccountFeatures(), False)):
        found, _left_out = deployment_rule(
            KINDS[kind], SURFACES[surface], choices, gateway=gateway(), shared=features
        )
        assert found.is_cached is expected


def test_an_api_is_linked_to_the_products_that_exist_or_are_made() -> None:
    products = ["Open", "missing", {"id": "new", "create": True}]

    features = of_account(products=products)

    assert features.products == ("open", "new")
    assert features.left_out == ("not in product missing: there is none",)
