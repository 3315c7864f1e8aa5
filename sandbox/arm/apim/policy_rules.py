"""Where each policy may stand: sections, scopes and tiers, and what it refers to.

One row per policy of learn.microsoft.com/azure/api-management/api-management-policies; sections and
scopes are those of the policy's own page ("Usage"), tiers those it "applies to". What is inside the
element is in policy_statements; the policies that are not there are only checked where their page
says "required".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.arm.apim.policy_shapes import Attribute, Shape, needs
from sandbox.arm.apim.policy_statements import STATEMENTS

SECTIONS = ("inbound", "backend", "outbound", "on-error")
# "Unsupported policies": learn.microsoft.com/azure/api-management/websocket-api. That set-body is
# refused inside of return-response too is UNVERIFIED.
NOT_FOR_HANDSHAKE = frozenset(
    {
        *("mock-response", "cache-lookup", "cache-store", "cross-domain", "cors", "jsonp"),
        *("set-method", "set-body", "xml-to-json", "json-to-xml", "xsl-transform"),
        *("validate-content", "validate-parameters", "validate-headers", "validate-status-code"),
    }
)

_IN = frozenset({"inbound"})
_OUT = frozenset({"outbound"})
_BACK = frozenset({"backend"})
_IN_OUT = _IN | _OUT
_ANY = frozenset(SECTIONS)
_OUT_ERROR = frozenset({"outbound", "on-error"})
_CLASSIC = frozenset({"Developer", "Basic", "Standard", "Premium"})
_V2 = frozenset({"BasicV2", "StandardV2", "PremiumV2"})
_ALL_TIERS = _CLASSIC | _V2 | {"Consumption"}
_PAID_GATEWAYS = _CLASSIC | _V2
_ALL_SCOPES = frozenset({"global", "workspace", "product", "api", "operation"})
_UP_TO_API = _ALL_SCOPES - {"operation"}
_OPEN = Shape(open=True)


@dataclass(frozen=True, slots=True)
class Reference:
    """An attribute that names another entity of the service."""

    attribute: str
    kind: str  # collection of the service, e.g. "backends"
    label: str  # as the error message says it


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a policy may stand.

    ``once``: "can only be used once in a policy section". That this counts what is nested in
    choose, retry and the like is inferred from the words.
    """

    sections: frozenset[str] = _ANY
    scopes: frozenset[str] = _ALL_SCOPES
    tiers: frozenset[str] = _ALL_TIERS
    shape: Shape = _OPEN  # used when the policy is not in STATEMENTS
    children: frozenset[str] | None = None  # with an open shape; None: not checked
    contains_policies: bool = False
    once: bool = False
    reference: Reference | None = None


def shape_of(name: str, rule: Rule) -> Shape:
    return STATEMENTS.get(name, rule.shape)


def _backend(attribute: str) -> Reference:
    return Reference(attribute, "backends", "Backend")


_LLM_LIMIT = Rule(_IN, tiers=_PAID_GATEWAYS)
_LLM_METRIC = Rule(_IN)
_LLM_LOOKUP = Rule(_IN, once=True, reference=_backend("embeddings-backend-id"))
_LLM_STORE = Rule(_OUT, once=True)
_RATE_LIMIT = Shape(
    {
        "calls": Attribute("integer", required=True, least=1),
        "renewal-period": Attribute("integer", required=True, least=1, most=300),
    },
    open=True,
)
_HTTP_MESSAGE = frozenset({"set-url", "set-method", "set-header", "set-body", "proxy"})
_REQUEST_PARTS = _HTTP_MESSAGE | {"authentication-certificate", "authentication-managed-identity"}

POLICIES: Mapping[str, Rule] = {
    # Rate limiting and quotas
    "rate-limit": Rule(_IN, scopes=frozenset({"product", "api", "operation"}), shape=_RATE_LIMIT),
    "rate-limit-by-key": Rule(_IN, tiers=_PAID_GATEWAYS),
    "quota": Rule(_IN, scopes=frozenset({"product"}),
                  shape=needs("renewal-period", any_of=("calls", "bandwidth"))),
    "quota-by-key": Rule(_IN, tiers=_PAID_GATEWAYS,
                         shape=needs("counter-key", "renewal-period",
                                     any_of=("calls", "bandwidth"))),
    "limit-concurrency": Rule(shape=needs("key", "max-count"), contains_policies=True),
    "llm-token-limit": _LLM_LIMIT,
    "azure-openai-token-limit": _LLM_LIMIT,
    # Authentication and authorization
    "check-header": Rule(_IN, shape=needs("name", "failed-check-httpcode",
                                          "failed-check-error-message", "ignore-case")),
    "get-authorization-context": Rule(
        _IN, shape=needs("provider-id", "authorization-id", "context-variable-name")),
    "ip-filter": Rule(_IN, shape=needs("action"),
                      children=frozenset({"address", "address-range"})),
    "validate-azure-ad-token": Rule(_IN, shape=needs("tenant-id")),
    "validate-jwt": Rule(_IN, shape=needs(
        any_of=("header-name", "query-parameter-name", "token-value"))),
    "validate-client-certificate": Rule(_IN),
    "authentication-basic": Rule(_IN, shape=needs("username", "password"), children=frozenset()),
    "authentication-certificate": Rule(_IN, shape=needs(
        any_of=("thumbprint", "certificate-id", "body"))),
    # Documented for inbound; Microsoft's own lab saves it in outbound too (Azure-Samples/AI-Gateway
    # labs/mcp-client-authorization), and Azure/azure-api-management-policy-toolkit has it there.
    "authentication-managed-identity": Rule(_IN_OUT),
    # Content validation
    "validate-content": Rule(_ANY - {"backend"}, shape=needs(
        "unspecified-content-type-action", "max-size", "size-exceeded-action")),
    "validate-graphql-request": Rule(_IN),
    "validate-odata-request": Rule(_IN),
    "validate-parameters": Rule(_IN, shape=needs("specified-parameter-action",
                                                 "unspecified-parameter-action")),
    "validate-headers": Rule(_OUT_ERROR, shape=needs("specified-header-action",
                                                     "unspecified-header-action")),
    "validate-status-code": Rule(_OUT_ERROR, shape=needs("unspecified-status-code-action")),
    # Outbound since 2026; the same revision of the page took the operation scope away. Its tiers
    # have no Consumption, although its gateways do.
    "llm-content-safety": Rule(_IN_OUT, scopes=_UP_TO_API, tiers=_PAID_GATEWAYS,
                               reference=_backend("backend-id")),
    # Routing
    "forward-request": Rule(_BACK),
    "set-backend-service": Rule(_IN | _BACK, reference=_backend("backend-id")),
    "proxy": Rule(_IN, shape=needs("url")),
    # Caching
    "cache-lookup": Rule(_IN, shape=needs("vary-by-developer", "vary-by-developer-groups"),
                         once=True),
    "cache-store": Rule(_OUT, shape=needs("duration"), once=True),
    "cache-lookup-value": Rule(shape=needs("key", "variable-name")),
    "cache-store-value": Rule(shape=needs("key", "value", "duration")),
    "cache-remove-value": Rule(shape=needs("key")),
    "llm-semantic-cache-lookup": _LLM_LOOKUP,
    "llm-semantic-cache-store": _LLM_STORE,
    "azure-openai-semantic-cache-lookup": _LLM_LOOKUP,
    "azure-openai-semantic-cache-store": _LLM_STORE,
    # Transformation
    "set-method": Rule(_IN | {"on-error"}),
    "set-status": Rule(),
    "set-variable": Rule(),
    # Its page has no on-error, Microsoft's toolkit has (IOnErrorContext.cs).
    "set-body": Rule(),
    "set-header": Rule(),
    "set-query-parameter": Rule(_IN | _BACK),
    "rewrite-uri": Rule(_IN),
    "json-to-xml": Rule(_ANY - {"backend"}, shape=needs("apply")),
    "xml-to-json": Rule(_ANY - {"backend"}, shape=needs("kind", "apply")),
    "find-and-replace": Rule(shape=needs("from", "to")),
    "redirect-content-urls": Rule(_IN_OUT, scopes=frozenset({"api", "operation"})),
    "xsl-transform": Rule(_IN_OUT),
    "return-response": Rule(),
    "mock-response": Rule(_ANY - {"backend"}),
    # Cross-domain
    "cross-domain": Rule(_IN, scopes=frozenset({"global"})),
    "cors": Rule(_IN, once=True),
    "jsonp": Rule(_OUT, shape=needs("callback-parameter-name")),
    # Integration
    "send-request": Rule(shape=needs("response-variable-name"), children=_REQUEST_PARTS),
    "send-one-way-request": Rule(children=_REQUEST_PARTS),
    "log-to-eventhub": Rule(shape=needs("logger-id"),
                            reference=Reference("logger-id", "loggers", "Logger")),
    # In Azure/azure-api-management-policy-toolkit, IInboundContext.cs and its like
    "send-service-bus-message": Rule(),
    "invoke-request": Rule(),
    "publish-to-dapr": Rule(),
    "invoke-dapr-binding": Rule(),
    "cache-value": Rule(),
    # Logging
    "trace": Rule(shape=needs("source"), children=frozenset({"message", "metadata"})),
    "emit-metric": Rule(_ANY, shape=needs("name"), children=frozenset({"dimension"})),
    "llm-emit-token-metric": _LLM_METRIC,
    "azure-openai-emit-token-metric": _LLM_METRIC,
    # Control and flow
    "choose": Rule(),
    "include-fragment": Rule(reference=Reference("fragment-id", "policyFragments",
                                                 "Policy fragment")),
    "retry": Rule(contains_policies=True),
    "wait": Rule(children=frozenset({"send-request", "cache-lookup-value", "choose"})),
    "publish-event": Rule(),
    "base": Rule(),  # "has no effect" at global scope, so not refused there
}  # fmt: skip
