"""What counts as drift, and what is just how ARM echoes it."""

from typing import Any

import pytest

from shared.core.diff import cut, drift
from shared.core.model import ActualResource, Resource

API, BACKEND = "apis/a", "backends/b"
POLICY, SOCKET_POLICY = "apis/a/policies/policy", "apis/a/operations/onHandshake/policies/policy"
DIAGNOSTICS, KEY = "apis/a/diagnostics/applicationinsights", "namedValues/k"
PRODUCT, LINK = "products/p", "products/p/apis/a"
ACCOUNT = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg"
    "/providers/Microsoft.CognitiveServices/accounts/a"
)
ROLE = (
    f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments"
    "/11111111-1111-1111-1111-111111111111"
)
GUID = "a97b65f3-24c7-4388-baec-2e87135dc908"
LOGGER = "/subscriptions/x/resourceGroups/y/providers/Microsoft.ApiManagement/service/z/loggers/Ai"
NAMES = "subscriptionKeyParameterNames"


def fields(path: str, desired: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    wanted = Resource(path, {"properties": desired})
    found = ActualResource(path, {"properties": actual, "id": "/x"}, '"1"')
    return [item.field.removeprefix("properties.") for item in drift(wanted, found)]


@pytest.mark.parametrize(
    ("path", "desired", "actual"),
    [
        (BACKEND, {"url": "u"}, {"url": "u", "title": "more"}),
        (API, {"format": "openapi+json", "value": "{}", "path": "p"}, {"path": "p"}),
        (API, {"type": "websocket", "path": "p"}, {"type": "websocket", "path": "p"}),
        (
            API,
            {NAMES: {"header": "api-key", "bearer": "enabled"}},
            {NAMES: {"header": "api-key", "query": "subscription-key"}},
        ),
        (API, {NAMES: {"bearer": "enabled"}}, {NAMES: {"bearer": "enabled"}}),
        (POLICY, {"format": "rawxml", "value": "<a>\n  <b />\n</a>"}, {"value": "<a>\r\n<b/></a>"}),
        (SOCKET_POLICY, {"format": "xml", "value": "<a><b /></a>"}, {"value": "<a><b></b></a>"}),
        (DIAGNOSTICS, {"loggerId": "/loggers/ai"}, {"loggerId": LOGGER}),
        (DIAGNOSTICS, {"loggerId": LOGGER.lower()}, {"loggerId": LOGGER}),
        (
            KEY,
            {"value": "s", "keyVault": {"secretIdentifier": "s"}},
            {"keyVault": {"secretIdentifier": "s", "lastStatus": {"code": "Success"}}},
        ),
        (KEY, {"secret": True}, {"secret": True, "keyVault": None}),
        (
            ROLE,
            {"roleDefinitionId": f"/providers/x/{GUID}", "principalId": "AB"},
            {
                "roleDefinitionId": f"/subscriptions/s/providers/x/{GUID.upper()}",
                "principalId": "ab",
            },
        ),
        (PRODUCT, {"displayName": "ours"}, {"displayName": "renamed by hand"}),
        (LINK, {}, {"displayName": "an API"}),
    ],
)
def test_what_arm_echoes_in_its_own_way_is_no_drift(
    path: str, desired: dict[str, Any], actual: dict[str, Any]
) -> None:
    assert fields(path, desired, actual) == []


@pytest.mark.parametrize(
    ("path", "desired", "actual", "expected"),
    [
        (BACKEND, {"url": "u"}, {"url": "v"}, ["url"]),
        (BACKEND, {"credentials": {"a": 1}}, {"credentials": None}, ["credentials.a"]),
        (
            API,
            {NAMES: {"header": "api-key", "bearer": "enabled"}},
            {NAMES: {"header": "key", "bearer": "disabled"}},
            [f"{NAMES}.bearer", f"{NAMES}.header"],
        ),
        (POLICY, {"value": "<a><b /></a>"}, {"value": "<a><c /></a>"}, ["value"]),
        (POLICY, {"value": '<a b="1" />'}, {"value": '<a b="2" />'}, ["value"]),
        (POLICY, {"value": "<a />"}, {"value": "no XML"}, ["value"]),
        (POLICY, {"value": "<a />"}, {}, ["value"]),
        (SOCKET_POLICY, {"value": "<a><b /></a>"}, {"value": "<a />"}, ["value"]),
        (DIAGNOSTICS, {"loggerId": "/loggers/ai"}, {"loggerId": f"{LOGGER}2"}, ["loggerId"]),
        (DIAGNOSTICS, {"metrics": True}, {"metrics": None}, ["metrics"]),
        (
            KEY,
            {"keyVault": {"secretIdentifier": "s"}},
            {"keyVault": {"secretIdentifier": "s", "lastStatus": {"code": "Forbidden"}}},
            ["keyVault.lastStatus"],
        ),
        (
            ROLE,
            {"roleDefinitionId": f"/x/{GUID}", "description": "mark"},
            {"roleDefinitionId": f"/x/{GUID[:-1]}9", "description": None},
            ["description", "roleDefinitionId"],
        ),
    ],
)
def test_what_differs_is_named(
    path: str, desired: dict[str, Any], actual: dict[str, Any], expected: list[str]
) -> None:
    assert fields(path, desired, actual) == expected


def test_the_operations_of_an_api_are_compared_although_its_document_is_not_echoed() -> None:
    chat, embeddings = ("chat", "POST", "/chat"), ("embed", "POST", "/embed")
    wanted = Resource(API, {"properties": {}}, (chat, embeddings))
    found = ActualResource(API, {"properties": {}}, '"1"', (chat,))

    (item,) = drift(wanted, found)

    assert (item.field, item.desired, item.actual) == ("operations", (chat, embeddings), (chat,))


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("short", "shorter", ("short", "shorter")),
        ("a" * 30, "b" * 30, ("a" * 20 + " ...", "b" * 20 + " ...")),
        ("a" * 30 + "x", "a" * 30 + "y", ("... " + "a" * 19 + "x", "... " + "a" * 19 + "y")),
        ("a" * 30 + "x" * 30, "a" * 30, ("... " + "a" * 5 + "x" * 15 + " ...", "... " + "a" * 20)),
        ("a" * 30, "a" * 30, ("... " + "a" * 20, "... " + "a" * 20)),
        ("a" * 30, "", ("a" * 20 + " ...", "")),
    ],
)
def test_long_texts_are_cut_around_their_first_difference(
    one: str, other: str, shown: tuple[str, str]
) -> None:
    assert cut(one, other, 20) == shown
