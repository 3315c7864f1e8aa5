"""The ARM bodies of what we write."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.core import naming
from shared.core.choices import Choices, Product, Role
from shared.core.features import AccountFeatures
from shared.core.model import GatewayFacts, Json, Resource, Service
from shared.core.model_kinds import ModelKind
from shared.core.openapi import fingerprint, imported_operations, openapi_document
from shared.core.ownership import Mark
from shared.core.policy_documents import Access
from shared.core.resource_ids import AccountId
from shared.core.rulebook import Names
from shared.core.surfaces import Protocol, Surface

# An API without its policy leads here, and here leads nowhere (RFC 2606): the policy alone says
# where requests go, so none gets past its rules to the model.
_NOWHERE = "https://not-onboarded.invalid"
_MADE_BY = "Made by model-onramp; changes by hand are overwritten."


@dataclass(frozen=True, slots=True)
class Base:
    """What a surface's API and backend are made from.

    Attributes:
        url: The account's own.
        products: Those that we linked the API to, or are about to.
    """

    unit: AccountId
    owner: str
    surface: Surface
    choices: Choices
    names: Names
    url: str
    products: tuple[str, ...] = ()

    @property
    def access(self) -> Access:
        """How the gateway makes itself known there."""
        choices, key = self.choices, naming.key_name(self.unit)
        return Access(
            backend=naming.backend_id(self.unit, self.surface.name),
            resource=self._audience,
            client_id="" if choices.identity == "system" else choices.identity.lower(),
            key=(choices.access_key.header, key) if choices.access_key else None,
        )

    @property
    def _audience(self) -> str:
        """Whom tokens are issued for, in the cloud of the URL.

        With the slash, as the wizard sets it
        (learn.microsoft.com/azure/api-management/api-management-authenticate-authorize-ai-apis).
        """
        cloud = (urlsplit(self.url).hostname or "").rpartition(".")[2]
        return self.surface.audience or f"https://cognitiveservices.azure.{cloud}/"

    def mark(self, content: str = "", account: str = "") -> Mark:
        return Mark(self.owner, naming.unit_hash(self.unit), content, account, self.products)


def backend(base: Base) -> Resource:
    access = base.access
    mark = Mark(base.owner, naming.unit_hash(base.unit), account=base.unit.arm_id)
    properties: Json = {
        "title": f"{base.unit.name} ({base.surface.title})",
        "description": f"{_MADE_BY} {mark}",
        "url": base.url,
        "protocol": "http",
    }
    if access.key is None:
        client = {"clientId": access.client_id} if access.client_id else {}
        # In no published specification, yet what the portal sets and the service keeps
        # (Azure/azure-rest-api-specs#32665).
        properties["credentials"] = {"managedIdentity": {"resource": access.resource, **client}}
    return Resource(f"backends/{access.backend}", {"properties": properties})


def api(base: Base, kinds: frozenset[ModelKind]) -> Resource:
    """The API of a surface with the operations that *kinds* need."""
    keys: Json = {"header": base.surface.key_header, "query": "subscription-key"}
    if base.choices.bearer_keys:
        # All that OpenAI's own client sends; known to the service since 2025-03-01-preview
        # (Azure-Samples/AI-Gateway modules/apim/v3/inference-api.bicep).
        keys["bearer"] = "enabled"
    path = f"apis/{naming.api_id(base.unit, base.surface.name)}"
    common = {
        "displayName": base.names.display_name,
        "path": base.names.path,
        "subscriptionRequired": True,
        "subscriptionKeyParameterNames": keys,
    }
    if base.surface.protocol is Protocol.WEBSOCKET:
        return Resource(path, {"properties": {**common, **_socket(base)}})
    document = openapi_document(base.surface, kinds, title=base.names.display_name, server=_NOWHERE)
    body = {**common, **_import(base, document, keys)}
    return Resource(path, {"properties": body}, imported_operations(document))


def _import(base: Base, document: Json, keys: Json) -> Json:
    """The mark covers the key names too, for not every version of the API echoes them."""
    mark = base.mark(content=fingerprint({**document, "keys": keys}))
    description = _description(base.names, mark)
    # Said twice, so that the import's own info.description can't replace the mark.
    document = {**document, "info": {**document["info"], "description": description}}
    return {
        "description": description,
        "protocols": ["https"],
        # An import without it blanks it (Azure/azure-cli#29363).
        "serviceUrl": _NOWHERE,
        "format": "openapi+json",
        "value": json.dumps(document),
    }


def _socket(base: Base) -> Json:
    """A WebSocket API leads to its serviceUrl, and its handshake's policy says who may go there.

    Without that policy a call goes there without an identity, and is refused. The account stands
    in the mark, as on a backend, for there is none.
    """
    return {
        "description": _description(base.names, base.mark(account=base.unit.arm_id)),
        "type": "websocket",
        "protocols": ["wss"],
        "serviceUrl": f"wss://{base.url.removeprefix('https://')}",
    }


def _description(names: Names, mark: Mark) -> str:
    return " ".join(part for part in (names.description.strip(), _MADE_BY, str(mark)) if part)


def diagnostics(api: str, logger: str) -> Resource:
    """Metrics of the API go to the logger.

    With the same logger these settings go before those of all APIs, so what is left out here, such
    as sampling, is the service's default (learn.microsoft.com/azure/api-management/
    api-management-howto-app-insights). Custom metrics need "metrics" (llm-emit-token-metric-policy,
    in the same place).
    """
    body = {"loggerId": f"/loggers/{logger}", "metrics": True}
    return Resource(f"{api}/diagnostics/applicationinsights", {"properties": body}, needs=(api,))


def named_value(unit: AccountId, choices: Choices, owner: str) -> Resource | None:
    """The account's key, read by the gateway itself from Key Vault; we never see it."""
    if not choices.access_key:
        return None
    name = naming.key_name(unit)
    vault: Json = {"secretIdentifier": choices.access_key.secret}
    if choices.identity != "system":
        vault["identityClientId"] = choices.identity.lower()
    body = {
        "displayName": name,
        "secret": True,
        "keyVault": vault,
        # A named value has no description.
        "tags": ["model-onramp", f"owner={owner}", f"unit={naming.unit_hash(unit)}"],
    }
    return Resource(f"namedValues/{name}", {"properties": body})


def product(wanted: Product) -> Resource:
    """A published product whose subscriptions need no approval; its owners' from then on."""
    body = {
        "displayName": wanted.display_name or wanted.id,
        "description": "Made by model-onramp, which never changes or deletes it.",
        "subscriptionRequired": True,
        "approvalRequired": False,
        "state": "published",
    }
    return Resource(f"products/{wanted.id}", {"properties": body})


def product_links(api: str, choices: Choices, features: AccountFeatures) -> tuple[Resource, ...]:
    made = {it.id for it in choices.products if it.create}
    return tuple(
        Resource(
            f"products/{id_}/{api}",
            {},
            needs=(api, *((f"products/{id_}",) if id_ in made else ())),
        )
        for id_ in features.products
    )


def embeddings_backend(unit: AccountId, url: str, deployment: str, owner: str) -> Resource:
    """Where the semantic cache gets its vectors: one deployment, called with our identity.

    Source: learn.microsoft.com/azure/api-management/azure-openai-enable-semantic-caching.
    """
    mark = Mark(owner, naming.unit_hash(unit), account=unit.arm_id)
    body = {
        "title": f"{unit.name} embeddings",
        "description": f"{_MADE_BY} {mark}",
        "url": f"{url}/deployments/{deployment}/embeddings",
        "protocol": "http",
    }
    return Resource(f"backends/{naming.embeddings_backend_id(unit)}", {"properties": body})


def role_assignment(
    unit: AccountId, choices: Choices, service: Service, facts: GatewayFacts, owner: str
) -> tuple[Resource | None, str]:
    """What the gateway's identity lacks on the account, and what to say about it."""
    role = choices.role
    if role.mode == "off" or choices.access_key:
        return None, ""
    client = "" if choices.identity == "system" else choices.identity.lower()
    principal = service.identities.get(client)
    if principal is None:
        which = f"user-assigned identity {client}" if client else "system-assigned identity"
        return None, f"the gateway has no {which}, so the account will refuse its calls"
    if facts.roles is None:
        return None, "the gateway's roles on the account can't be read"
    wanted = principal.lower(), role.definition.lower()
    held = [it.id for it in facts.roles if (it.principal, it.definition) == wanted]
    made = _assignment(unit, role, principal, owner)
    is_ours = any(it.lower().endswith(made.path.rpartition("/")[2]) for it in held)
    if is_ours or (not held and role.mode == "ensure"):
        return made, ""
    if held:
        return None, ""
    command = assign_command(unit.arm_id, principal, role.definition)
    return None, f"the gateway may not call the account: {command}"


def _assignment(unit: AccountId, role: Role, principal: str, owner: str) -> Resource:
    definition = role.definition.lower()
    body: Mapping[str, str] = {
        "roleDefinitionId": f"/subscriptions/{unit.subscription}/providers"
        f"/Microsoft.Authorization/roleDefinitions/{definition}",
        "principalId": principal,
        # Spares the lookup that fails while a new identity spreads
        # (learn.microsoft.com/azure/role-based-access-control/troubleshooting).
        "principalType": "ServicePrincipal",
        "description": f"Lets the gateway call models. {Mark(owner, naming.unit_hash(unit))}",
    }
    path = naming.role_assignment_path(unit, principal, definition)
    return Resource(path, {"properties": dict(body)})


def assign_command(scope: str, principal: str, definition: str) -> str:
    """For somebody who may assign roles."""
    return (
        f"az role assignment create --assignee-object-id {principal} "
        f"--assignee-principal-type ServicePrincipal --role {definition} --scope {scope}"
    )
