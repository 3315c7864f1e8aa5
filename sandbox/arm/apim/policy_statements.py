"""The policy statements of the published reference, one shape each.

learn.microsoft.com/azure/api-management/<name>-policy. Where a page is silent on an attribute, or
does not have it yet, Azure/azure-api-management-policy-toolkit (src/Authoring/Configs) was asked:
Microsoft's own compiler to policy documents. Where the two disagree the page is followed.
"""

from collections.abc import Mapping

from sandbox.arm.apim.policy_shapes import Attribute, Child, Shape

_TEXT = Attribute()
_NAME = Attribute(expressions=False)
_NEEDED = Attribute(required=True)
_FLAG = Attribute("boolean")
_COUNT = Attribute("integer", least=0)
_NOTHING = Shape()


def _plain(*, needed: bool = False, choices: tuple[str, ...] = ()) -> Shape:
    return Shape(text=True, needs_text=needed, choices=choices)


# Either tokens-per-minute or both token-quota and token-quota-period: see policy_rules.
_TOKEN_LIMIT = Shape(
    {
        "counter-key": _NEEDED,
        "tokens-per-minute": Attribute("integer", least=1),  # least: UNVERIFIED
        "token-quota": Attribute("integer", least=1, expressions=False),
        "token-quota-period": Attribute(
            choices=("Hourly", "Daily", "Weekly", "Monthly", "Yearly"), expressions=False
        ),
        "estimate-prompt-tokens": Attribute("boolean", required=True),
        "retry-after-header-name": _NAME,
        "retry-after-variable-name": _NAME,
        "remaining-quota-tokens-header-name": _NAME,
        "remaining-quota-tokens-variable-name": _NAME,
        "remaining-tokens-header-name": _NAME,
        "remaining-tokens-variable-name": _NAME,
        "tokens-consumed-header-name": _NAME,
        "tokens-consumed-variable-name": _NAME,
    },
    any_of=("tokens-per-minute", "token-quota"),
)
_DIMENSION = Shape({"name": _NEEDED, "value": _TEXT})
_TOKEN_METRIC = Shape({"namespace": _NAME}, (Child("dimension", _DIMENSION, least=1),))
_CACHE_LOOKUP = Shape(
    {
        "score-threshold": Attribute("decimal", required=True, least=0, most=1),
        "embeddings-backend-id": _NEEDED,
        "embeddings-backend-auth": Attribute(required=True, choices=("system-assigned",)),
        "ignore-system-messages": _FLAG,
        "max-message-count": _COUNT,
        "cache-id": _NAME,  # toolkit
    },
    (Child("vary-by", _plain(needed=True)),),
)
_CACHE_STORE = Shape(
    {
        "duration": Attribute("integer", required=True, least=1),  # least: UNVERIFIED
        "cache-id": _NAME,  # UNVERIFIED: by analogy with the lookup
    }
)
_CATEGORY = Shape(
    {
        "name": Attribute(required=True, choices=("Hate", "SelfHarm", "Sexual", "Violence")),
        "threshold": Attribute("integer", required=True, least=0, most=7),
    }
)
_SEVERITIES = Attribute(choices=("FourSeverityLevels", "EightSeverityLevels"))
_CONTENT_SAFETY = Shape(
    {
        "backend-id": _NEEDED,
        "shield-prompt": _FLAG,
        "enforce-on-completions": _FLAG,
        "window-size": Attribute("integer", least=1, most=10_000),
        "window-overlap-size": _COUNT,
    },
    (
        # That an empty list is refused is UNVERIFIED.
        Child(
            "categories",
            Shape({"output-type": _SEVERITIES}, (Child("category", _CATEGORY, least=1),)),
            most=1,
        ),
        Child("blocklists", Shape(children=(Child("id", _plain(needed=True), least=1),)), most=1),
    ),
)
_SET_BACKEND = Shape(
    dict.fromkeys(
        (
            *("base-url", "backend-id", "sf-resolve-condition", "sf-service-instance-name"),
            *("sf-partition-key", "sf-listener-name", "sf-replica-type"),
            *("dapr-app-id", "dapr-method", "dapr-namespace"),
        ),
        _TEXT,
    ),
    any_of=("base-url", "backend-id", "dapr-app-id"),
)
_MANAGED_IDENTITY = Shape(
    {
        "resource": _NEEDED,
        "client-id": _NAME,
        "output-token-variable-name": _NAME,
        "ignore-error": _FLAG,
    }
)
_ACTIONS = Attribute(choices=("override", "skip", "append", "delete"))
_SET_HEADER = Shape({"name": _NEEDED, "exists-action": _ACTIONS}, (Child("value", _plain()),))
_SET_VARIABLE = Shape({"name": Attribute(required=True, expressions=False), "value": _NEEDED})
_SET_STATUS = Shape(
    # The range is HTTP's own, that it is enforced is UNVERIFIED. The page calls "reason" required,
    # Microsoft's samples leave it out (Azure-Samples/AI-Gateway).
    {"code": Attribute("integer", required=True, least=100, most=599), "reason": _TEXT}
)
_SET_BODY = Shape(
    {
        # "none": Azure-Samples/AI-Gateway, labs/mcp-client-authorization, token.policy.xml
        "template": Attribute(choices=("liquid", "none"), expressions=False),
        "xsi-nil": Attribute(choices=("blank", "null"), expressions=False),
        "parse-date": _FLAG,  # toolkit
    },
    text=True,
    markup=True,
)
_RETURN_RESPONSE = Shape(
    {"response-variable-name": _NAME},
    (
        Child("set-status", _SET_STATUS, most=1),
        Child("set-header", _SET_HEADER),
        Child("set-body", _SET_BODY, most=1),
    ),
)
_RETRY = Shape(
    {
        "condition": _NEEDED,
        "count": Attribute("integer", required=True, least=1, most=50),
        "interval": Attribute("integer", required=True, least=0),
        "max-interval": _COUNT,
        "delta": _COUNT,
        "first-fast-retry": _FLAG,
    }
)
_LITERAL_FLAG = Attribute("boolean", expressions=False)  # toolkit
_FORWARD = Shape(
    {
        "timeout": _COUNT,
        "timeout-ms": _COUNT,
        "continue-timeout": _COUNT,
        "http-version": Attribute(choices=("1", "2or1", "2"), expressions=False),
        "follow-redirects": _FLAG,
        "buffer-request-body": _LITERAL_FLAG,
        "buffer-response": _LITERAL_FLAG,
        "fail-on-error-status-code": _LITERAL_FLAG,
    }
)
_RATE_BY_KEY = Shape(
    {
        "calls": Attribute("integer", required=True, least=1),
        "renewal-period": Attribute("integer", required=True, least=1, most=300),
        "counter-key": _NEEDED,
        "increment-condition": _TEXT,
        "increment-count": _COUNT,
        "increment-after-response": _FLAG,  # toolkit
        "retry-after-header-name": _NAME,
        "retry-after-variable-name": _NAME,
        "remaining-calls-header-name": _NAME,
        "remaining-calls-variable-name": _NAME,
        "total-calls-header-name": _NAME,
    }
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "*")


def _list_of(name: str, content: Shape, attributes: Mapping[str, Attribute] | None = None) -> Shape:
    return Shape(attributes or {}, (Child(name, content, least=1),))


_CORS = Shape(
    {"allow-credentials": _FLAG, "terminate-unmatched-request": _FLAG},
    (
        Child("allowed-origins", _list_of("origin", _plain(needed=True)), least=1, most=1),
        Child(
            "allowed-methods",
            _list_of(
                "method",
                _plain(needed=True, choices=_METHODS),
                {"preflight-result-max-age": _COUNT},
            ),
            most=1,
        ),
        # The page calls it required; Azure-Samples/AI-Gateway, labs/mcp-a2a-agents, goes without.
        Child("allowed-headers", _list_of("header", _plain(needed=True)), most=1),
        Child("expose-headers", _list_of("header", _plain(needed=True)), most=1),
    ),
)
_REWRITE = Shape({"template": _NEEDED, "copy-unmatched-params": _FLAG})
_INCLUDE = Shape({"fragment-id": Attribute(required=True, expressions=False)})

STATEMENTS: Mapping[str, Shape] = {
    "llm-token-limit": _TOKEN_LIMIT,
    "azure-openai-token-limit": _TOKEN_LIMIT,
    "llm-emit-token-metric": _TOKEN_METRIC,
    "azure-openai-emit-token-metric": _TOKEN_METRIC,
    "llm-semantic-cache-lookup": _CACHE_LOOKUP,
    "azure-openai-semantic-cache-lookup": _CACHE_LOOKUP,
    "llm-semantic-cache-store": _CACHE_STORE,
    "azure-openai-semantic-cache-store": _CACHE_STORE,
    "llm-content-safety": _CONTENT_SAFETY,
    "set-backend-service": _SET_BACKEND,
    "authentication-managed-identity": _MANAGED_IDENTITY,
    "set-header": _SET_HEADER,
    "set-query-parameter": _SET_HEADER,
    "set-variable": _SET_VARIABLE,
    "set-status": _SET_STATUS,
    "set-body": _SET_BODY,
    "set-method": _plain(needed=True),
    "return-response": _RETURN_RESPONSE,
    "retry": _RETRY,
    "forward-request": _FORWARD,
    "rate-limit-by-key": _RATE_BY_KEY,
    "cors": _CORS,
    "rewrite-uri": _REWRITE,
    "include-fragment": _INCLUDE,
    "choose": _NOTHING,
    "when": Shape({"condition": _NEEDED}),
    "otherwise": _NOTHING,
    "base": _NOTHING,
}
