import json
from dataclasses import replace

import pytest

from shared.core.model import Deployment, Model
from shared.core.probes import Probe, probe_of
from shared.core.proofs import UNPROVABLE, Answer, judge_answer, proof_of, with_proofs
from shared.core.states import DeploymentState
from shared.core.surfaces import SURFACES
from tests.builders import (
    a_deployment,
    an_account,
    an_embedding,
    choosing,
    desired_of,
    serving,
)

URL = "https://contoso.openai.azure.com/openai"
CLAUDE = a_deployment("opus", model=Model("Anthropic", "claude-opus-4-1", "1"), capabilities={})
RERANK = a_deployment("rank", model=Model("Cohere", "Cohere-rerank-v4.0", "1"))
WHISPER = a_deployment("ear", model=Model("OpenAI", "whisper", "001"), capabilities={})
REALTIME = a_deployment(
    "live", model=Model("OpenAI", "gpt-realtime", "1"), capabilities={"realtime": "true"}
)


def probe(deployment: Deployment, surface: str) -> Probe | None:
    found = SURFACES[surface]
    return probe_of(deployment, found, api_path=f"contoso/{found.path_suffix}", url=URL)


@pytest.mark.parametrize(
    ("deployment", "surface", "path", "model"),
    [
        (
            a_deployment(),
            "azure-openai",
            "contoso/openai/deployments/gpt-4o/chat/completions?api-version=2025-04-01-preview",
            None,
        ),
        (a_deployment(), "azure-openai-v1", "contoso/openai/v1/chat/completions", "gpt-4o"),
        (
            an_embedding("e"),
            "azure-openai",
            "contoso/openai/deployments/e/embeddings?api-version=2025-04-01-preview",
            None,
        ),
        (CLAUDE, "anthropic", "contoso/anthropic/v1/messages", "opus"),
        (RERANK, "cohere", "contoso/providers/cohere/v2/rerank", "rank"),
    ],
)
def test_the_smallest_request_names_the_deployment_where_its_surface_does(
    deployment: Deployment, surface: str, path: str, model: str | None
) -> None:
    found = probe(deployment, surface)

    assert found is not None
    assert (found.method, found.path, found.reaches) == ("POST", path, True)
    assert json.loads(found.body).get("model") == model


def test_a_kind_that_costs_too_much_is_asked_up_to_the_gateway() -> None:
    found = probe(WHISPER, "azure-openai-v1")

    assert found is not None
    assert (found.method, found.path, found.body) == ("GET", "contoso/openai/v1/models/ear", "")
    assert not found.reaches


@pytest.mark.parametrize(
    ("surface", "path"),
    [
        (
            "realtime",
            "contoso/openai/realtime?api-version=2025-04-01-preview&deployment=live",
        ),
        ("realtime-v1", "contoso/openai/v1/realtime?model=live"),
    ],
)
def test_a_websocket_is_asked_for_a_handshake(surface: str, path: str) -> None:
    found = probe(REALTIME, surface)

    assert found is not None
    assert (found.method, found.path, found.body) == ("WEBSOCKET", path, "")


def test_a_proof_is_worth_nothing_when_what_stands_behind_has_changed() -> None:
    one, two = (
        probe(a_deployment(), "azure-openai"),
        probe(a_deployment(model=Model("OpenAI", "gpt-4o", "2025-01-01")), "azure-openai"),
    )

    assert one is not None
    assert two is not None
    assert one.fingerprint != two.fingerprint


CHAT = probe(a_deployment(), "azure-openai")
assert CHAT is not None
ACCOUNT_KEY = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint"
)
KEYLESS = '{"statusCode": 401, "message": "Access denied due to invalid subscription key."}'


@pytest.mark.parametrize(
    ("answer", "proven", "words"),
    [
        (Answer(200, "{}"), True, "answered"),
        (Answer(400, '{"error": {"code": "unsupported_parameter"}}'), True, "answered"),
        (Answer(400, '{"error": {"code": "OperationNotSupported"}}'), False, "another"),
        (Answer(429, ""), True, "capacity"),
        (Answer(429, "Token limit is exceeded. Try again in 53 s"), False, "own limit"),
        (Answer(403, "Token quota is exceeded."), False, "own limit"),
        (Answer(429, "have exceeded token rate limit of your tier"), True, "capacity"),
        (Answer(401, KEYLESS), False, "does not know our key"),
        (Answer(401, ACCOUNT_KEY), False, "does not take the key"),
        (Answer(401, '{"message": "Audience is incorrect"}'), False, "wrong audience"),
        (Answer(401, '{"error": {"code": "PermissionDenied"}}'), False, "identity may not call"),
        (Answer(403, ""), False, "identity may not call"),
        (Answer(404, '{"error": {"code": "DeploymentNotFound"}}'), False, "not known there yet"),
        (Answer(410, ""), False, "not known there yet"),
        (Answer(500, '{"code": "BackendConnectionFailure"}'), False, "can't reach the account"),
        (Answer(503, ""), False, "HTTP 503"),
        (Answer(0, "TimeoutError"), False, "no answer (TimeoutError)"),
    ],
)
def test_each_answer_has_its_meaning_and_its_advice(
    answer: Answer, words: str, *, proven: bool
) -> None:
    assert CHAT is not None

    found, said = judge_answer(CHAT, answer)

    assert found is proven
    assert words in said


def test_a_deployment_is_proven_when_every_surface_has_answered() -> None:
    (verdict,) = desired_of(an_account(a_deployment())).verdicts
    probes = desired_of(an_account(a_deployment())).probes["gpt-4o"]
    good, bad = Answer(200), Answer(403)

    half = proof_of(probes, [good, bad])
    whole = proof_of(probes, [good, good])

    assert len(probes) == 2
    assert [half.proven, whole.proven] == [False, True]
    (still,), pending = with_proofs([verdict], {"gpt-4o": half})
    assert (still.state, pending) == (DeploymentState.APPLIED, True)
    assert "may not call" in still.reason
    (done,), pending = with_proofs([verdict], {"gpt-4o": whole})
    assert (done.state, done.proof, pending) == (DeploymentState.VERIFIED, whole.fingerprint, False)


def test_an_account_that_is_left_out_has_nothing_to_prove() -> None:
    out = choosing(onboard=False)

    assert (
        desired_of(an_account(a_deployment()), standing=serving("gpt-4o"), rules=out).probes == {}
    )


def test_where_nothing_can_be_asked_nobody_waits_and_it_is_said() -> None:
    (verdict,) = desired_of(an_account(a_deployment())).verdicts

    (found,), pending = with_proofs([verdict], {"gpt-4o": UNPROVABLE})

    assert (found.state, pending) == (DeploymentState.APPLIED, False)
    assert "nothing can be asked" in found.reason


def test_what_is_not_applied_is_not_made_verified_by_a_proof() -> None:
    (verdict,) = desired_of(an_account(a_deployment())).verdicts
    held = replace(verdict, state=DeploymentState.SEEN)

    (found,), _ = with_proofs([held], {"gpt-4o": proof_of([], [])})

    assert found.state is DeploymentState.SEEN
