"""The worlds of the golden files: each named by what it shows, and no larger than that."""

from dataclasses import dataclass
from datetime import timedelta

from shared.core.model import Account, Deployment, GatewayFacts, Model, Service
from tests.builders import FACTS, GRANT, NOW, PRINCIPAL, an_account

ASSIGNED = "88888888-0000-0000-0000-00000000000c"  # client id of a user-assigned identity
NO_ROLES = GatewayFacts(roles=())
V1_ONLY = "defaults:\n  surfaces: [azure-openai-v1]\n"
V1_WITH = V1_ONLY + "  "

# By name: format, model, version and capabilities of the model.
_MODELS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "gpt-4o": ("OpenAI", "gpt-4o", "2024-11-20", {"chatCompletion": "true"}),
    "gpt-5-pro": ("OpenAI", "gpt-5-pro", "2025-10-06", {"responses": "true"}),
    "instruct": ("OpenAI", "gpt-35-turbo-instruct", "0914", {"completion": "true"}),
    "vectors": ("OpenAI", "text-embedding-3-small", "1", {"embeddings": "true"}),
    "pictures": ("OpenAI", "gpt-image-1", "2025-04-15", {"imageGenerations": "true"}),
    "whisper": ("OpenAI", "whisper", "001", {"audio": "true"}),
    "tts": ("OpenAI", "tts", "001", {"audio": "true"}),
    "realtime": ("OpenAI", "gpt-realtime", "2025-08-28", {"realtime": "true"}),
    "deepseek": ("DeepSeek", "DeepSeek-V3.1", "1", {"chatCompletion": "true"}),
    "claude": ("Anthropic", "claude-sonnet-4-5", "20250929", {}),
    "rerank": ("Cohere", "Cohere-rerank-v4.0-pro", "1", {"chatCompletion": "true"}),
    "embed-v4": ("Cohere", "embed-v-4-0", "1", {}),
    "crystal-ball": ("Contoso", "crystal-ball", "1", {"foresight": "true"}),
}
_PER_UNIT = 1_000  # tokens per minute of one unit of capacity


def model(name: str, capacity: int = 10, **tags: str) -> Deployment:
    """A deployment that is called like its row."""
    format_, model_, version, capabilities = _MODELS[name]
    return Deployment(
        name=name,
        model=Model(format_, model_, version),
        sku="GlobalStandard",
        capacity=capacity,
        provisioning_state="Succeeded",
        capabilities=capabilities,
        tokens_per_minute=capacity * _PER_UNIT,
        tags={f"onramp:{key}": value for key, value in tags.items()},
    )


@dataclass(frozen=True, slots=True)
class Step:
    """Something happens, and another plan is made against what the one before has left."""

    says: str
    account: Account | None
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class World:
    """One account and the gateway, from nothing.

    Attributes:
        rules: The text of onramp.yaml.
    """

    name: str
    says: str
    account: Account
    rules: str = ""
    sku: str = "StandardV2"
    identities: tuple[str, ...] = ("",)
    facts: GatewayFacts = FACTS
    then: tuple[Step, ...] = ()

    @property
    def service(self) -> Service:
        return Service(self.sku, "Succeeded", dict.fromkeys(self.identities, PRINCIPAL))


_SURFACES = (
    World(
        "chat-and-embeddings",
        "An account as most are, and nothing chosen: both OpenAI surfaces, and the right to call.",
        an_account(model("gpt-4o"), model("vectors")),
        facts=NO_ROLES,
    ),
    World(
        "partner-chat",
        "A chat model of a partner is served on the v1 surface alone, and not on the Azure one.",
        an_account(model("deepseek")),
    ),
    World(
        "responses",
        "A model that has Responses alone, with what is stored of them.",
        an_account(model("gpt-5-pro")),
    ),
    World(
        "completion",
        "The old completions.",
        an_account(model("instruct")),
    ),
    World(
        "images",
        "Image models have no tokens to limit; edits are forms, which name the model in a part.",
        an_account(model("pictures")),
    ),
    World(
        "speech-and-transcription",
        "Whisper and tts: forms in, audio out.",
        an_account(model("whisper"), model("tts")),
    ),
    World(
        "realtime",
        "Realtime models get WebSocket APIs, whose policy stands on the handshake.",
        an_account(model("realtime")),
    ),
    World(
        "claude",
        "Claude has a surface of its own; tokens are counted on v2 tiers.",
        an_account(model("claude")),
    ),
    World(
        "cohere",
        "Rerank on Cohere's own surface; its embeddings there and on the Azure AI one.",
        an_account(model("rerank"), model("embed-v4")),
    ),
    World(
        "azure-ai",
        "The Azure AI surface is served when it is asked for.",
        an_account(model("deepseek"), model("vectors")),
        "defaults:\n  surfaces: [azure-ai]\n",
    ),
    World(
        "openai-account",
        "An account of kind OpenAI has one host for both surfaces.",
        an_account(
            model("gpt-4o"),
            kind="OpenAI",
            endpoints={"OpenAI Language Model Instance API": "https://contoso.openai.azure.com/"},
        ),
    ),
    World(
        "us-government",
        "In another cloud: its hosts, its audience.",
        an_account(
            model("gpt-4o"),
            endpoints={"OpenAI Language Model Instance API": "https://contoso.openai.azure.us/"},
        ),
        V1_ONLY,
    ),
    World(
        "parked",
        "What nobody can serve is parked with a reason, and the rest goes on.",
        an_account(model("gpt-4o"), model("crystal-ball")),
        V1_ONLY,
    ),
)

_TIERS = (
    World(
        "claude-on-developer",
        "Classic tiers do not count Anthropic's tokens: no limit, and a reason.",
        an_account(model("claude")),
        sku="Developer",
    ),
    World(
        "consumption",
        "Consumption has no token limits, no content safety, no WebSocket APIs.",
        an_account(model("gpt-4o"), model("realtime")),
        V1_WITH + "content_safety: {backend: safety}\n",
        sku="Consumption",
        facts=GatewayFacts(roles=(GRANT,), backends=frozenset({"safety"})),
    ),
    World(
        "left-out",
        "The gateway lacks what the features need, so they are left out and the rest is served.",
        an_account(model("gpt-4o")),
        V1_WITH
        + """token_metric: on
  semantic_cache: on
  content_safety: {backend: safety}
  products: [starter]
""",
    ),
)

_CHOICES = (
    World(
        "token-limit",
        "Half of the capacity and a quota for each address, with other header names.",
        an_account(model("gpt-4o")),
        V1_WITH
        + """token_limit:
    tokens_per_minute: 50%
    quota: {tokens: 1000000, period: Monthly}
    counter_key: ip
    estimate_prompt_tokens: true
    remaining_tokens_header: x-left
    remaining_quota_tokens_header: x-quota-left
    tokens_consumed_header: x-used
""",
    ),
    World(
        "rules-and-tags",
        "A rule for one deployment, a profile for another, one that is skipped, one forgotten.",
        an_account(
            model("gpt-4o", profile="small"), model("deepseek"), model("gpt-5-pro", skip="true")
        ),
        V1_WITH
        + """token_limit: {counter_key: product}
rules:
  - name: partners are free
    match: {format: DeepSeek}
    set: {token_limit: off}
profiles:
  small:
    token_limit: {tokens_per_minute: 500}
""",
    ),
    World(
        "token-metric",
        "Tokens used are sent to Application Insights, by deployment.",
        an_account(model("gpt-4o")),
        V1_WITH + "token_metric: on\n",
        facts=GatewayFacts(roles=(GRANT,), loggers=("appinsights",)),
    ),
    World(
        "semantic-cache",
        "Prompts that are alike are answered from the cache, for chat alone.",
        an_account(model("gpt-4o"), model("vectors")),
        V1_WITH + "semantic_cache: on\n",
        facts=GatewayFacts(roles=(GRANT,), has_cache=True),
    ),
    World(
        "content-safety",
        "Prompts and answers are looked at first.",
        an_account(model("gpt-4o")),
        V1_WITH
        + """content_safety:
    backend: safety
    enforce_on_completions: true
    categories: {Hate: 2, Violence: 4}
    blocklists: [house-rules]
""",
        facts=GatewayFacts(roles=(GRANT,), backends=frozenset({"safety"})),
    ),
    World(
        "access-key",
        "An account without a subdomain takes no identity: its key comes from Key Vault.",
        an_account(model("gpt-4o"), model("realtime"), custom_subdomain=None),
        V1_WITH
        + """access_key:
    secret: https://contoso.vault.azure.net/secrets/contoso-key
""",
    ),
    World(
        "user-assigned-identity",
        "Another identity of the gateway calls, and gets the right to.",
        an_account(model("gpt-4o"), model("realtime")),
        V1_WITH + f"identity: {ASSIGNED}\n",
        identities=(ASSIGNED,),
        facts=NO_ROLES,
    ),
    World(
        "role-to-check",
        "Somebody else assigns roles: what is missing is said as a command. Keys in headers only.",
        an_account(model("gpt-4o")),
        V1_WITH + "role: {mode: check}\n  bearer_keys: false\n",
        facts=NO_ROLES,
    ),
    World(
        "products",
        "Linked to a product that is there, and to one that is made.",
        an_account(model("gpt-4o")),
        V1_WITH + "products: [starter, {id: trial, create: true, display_name: Try it}]\n",
        facts=GatewayFacts(roles=(GRANT,), products=frozenset({"starter"})),
    ),
    World(
        "names",
        "Path, name and description from templates; tags choose among allowed words.",
        an_account(model("gpt-4o"), tags={"team": "Data"}),
        V1_WITH
        + """path: ai/{tag.team}/{account}
  display_name: "{account}: {surface}, {region}"
  description: Models of team {tag.team}.
tags: {team: [data, web]}
""",
    ),
    World(
        "all-operations",
        "Everything that the surface has, whatever is deployed.",
        an_account(model("gpt-4o")),
        V1_WITH + "operations: all\n",
    ),
)

_LATER = (
    World(
        "resized",
        "Limits follow the capacity.",
        an_account(model("gpt-4o")),
        V1_ONLY,
        then=(Step("its capacity is raised to 40", an_account(model("gpt-4o", capacity=40))),),
    ),
    World(
        "deployment-goes",
        "A deployment that is gone from ARM answers 410 for a day.",
        an_account(model("gpt-4o"), model("vectors")),
        V1_ONLY,
        then=(
            Step("vectors is deleted", an_account(model("gpt-4o"))),
            Step("a day later", an_account(model("gpt-4o")), after=timedelta(hours=25)),
        ),
    ),
    World(
        "account-goes",
        "An account that is gone answers 410 for a day, then all of it is taken off.",
        an_account(model("gpt-4o"), model("realtime")),
        V1_WITH + "products: [{id: trial, create: true}]\n",
        facts=NO_ROLES,
        then=(
            Step("the account is deleted", None),
            Step("a day later", None, after=timedelta(hours=25)),
        ),
    ),
)

WORLDS = {world.name: world for world in (*_SURFACES, *_TIERS, *_CHOICES, *_LATER)}
START = NOW
