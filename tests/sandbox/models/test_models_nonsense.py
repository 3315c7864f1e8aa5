"""Whatever is sent, a model endpoint answers it or says what is wrong: never with a crash."""

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from sandbox.arm.cognitive import accounts
from sandbox.arm.compose import arm_app
from sandbox.arm.front_door import FrontDoor
from sandbox.arm.server import FRONT_DOOR
from sandbox.models import abilities, estate
from sandbox.models.call import Content
from sandbox.models.endpoints import Asked, ModelEndpoints, Visit
from sandbox.models.errors import Refusal
from sandbox.models.estate import Account
from sandbox.models.journal import Called
from sandbox.models.routes import ROUTES, Route
from tests.sandbox.models.stand import DIRECTORY, FOUNDRY_HOST, a_world

TEXTS, LISTS = ("prompt", "input", "query", "voice"), ("messages", "documents", "texts")
NUMBERS = ("n", "max_tokens", "max_completion_tokens", "max_output_tokens", "dimensions", "top_n")
OTHERS = (
    *("stream", "stream_options", "response_format", "encoding_format", "previous_response_id"),
    *("background", "temperature", "metadata", "instructions", "store"),
)
DEPLOYED = [str(it.name) for it in a_world().accounts[0].deployments]
SCALARS = st.none() | st.booleans() | st.integers(-2, 99) | st.just(" ") | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "text", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
GOOD = st.fixed_dictionaries(
    {
        **dict.fromkeys(TEXTS, st.sampled_from(["hello", " "])),
        **dict.fromkeys(LISTS, st.lists(VALUES, min_size=1, max_size=3)),
    },
    optional=dict.fromkeys(NUMBERS, st.integers(1, 10)),
)
SPOILED = st.dictionaries(st.sampled_from((*TEXTS, *LISTS, *NUMBERS, *OTHERS)), VALUES, max_size=2)
BODIES = st.builds(lambda good, spoiled: {**good, **spoiled}, GOOD, SPOILED)
DOOR: FrontDoor = arm_app(a_world())[FRONT_DOOR]
ENTRY = next(it for it in DOOR.context.store.of_type(accounts.TYPE) if it.name == "contoso")
ACCOUNT = Account.of(ENTRY)


def path_of(route: Route, deployment: str) -> str:
    path = route.template.replace("{deployment-id}", deployment)
    return path.replace("{response-id}", "resp_x").replace("{model}", "gpt-4o-2024-11-20")


def ask(endpoints: ModelEndpoints, route: Route, deployment: str, body: Mapping[str, Any]) -> None:
    headers = {"api-key": min(ACCOUNT.keys), "anthropic-version": "2023-06-01"}
    version = {"api-version": "v1" if "/v1" in route.template else "2025-04-01-preview"}
    asked = Asked(
        method=route.method,
        raw_path=path_of(route, deployment),
        host=FOUNDRY_HOST,
        query={**version, "model": deployment, "deployment": deployment},
        headers=CIMultiDict(headers),
        content=Content({**body, "model": deployment}),
    )
    visit = Visit(asked, Called("", "", "", {}, {}, "", 0))
    admitted = endpoints.admit(visit)
    if admitted is not None and not route.is_websocket:
        endpoints.answer(admitted.call)


def pairs() -> list[tuple[Route, str]]:
    """Routes with the deployments that can answer them."""
    found = []
    for route in ROUTES:
        for name in DEPLOYED:
            deployment = estate.deployment(DOOR.context.store, ACCOUNT, name)
            assert deployment is not None
            formats = route.family.formats
            served = formats is None or deployment.format.lower() in formats
            if route.ability is None or (served and abilities.can(deployment, route.ability)):
                found.append((route, name))
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pair=st.sampled_from(pairs()), body=BODIES)
def test_no_body_breaks_a_route(pair: tuple[Route, str], body: dict[str, Any]) -> None:
    try:
        ask(ModelEndpoints(DOOR.context.store, DIRECTORY), *pair, body)
    except Refusal as refusal:
        assert 400 <= refusal.status < 500  # noqa: PT017  # both ends are fine


def test_every_route_has_a_deployment_that_answers_it() -> None:
    """Else the test above would see refusals only."""
    text: dict[str, Any] = {"text": "hello", "role": "user", "content": "hello"}
    body = {
        "messages": [text],
        "max_tokens": 50,
        "voice": "alloy",
        **dict.fromkeys(("prompt", "input", "query"), "hello"),
        "documents": ["hello"],
        "texts": ["hello"],
    }
    endpoints = ModelEndpoints(DOOR.context.store, DIRECTORY)
    unanswered = {(it.family.name, it.id) for it in ROUTES}
    for route in ROUTES:
        for deployment in DEPLOYED:
            try:
                ask(endpoints, route, deployment, body)
            except Refusal:
                continue
            unanswered.discard((route.family.name, route.id))

    # These need a file, or a response that was made before.
    needy = {"image-edits", "transcriptions", "translations"}
    assert {id_ for _, id_ in unanswered if not id_.startswith("response-")} == needy
