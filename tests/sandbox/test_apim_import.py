import json
from typing import Any

import pytest

from sandbox.arm.apim.importing import import_document, merge, normalise
from sandbox.arm.apim.openapi_document import ImportRefusedError

OK = {"200": {"description": "ok"}}


def a_document(operation: dict[str, Any] | None = None, path: str = "/x", **members: Any) -> str:
    item = {"get": {"operationId": "Get", "responses": OK} | (operation or {})}
    root = {"openapi": "3.0.1", "info": {"title": "T", "version": "1"}, "paths": {path: item}}
    return json.dumps(root | members)


def problems(text: str, content_format: str = "openapi+json") -> list[str]:
    with pytest.raises(ImportRefusedError) as caught:
        import_document(text, content_format)
    return [problem.removeprefix("Parsing error(s): ") for problem in caught.value.problems]


def a_parameter(name: str, place: str = "query", **members: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": {"type": "string"}} | members


# The first three rows are the examples of the import restrictions page.
@pytest.mark.parametrize(
    ("operation_id", "expected"),
    [
        ("GET-/foo/{bar}?buzz={quix}", "get-foo-bar-buzz-quix"),
        ("ChatCompletions_Create", "chatcompletions-create"),
        ("GetModelInfo", "getmodelinfo"),
        ("--a  b--", "a-b"),
        ("x" * 90, "x" * 76),
        ("é", ""),
    ],
)
def test_operation_ids_are_normalised(operation_id: str, expected: str) -> None:
    assert normalise(operation_id) == expected


def test_equal_names_get_a_suffix_and_missing_ones_come_from_the_route() -> None:
    ids = ["Get A", "get-a", "GET_A", None]
    paths = {
        f"/p{i}/{{id}}": {
            "get": {
                **({"operationId": name} if name else {}),
                "responses": OK,
                "parameters": [a_parameter("id", "path", required=True)],
            }
        }
        for i, name in enumerate(ids)
    }

    operations = import_document(a_document(paths=paths), "openapi+json").operations

    assert [o.name for o in operations] == ["get-a", "get-a-1", "get-a-2", "get-p3-id"]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"summary": "Short"}, "Short"),
        ({"summary": "s" * 400}, "s" * 300),
        ({"summary": ""}, "Get"),
        ({"summary": None, "operationId": None}, "get-x"),
    ],
)
def test_the_display_name_is_the_summary_or_the_operation_id(
    operation: dict[str, Any], expected: str
) -> None:
    [made] = import_document(a_document(operation), "openapi+json").operations

    assert made.properties["displayName"] == expected


def test_required_query_parameters_become_template_parameters() -> None:
    wanted = [
        a_parameter("api-version", required=True),
        a_parameter("top"),
        a_parameter("h", "header", required=True),
    ]
    document = a_document({"parameters": wanted})

    [made] = import_document(document, "openapi+json").operations

    assert made.properties["urlTemplate"] == "/x?api-version={api-version}"
    assert [p["name"] for p in made.properties["templateParameters"]] == ["api-version"]
    assert [p["name"] for p in made.properties["request"]["queryParameters"]] == ["top"]
    assert [p["name"] for p in made.properties["request"]["headers"]] == ["h"]


def test_required_query_parameters_stay_when_asked_to() -> None:
    document = a_document({"parameters": [a_parameter("api-version", required=True)]})

    [made] = import_document(document, "openapi+json", required_query="query").operations

    assert made.properties["urlTemplate"] == "/x"
    assert made.properties["templateParameters"] == []
    [parameter] = made.properties["request"]["queryParameters"]
    assert (parameter["name"], parameter["required"]) == ("api-version", True)


def test_shared_parameters_are_followed_and_overridden() -> None:
    shared = {"Version": a_parameter("v", required=True)}
    item = {
        "parameters": [{"$ref": "#/components/parameters/Version"}],
        "get": {"operationId": "keeps", "responses": OK},
        "head": {"operationId": "drops", "responses": OK, "parameters": [a_parameter("v")]},
    }
    document = a_document(paths={"/x": item}, components={"parameters": shared})

    keeps, drops = import_document(document, "openapi+json").operations

    assert keeps.properties["urlTemplate"] == "/x?v={v}"
    assert drops.properties["urlTemplate"] == "/x"


def test_bodies_of_get_are_dropped_and_of_post_kept() -> None:
    body: dict[str, Any] = {"content": {"application/json": {}}}
    item = {
        method: {"operationId": method, "responses": OK, "requestBody": body}
        for method in ("get", "post", "trace")
    }

    made = import_document(a_document(paths={"/x": item}), "openapi+json").operations

    kinds = {o.name: [r["contentType"] for r in o.properties["request"]["representations"]]
             for o in made}  # fmt: skip
    assert kinds == {"get": [], "post": ["application/json"]}


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([], None),
        (["/relative"], None),
        (["/relative", "http://a.test"], "http://a.test"),
        (["http://a.test", "https://b.test/", "https://c.test"], "https://b.test"),
        (["https://{endpoint}/openai"], "https://{endpoint}/openai"),
    ],
)
def test_the_first_https_server_wins_then_the_first_of_all(
    servers: list[str], expected: str | None
) -> None:
    document = a_document(servers=[{"url": url} for url in servers])

    assert import_document(document, "openapi+json").service_url == expected


def test_swagger_2_is_imported_from_json() -> None:
    document = json.dumps(
        {
            "swagger": "2.0",
            "info": {"title": "T", "version": "1"},
            "host": "a.test",
            "basePath": "/v1",
            "schemes": ["http", "https"],
            "consumes": ["application/json"],
            "paths": {
                "/x": {
                    "post": {
                        "operationId": "Post",
                        "responses": OK,
                        "parameters": [{"name": "b", "in": "body", "schema": {"type": "object"}}],
                    }
                }
            },
        }
    )

    api = import_document(document, "swagger-json")

    assert api.service_url == "https://a.test/v1"
    [operation] = api.operations
    assert operation.properties["request"]["representations"] == [
        {"contentType": "application/json"}
    ]


def test_yaml_is_read_and_dates_stay_text() -> None:
    document = """
openapi: 3.0.1
info: {title: T, version: '1'}
paths:
  /x:
    get:
      operationId: Get
      responses: {'200': {description: ok}}
      parameters:
        - {name: v, in: query, required: true, schema: {type: string, default: 2024-10-21}}
"""

    [operation] = import_document(document, "openapi").operations

    assert operation.properties["templateParameters"][0]["defaultValue"] == "2024-10-21"


@pytest.mark.parametrize(
    ("document", "content_format", "expected"),
    [
        ("{", "openapi+json", "Expecting property name"),
        ("openapi: 3.0.1", "openapi+json", "Expecting value"),
        ("a: b: c", "openapi", "mapping values are not allowed"),
        ("[]", "openapi", "is not valid for the OpenAPI specification"),
        (a_document(openapi="3.2.0"), "openapi", "'3.2.0' is not supported"),
        (a_document(), "swagger-json", "'3.0.1' is not supported"),
        ('{"swagger": "2.0"}', "openapi", "'2.0' is not supported"),
        (a_document(), "openapi-link", "this machine alone"),
        (a_document(), "wsdl", "not supported by this local service"),
        (a_document(info={}), "openapi", "The field 'title' in 'info' object is REQUIRED"),
        (a_document(paths=None), "openapi", "The field 'paths' in 'document' object is REQUIRED"),
        (a_document({"responses": {}}), "openapi", "The field 'responses' in 'operation'"),
        (a_document(path="x"), "openapi", "'x' MUST begin with a slash"),
        (a_document(path="/{id}"), "openapi", "URL template parameter 'id' is not declared"),
        (
            a_document({"parameters": [a_parameter("id", "path", required=True)]}),
            "openapi",
            "Parameter 'id' is not part of the URL template",
        ),
        (
            a_document(
                {
                    "parameters": [
                        a_parameter("ID", "path", required=True),
                        a_parameter("id", required=True),
                    ]
                },
                path="/{ID}",
            ),
            "openapi",
            "Parameter name 'id' is not unique within the URL template",
        ),
        (
            a_document(components={"schemas": {"A": {"$ref": "other.json#/B"}}}),
            "openapi",
            "External reference 'other.json#/B'",
        ),
        (
            a_document(components={"schemas": {"A": {"$ref": "#/components/schemas/B"}}}),
            "openapi",
            "Invalid Reference identifier 'B'",
        ),
        (a_document(components={"schemas": {"A`1": {}}}), "openapi", "MUST match the regular"),
        (
            a_document(components={"schemas": {"A": {"discriminator": {"propertyName": "k"}}}}),
            "openapi",
            "Schema A must contain property specified in the discriminator k",
        ),
        (
            a_document(
                components={
                    "schemas": {"A": {"properties": {"a": {"$ref": "#/components/schemas/A"}}}}
                }
            ),
            "openapi",
            "Schema 'A' is defined recursively",
        ),
        ("x" * (4 * 1024 * 1024 + 1), "openapi", "limit of 4 MB"),
    ],
)
def test_documents_that_are_refused(document: str, content_format: str, expected: str) -> None:
    assert expected in problems(document, content_format)[0]


def test_a_refusal_ends_with_the_specification_that_was_broken() -> None:
    assert problems(a_document(info={}))[-1].startswith("The input OpenAPI file is not valid")


def test_recursion_can_be_let_through() -> None:
    schemas = {"A": {"properties": {"a": {"$ref": "#/components/schemas/A"}}}}
    document = a_document(components={"schemas": schemas})

    api = import_document(document, "openapi+json", refuse_recursion=False)

    assert list(api.schemas) == ["A"]


@pytest.mark.parametrize(
    "schema",
    [
        {"required": ["k"]},
        {"oneOf": [{"properties": {"k": {}}}]},
        {"allOf": [{"$ref": "#/components/schemas/B"}]},
    ],
)
def test_a_discriminator_may_be_required_by_an_alternative(schema: dict[str, Any]) -> None:
    schemas = {"A": schema | {"discriminator": {"propertyName": "k"}}, "B": {"required": ["k"]}}

    api = import_document(a_document(components={"schemas": schemas}), "openapi+json")

    assert list(api.schemas) == ["A", "B"]


def test_references_in_extensions_and_examples_are_ignored() -> None:
    operation = {"x-ms-examples": {"a": {"$ref": "./examples/a.json"}}}

    assert import_document(a_document(operation), "openapi+json").operations


def test_a_merge_updates_creates_and_deletes_by_resource_name() -> None:
    operations = import_document(
        a_document(
            paths={
                "/kept": {"get": {"operationId": "Kept", "responses": OK}},
                "/moved": {"get": {"operationId": "Renamed", "responses": OK}},
            }
        ),
        "openapi+json",
    ).operations
    existing = {
        "kept": {"method": "POST", "urlTemplate": "/old"},
        "before": {"method": "GET", "urlTemplate": "/moved"},
    }

    plan = merge(existing, operations)

    assert [o.name for o in plan.updated] == ["kept"]
    assert [o.name for o in plan.created] == ["renamed"]
    assert plan.deleted == ("before",)
    assert plan.policy_sources == {"renamed": "before"}
