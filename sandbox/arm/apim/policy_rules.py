"""What is known of each policy: where it may stand, what it needs, which tiers lack it.

One row per policy of learn.microsoft.com/azure/api-management/api-management-policies; sections and
scopes are those of the policy's own page ("Usage"). Attributes are only checked where their page
says "required". What a row does not say is not checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SECTIONS = ("inbound", "backend", "outbound", "on-error")

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


@dataclass(frozen=True, slots=True)
class Reference:
    """An attribute that names another entity of the service."""

    attribute: str
    kind: str  # collection of the service, e.g. "backends"
    label: str  # as the error message says it


@dataclass(frozen=True, slots=True)
class Rule:
    sections: frozenset[str] = _ANY
    scopes: frozenset[str] = _ALL_SCOPES
    tiers: frozenset[str] = _ALL_TIERS
    required: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()  # at least one of these attributes
    numbers: tuple[tuple[str, int, int], ...] = ()  # attribute, least, most
    children: frozenset[str] | None = None  # None: not checked
    contains_policies: bool = False
    reference: Reference | None = None


def _backend(attribute: str) -> Reference:
    return Reference(attribute, "backends", "Backend")


_LLM_LIMIT = Rule(
    _IN,
    tiers=_PAID_GATEWAYS,
    required=("counter-key", "estimate-prompt-tokens"),
    any_of=("tokens-per-minute", "token-quota"),
    children=frozenset(),
)
_LLM_METRIC = Rule(_IN, children=frozenset({"dimension"}))
_LLM_LOOKUP = Rule(
    _IN,
    required=("score-threshold", "embeddings-backend-id", "embeddings-backend-auth"),
    reference=_backend("embeddings-backend-id"),
    children=frozenset({"vary-by"}),
)
_LLM_STORE = Rule(_OUT, required=("duration",), children=frozenset())
_HTTP_MESSAGE = frozenset({"set-url", "set-method", "set-header", "set-body", "proxy"})
_REQUEST_PARTS = _HTTP_MESSAGE | {"authentication-certificate", "authentication-managed-identity"}

POLICIES: Mapping[str, Rule] = {
    # Rate limiting and quotas
    "rate-limit": Rule(_IN, scopes=frozenset({"product", "api", "operation"}),
                       required=("calls", "renewal-period"), numbers=(("renewal-period", 1, 300),)),
    "rate-limit-by-key": Rule(_IN, tiers=_PAID_GATEWAYS,
                              required=("calls", "renewal-period", "counter-key"),
                              numbers=(("renewal-period", 1, 300),)),
    "quota": Rule(_IN, scopes=frozenset({"product"}), required=("renewal-period",),
                  any_of=("calls", "bandwidth")),
    "quota-by-key": Rule(_IN, tiers=_PAID_GATEWAYS, required=("counter-key", "renewal-period"),
                         any_of=("calls", "bandwidth")),
    "limit-concurrency": Rule(required=("key", "max-count"), contains_policies=True),
    "llm-token-limit": _LLM_LIMIT,
    "azure-openai-token-limit": _LLM_LIMIT,
    # Authentication and authorization
    "check-header": Rule(_IN, required=("name", "failed-check-httpcode",
                                        "failed-check-error-message", "ignore-case")),
    "get-authorization-context": Rule(
        _IN, required=("provider-id", "authorization-id", "context-variable-name")),
    "ip-filter": Rule(_IN, required=("action",), children=frozenset({"address", "address-range"})),
    "validate-azure-ad-token": Rule(_IN, required=("tenant-id",)),
    "validate-jwt": Rule(_IN, any_of=("header-name", "query-parameter-name", "token-value")),
    "validate-client-certificate": Rule(_IN),
    "authentication-basic": Rule(_IN, required=("username", "password"), children=frozenset()),
    "authentication-certificate": Rule(_IN, any_of=("thumbprint", "certificate-id", "body")),
    # Documented for inbound; Microsoft's own lab saves it in outbound too (Azure-Samples/AI-Gateway
    # labs/mcp-client-authorization), and Azure/azure-api-management-policy-toolkit has it there.
    "authentication-managed-identity": Rule(_IN_OUT, required=("resource",), children=frozenset()),
    # Content validation
    "validate-content": Rule(_ANY - {"backend"}, required=(
        "unspecified-content-type-action", "max-size", "size-exceeded-action")),
    "validate-graphql-request": Rule(_IN),
    "validate-odata-request": Rule(_IN),
    "validate-parameters": Rule(_IN, required=("specified-parameter-action",
                                               "unspecified-parameter-action")),
    "validate-headers": Rule(_OUT_ERROR, required=("specified-header-action",
                                                   "unspecified-header-action")),
    "validate-status-code": Rule(_OUT_ERROR, required=("unspecified-status-code-action",)),
    "llm-content-safety": Rule(_IN_OUT, tiers=_PAID_GATEWAYS, required=("backend-id",),
                               children=frozenset({"categories", "blocklists"}),
                               reference=_backend("backend-id")),
    # Routing
    "forward-request": Rule(_BACK, children=frozenset()),
    "set-backend-service": Rule(_IN | _BACK, any_of=("base-url", "backend-id"),
                                children=frozenset(), reference=_backend("backend-id")),
    "proxy": Rule(_IN, required=("url",)),
    # Caching
    "cache-lookup": Rule(_IN, required=("vary-by-developer", "vary-by-developer-groups")),
    "cache-store": Rule(_OUT, required=("duration",)),
    "cache-lookup-value": Rule(required=("key", "variable-name")),
    "cache-store-value": Rule(required=("key", "value", "duration")),
    "cache-remove-value": Rule(required=("key",)),
    "llm-semantic-cache-lookup": _LLM_LOOKUP,
    "llm-semantic-cache-store": _LLM_STORE,
    "azure-openai-semantic-cache-lookup": _LLM_LOOKUP,
    "azure-openai-semantic-cache-store": _LLM_STORE,
    # Transformation
    "set-method": Rule(_IN | {"on-error"}),
    "set-status": Rule(required=("code",)),
    "set-variable": Rule(required=("name", "value"), children=frozenset()),
    "set-body": Rule(),
    "set-header": Rule(required=("name",), children=frozenset({"value"})),
    "set-query-parameter": Rule(_IN | _BACK, required=("name",), children=frozenset({"value"})),
    "rewrite-uri": Rule(_IN, required=("template",), children=frozenset()),
    "json-to-xml": Rule(_ANY - {"backend"}, required=("apply",)),
    "xml-to-json": Rule(_ANY - {"backend"}, required=("kind", "apply")),
    "find-and-replace": Rule(required=("from", "to")),
    "redirect-content-urls": Rule(_IN_OUT, scopes=frozenset({"api", "operation"})),
    "xsl-transform": Rule(_IN_OUT),
    "return-response": Rule(children=frozenset({"set-status", "set-header", "set-body"})),
    "mock-response": Rule(_ANY - {"backend"}),
    # Cross-domain
    "cross-domain": Rule(_IN, scopes=frozenset({"global"})),
    "cors": Rule(_IN, children=frozenset(
        {"allowed-origins", "allowed-methods", "allowed-headers", "expose-headers"})),
    "jsonp": Rule(_OUT, required=("callback-parameter-name",)),
    # Integration
    "send-request": Rule(required=("response-variable-name",), children=_REQUEST_PARTS),
    "send-one-way-request": Rule(children=_REQUEST_PARTS),
    "log-to-eventhub": Rule(required=("logger-id",),
                            reference=Reference("logger-id", "loggers", "Logger")),
    # In Azure/azure-api-management-policy-toolkit, IInboundContext.cs and its like
    "send-service-bus-message": Rule(),
    "invoke-request": Rule(),
    "publish-to-dapr": Rule(),
    "invoke-dapr-binding": Rule(),
    "cache-value": Rule(),
    # Logging
    "trace": Rule(required=("source",), children=frozenset({"message", "metadata"})),
    "emit-metric": Rule(_ANY, required=("name",), children=frozenset({"dimension"})),
    "llm-emit-token-metric": _LLM_METRIC,
    "azure-openai-emit-token-metric": _LLM_METRIC,
    # Control and flow
    "choose": Rule(children=frozenset({"when", "otherwise"})),
    "include-fragment": Rule(required=("fragment-id",), children=frozenset(),
                             reference=Reference("fragment-id", "policyFragments",
                                                 "Policy fragment")),
    "retry": Rule(required=("condition", "count", "interval"), numbers=(("count", 1, 50),),
                  contains_policies=True),
    "wait": Rule(children=frozenset({"send-request", "cache-lookup-value", "choose"})),
    "publish-event": Rule(),
    "base": Rule(children=frozenset()),  # "has no effect" at global scope, so not refused there
}  # fmt: skip
