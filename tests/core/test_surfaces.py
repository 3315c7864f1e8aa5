"""Which surface serves which model, and what holds for every row of the tables."""

import re
from collections import Counter
from itertools import pairwise

import pytest

from sandbox.arm.apim.importing import normalise
from shared.core.model import Model
from shared.core.model_kinds import ModelKind
from shared.core.openapi import all_kinds
from shared.core.surfaces import (
    FAMILIES,
    SURFACES,
    DeploymentIn,
    Operation,
    Protocol,
    Surface,
    backend_url,
)
from tests.builders import a_deployment, an_account

OVER_HTTP = [it for it in SURFACES.values() if it.protocol is Protocol.HTTP]
OPERATIONS = [
    pytest.param(surface, operation, id=f"{surface.name}:{operation.id}")
    for surface in SURFACES.values()
    for operation in surface.operations
]


@pytest.mark.parametrize(
    ("format_", "name", "flags", "surfaces"),
    [
        ("OpenAI", "gpt-4o", "chatCompletion", "azure-openai azure-openai-v1 azure-ai"),
        ("OpenAI", "codex-mini", "responses", "azure-openai azure-openai-v1"),
        ("OpenAI", "gpt-35-turbo-instruct", "completion", "azure-openai azure-openai-v1"),
        ("OpenAI", "text-embedding-3-large", "embeddings", "azure-openai azure-openai-v1 azure-ai"),
        ("OpenAI", "gpt-image-1", "imageGenerations", "azure-openai azure-openai-v1 azure-ai"),
        ("OpenAI", "whisper", "audio", "azure-openai azure-openai-v1"),
        ("OpenAI", "tts", "audio", "azure-openai azure-openai-v1"),
        ("OpenAI", "gpt-realtime", "realtime", "realtime realtime-v1"),
        ("OpenAI", "sora-2", "", ""),
        ("OpenAI-OSS", "gpt-oss-120b", "chatCompletion", "azure-openai-v1 azure-ai"),
        ("DeepSeek", "DeepSeek-V3", "chatCompletion", "azure-openai-v1 azure-ai"),
        ("xAI", "grok-4", "chatCompletion responses", "azure-openai-v1 azure-ai"),
        ("Anthropic", "claude-sonnet-4-6", "", "anthropic"),
        ("Cohere", "Cohere-embed-v3-english", "", "azure-ai cohere"),
        ("Cohere", "Cohere-rerank-v4", "chatCompletion", "cohere"),
        ("Black Forest Labs", "FLUX.2-pro", "imageGenerations", ""),
        ("Microsoft", "MAI-Image-2", "imageGenerations", ""),
        ("Mistral AI", "mistral-document-ai-2505", "chatCompletion", ""),
        ("Contoso", "brand-new", "", ""),
    ],
)
def test_a_model_is_served_where_its_kind_and_format_are(
    format_: str, name: str, flags: str, surfaces: str
) -> None:
    model, capabilities = Model(format_, name, "1"), dict.fromkeys(flags.split(), "true")
    deployment = a_deployment(model=model, capabilities=capabilities)

    assert [it.name for it in SURFACES.values() if it.serves(deployment)] == surfaces.split()


@pytest.mark.parametrize(
    ("capabilities", "kinds"),
    [
        ({"chatCompletion": "true"}, {ModelKind.CHAT}),
        ({"chatCompletion": "true", "responses": "false"}, {ModelKind.CHAT}),
        (
            {"chatCompletion": "true", "responses": "true"},
            {ModelKind.CHAT, ModelKind.RESPONSES},
        ),
        ({"chatCompletion": "false", "responses": "true"}, {ModelKind.RESPONSES}),
    ],
)
def test_responses_are_served_only_where_they_are_flagged(
    capabilities: dict[str, str], kinds: set[ModelKind]
) -> None:
    deployment = a_deployment(capabilities=capabilities)

    for name in ("azure-openai", "azure-openai-v1"):
        assert SURFACES[name].kinds_of(deployment) == kinds
    assert SURFACES["azure-ai"].kinds_of(deployment) == kinds - {ModelKind.RESPONSES}


def test_a_partner_that_flags_responses_has_them_on_v1() -> None:
    flags = {"chatCompletion": "true", "responses": "true"}
    deployment = a_deployment(model=Model("xAI", "grok-4", "1"), capabilities=flags)

    assert SURFACES["azure-openai-v1"].kinds_of(deployment) == {ModelKind.CHAT, ModelKind.RESPONSES}


@pytest.mark.parametrize(
    ("format_", "name", "flags", "surfaces"),
    [
        ("OpenAI", "text-embedding-3-large", "embeddings", "azure-openai azure-openai-v1"),
        ("DeepSeek", "DeepSeek-V3", "chatCompletion", "azure-openai-v1"),
        ("Cohere", "Cohere-embed-v3-english", "", ""),
        ("Cohere", "Cohere-rerank-v4", "chatCompletion", ""),
    ],
)
def test_only_a_last_resort_serves_what_is_in_no_common_shape(
    format_: str, name: str, flags: str, surfaces: str
) -> None:
    model, capabilities = Model(format_, name, "1"), dict.fromkeys(flags.split(), "true")
    deployment = a_deployment(model=model, capabilities=capabilities)
    serving = [it for it in SURFACES.values() if it.serves(deployment)]

    assert [it.name for it in serving if not it.is_fallback] == surfaces.split()
    assert any(it.is_fallback for it in serving)


@pytest.mark.parametrize("kind", ModelKind)
def test_every_kind_but_the_parked_ones_has_a_surface(kind: ModelKind) -> None:
    served = {it for surface in SURFACES.values() for it, _formats in surface.formats}

    assert (kind not in served) == (kind in {ModelKind.VIDEO, ModelKind.UNKNOWN})


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_a_surface_has_operations_for_just_the_kinds_that_it_serves(surface: Surface) -> None:
    assert all_kinds(surface) == {kind for kind, _formats in surface.formats}


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_a_surface_is_of_a_known_family_and_its_name_fits_resource_ids(surface: Surface) -> None:
    assert SURFACES[surface.name] is surface
    assert surface.family in FAMILIES
    assert len(surface.name) <= 15
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", surface.name)
    assert re.fullmatch(r"[a-z0-9]+(/[a-z0-9]+)*", surface.path_suffix)


def test_every_family_has_a_surface_of_its_name_over_http() -> None:
    assert {it.family for it in OVER_HTTP} == set(FAMILIES) == {it.name for it in OVER_HTTP}


def test_a_longer_path_is_another_surface() -> None:
    suffixes = sorted(it.path_suffix for it in SURFACES.values())

    assert all(shorter != longer for shorter, longer in pairwise(suffixes))


# A changed id deletes an operation and makes another, and with it what people hung on it.
@pytest.mark.parametrize(
    ("surface", "ids"),
    [
        (
            "azure-openai",
            (
                "chat-completions-create completions-create embeddings-create "
                "images-generations-create images-edits-create audio-transcriptions-create "
                "audio-translations-create audio-speech-create responses-create "
                "stored-response-get stored-response-delete stored-response-cancel "
                "stored-response-input-items models-list models-retrieve"
            ),
        ),
        (
            "azure-openai-v1",
            (
                "chat-completions-create completions-create embeddings-create "
                "images-generations-create images-edits-create audio-transcriptions-create "
                "audio-translations-create audio-speech-create responses-create responses-compact "
                "responses-input-tokens stored-response-get stored-response-delete "
                "stored-response-cancel stored-response-input-items models-list models-retrieve"
            ),
        ),
        (
            "azure-ai",
            (
                "chat-completions-create embeddings-create image-embeddings-create "
                "images-generations-create info-get"
            ),
        ),
        ("anthropic", "messages-create messages-count-tokens"),
        ("cohere", "rerank-create embed-create"),
        ("realtime", "onHandshake"),
        ("realtime-v1", "onHandshake"),
    ],
)
def test_operation_ids_never_change(surface: str, ids: str) -> None:
    assert [it.id for it in SURFACES[surface].operations] == ids.split()


@pytest.mark.parametrize("surface", OVER_HTTP, ids=lambda it: it.name)
def test_ids_and_routes_are_unique_and_ids_survive_the_import(surface: Surface) -> None:
    ids = [it.id for it in surface.operations]
    routes = Counter(
        (it.method, re.sub(r"{[^}]+}", "{}", it.template)) for it in surface.operations
    )

    assert len(set(ids)) == len(ids)
    assert [normalise(id_) for id_ in ids] == ids
    assert set(routes.values()) == {1}


@pytest.mark.parametrize(("surface", "operation"), OPERATIONS)
def test_the_deployment_is_where_the_operation_can_have_it(
    surface: Surface, operation: Operation
) -> None:
    where = operation.deployment_in
    parameters = re.findall(r"{([^}]+)}", operation.template)

    assert ("deployment-id" in parameters) == (where is DeploymentIn.PATH)
    assert ("model" in parameters) == (where is DeploymentIn.MODEL_PATH)
    assert where is not DeploymentIn.QUERY or surface.query is not None
    assert where is not DeploymentIn.BODY or operation.request == "application/json"
    assert where is not DeploymentIn.FORM or operation.request == "multipart/form-data"


@pytest.mark.parametrize(("surface", "operation"), OPERATIONS)
def test_the_policy_knows_by_its_id_what_names_no_deployment(
    surface: Surface, operation: Operation
) -> None:
    id_, where = operation.id, operation.deployment_in

    assert (id_.startswith("stored-response-") or id_ == "models-list") == (
        where is DeploymentIn.NOWHERE
    ), surface.name
    assert (id_ == "models-retrieve") == (where is DeploymentIn.MODEL_PATH)


@pytest.mark.parametrize(("surface", "operation"), OPERATIONS)
def test_only_what_is_posted_has_a_body_and_only_forms_have_files(
    surface: Surface, operation: Operation
) -> None:
    assert operation.method == "POST" or operation.request is None, surface.name
    assert (operation.request == "multipart/form-data") == bool(operation.files)


@pytest.mark.parametrize(
    ("surface", "url"),
    [
        ("azure-openai", "https://contoso.openai.azure.com/openai"),
        ("azure-openai-v1", "https://contoso.services.ai.azure.com/openai/v1"),
        ("azure-ai", "https://contoso.services.ai.azure.com/models"),
        ("anthropic", "https://contoso.services.ai.azure.com/anthropic"),
        ("cohere", "https://contoso.services.ai.azure.com/providers/cohere"),
        ("realtime", "https://contoso.openai.azure.com/openai/realtime"),
        ("realtime-v1", "https://contoso.services.ai.azure.com/openai/v1/realtime"),
    ],
)
def test_requests_go_to_the_host_that_the_account_names(surface: str, url: str) -> None:
    assert backend_url(an_account(), SURFACES[surface]) == url


@pytest.mark.parametrize(
    ("surface", "url"),
    [
        ("azure-openai", "https://contoso.openai.azure.com/openai"),
        ("azure-openai-v1", "https://contoso.openai.azure.com/openai/v1"),
        ("azure-ai", None),
        ("anthropic", None),
        ("cohere", None),
        ("realtime-v1", "https://contoso.openai.azure.com/openai/v1/realtime"),
    ],
)
def test_an_account_of_kind_openai_has_no_foundry_surfaces(surface: str, url: str | None) -> None:
    endpoints = {"OpenAI Language Model Instance API": "https://contoso.openai.azure.com/"}

    assert backend_url(an_account(endpoints=endpoints), SURFACES[surface]) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://contoso.openai.azure.com/",
        "https://contoso.openai.azure.com.evil.example/",
        "https://evil.example/contoso.openai.azure.com",
        "https://openai.azure.com/",
        "https://user@contoso.openai.azure.com/",
        "https://contoso.openai.azure.com:8443/",
        "https://contoso.openai.azure.com/elsewhere",
        "https://westus.api.cognitive.microsoft.com/",
        "not a url",
        "",
    ],
)
@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_the_gateways_token_goes_to_no_other_host(surface: Surface, url: str) -> None:
    account = an_account(endpoints=dict.fromkeys(surface.endpoint_names, url))

    assert backend_url(account, surface) is None


@pytest.mark.parametrize(
    "host",
    [
        "contoso.openai.azure.us",
        "contoso.cognitiveservices.azure.us",
        "contoso.openai.azure.cn",
        "contoso.cognitiveservices.azure.com",
    ],
)
def test_sovereign_clouds_are_served(host: str) -> None:
    account = an_account(endpoints={"OpenAI Language Model Instance API": f"https://{host}/"})

    assert backend_url(account, SURFACES["azure-openai"]) == f"https://{host}/openai"
