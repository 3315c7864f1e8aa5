"""The documents: valid, inside what API Management imports, and imported as they are meant."""

import json
from itertools import combinations, product

import pytest
from openapi_spec_validator import validate

from sandbox.arm.apim.importing import ImportedApi, import_document
from sandbox.arm.apim.openapi_reader import MAX_INLINE_BYTES
from shared.core.model import Json
from shared.core.model_kinds import ModelKind
from shared.core.openapi import (
    all_kinds,
    fingerprint,
    imported_operations,
    openapi_document,
    operations_of,
)
from shared.core.surfaces import SURFACES, DeploymentIn, Protocol, Surface

OVER_HTTP = [it for it in SURFACES.values() if it.protocol is Protocol.HTTP]
CASES = [
    *(
        pytest.param(surface, frozenset({kind}), id=f"{surface.name}:{kind.value}")
        for surface, kind in product(OVER_HTTP, ModelKind)
    ),
    *(pytest.param(surface, all_kinds(surface), id=f"{surface.name}:all") for surface in OVER_HTTP),
]


def a_document(surface: Surface, kinds: frozenset[ModelKind]) -> Json:
    return openapi_document(surface, kinds, title="contoso", server="https://nowhere.invalid")


def imported(surface: Surface) -> ImportedApi:
    document = a_document(surface, all_kinds(surface))
    return import_document(json.dumps(document), "openapi+json")


@pytest.mark.parametrize(("surface", "kinds"), CASES)
def test_a_document_is_valid_openapi(surface: Surface, kinds: frozenset[ModelKind]) -> None:
    document = a_document(surface, kinds)

    validate(document)

    assert len(json.dumps(document).encode()) < MAX_INLINE_BYTES


@pytest.mark.parametrize(("surface", "kinds"), CASES)
def test_an_import_makes_just_the_operations_that_the_kinds_need(
    surface: Surface, kinds: frozenset[ModelKind]
) -> None:
    document = a_document(surface, kinds)
    expected = {
        (it.id, it.method, it.template)
        for it in surface.operations
        if it.kind is None or it.kind in kinds
    }

    api = import_document(json.dumps(document), "openapi+json")

    assert {(it.name, *it.route) for it in api.operations} == expected
    assert api.service_url == "https://nowhere.invalid"
    assert imported_operations(document) == operations_of(surface, kinds) == (*sorted(expected),)


@pytest.mark.parametrize("surface", OVER_HTTP, ids=lambda it: it.name)
def test_no_query_parameter_is_needed_to_match(surface: Surface) -> None:
    for operation in imported(surface).operations:
        query = operation.properties["request"]["queryParameters"]

        assert {it["name"] for it in query} >= {"api-version"}
        assert not any(it["required"] for it in query)
        assert "?" not in operation.properties["urlTemplate"]


@pytest.mark.parametrize("surface", OVER_HTTP, ids=lambda it: it.name)
def test_parameter_names_are_unique_whatever_their_case(surface: Surface) -> None:
    for methods in a_document(surface, all_kinds(surface))["paths"].values():
        for operation in methods.values():
            names = [parameter["name"].lower() for parameter in operation["parameters"]]

            assert len(set(names)) == len(names)


@pytest.mark.parametrize("surface", OVER_HTTP, ids=lambda it: it.name)
def test_media_types_are_those_of_the_operation(surface: Surface) -> None:
    made = {it.name: it.properties for it in imported(surface).operations}

    for operation in surface.operations:
        request = made[operation.id]["request"]["representations"]
        [answer] = made[operation.id]["responses"]
        assert [it["contentType"] for it in request] == [*filter(None, [operation.request])]
        assert [it["contentType"] for it in answer["representations"]] == [operation.answer]


@pytest.mark.parametrize("surface", OVER_HTTP, ids=lambda it: it.name)
def test_the_deployment_in_a_query_is_declared(surface: Surface) -> None:
    made = {it.name: it.properties for it in imported(surface).operations}
    asked = [it for it in surface.operations if it.deployment_in is DeploymentIn.QUERY]

    for operation in asked:
        query = made[operation.id]["request"]["queryParameters"]
        assert surface.query in {it["name"] for it in query}


def test_files_of_a_form_are_binary() -> None:
    surface = SURFACES["azure-openai-v1"]
    paths = a_document(surface, all_kinds(surface))["paths"]

    content = paths["/images/edits"]["post"]["requestBody"]["content"]

    binary = {"type": "string", "format": "binary"}
    assert content["multipart/form-data"]["schema"]["properties"] == {
        "image": binary,
        "mask": binary,
    }


def test_spoken_answers_are_binary() -> None:
    surface = SURFACES["azure-openai"]
    document = a_document(surface, frozenset({ModelKind.SPEECH}))

    [speech] = [it for path, it in document["paths"].items() if path.endswith("/audio/speech")]

    assert speech["post"]["responses"]["200"]["content"] == {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
    }


@pytest.mark.parametrize(
    "surface", [it for it in SURFACES.values() if it not in OVER_HTTP], ids=lambda it: it.name
)
def test_a_websocket_api_has_one_operation_and_no_document(surface: Surface) -> None:
    assert operations_of(surface, all_kinds(surface)) == (("onHandshake", "GET", "/"),)
    with pytest.raises(ValueError, match="WebSocket"):
        a_document(surface, all_kinds(surface))


def test_every_choice_of_operations_has_a_fingerprint_of_its_own() -> None:
    surface = SURFACES["azure-openai-v1"]
    kinds = sorted(all_kinds(surface), key=str)
    choices = [
        frozenset(some) for count in range(len(kinds) + 1) for some in combinations(kinds, count)
    ]

    prints = {fingerprint(a_document(surface, choice)) for choice in choices}

    assert len(prints) == len(choices)
