"""Whether a principal's roles on an account cover a data action, by now.

learn.microsoft.com/azure/role-based-access-control/role-definitions (dataActions, wildcards,
notDataActions) and .../scope-overview (inheritance). Roles of the control plane, Owner among them,
have no data actions at all.

How long an assignment takes until it counts: "up to 5 minutes" for Azure OpenAI
(learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity), "up to 10 minutes" in general
(learn.microsoft.com/azure/role-based-access-control/troubleshooting), 15 as users report for the
route of Claude. That a removed one stops counting at once is a simplification.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sandbox.arm.role_definitions import ASSIGNMENT, DEFINITION
from sandbox.arm.store import Entry, Store

PREFIX = "Microsoft.CognitiveServices/accounts/"
type _Granted = Sequence[tuple[Sequence[str], Sequence[str]]]  # (dataActions, notDataActions)

# learn.microsoft.com/azure/role-based-access-control/built-in-roles/ai-machine-learning. The last
# of OpenAI User's came later than that page's 2025 state: users get it from `az role definition`.
_OPENAI_USER: _Granted = (
    (
        tuple(
            f"{PREFIX}OpenAI/{it}"
            for it in (
                "*/read",
                "engines/completions/action",
                "engines/search/action",
                "engines/generate/action",
                "deployments/audio/action",
                "deployments/search/action",
                "deployments/completions/action",
                "deployments/chat/completions/action",
                "deployments/realtime/action",
                "deployments/extensions/chat/completions/action",
                "deployments/embeddings/action",
                "images/generations/action",
                "assistants/*",
                "responses/*",
            )
        ),
        (f"{PREFIX}OpenAI/stored-completions/read",),
    ),
)
_EVERYTHING: _Granted = ((("Microsoft.CognitiveServices/*",), ()),)
_AI_DEVELOPER: _Granted = (
    (
        tuple(f"{PREFIX}{it}/*" for it in ("OpenAI", "SpeechServices", "ContentSafety", "MaaS")),
        (),
    ),
)
_BUILT_IN: Mapping[str, _Granted] = {
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": _OPENAI_USER,  # Cognitive Services OpenAI User
    "a97b65f3-24c7-4388-baec-2e87135dc908": _EVERYTHING,  # Cognitive Services User
    "53ca6127-db72-4b80-b1b0-d745d6d5456d": _EVERYTHING,  # Foundry User, once Azure AI User
    "64702f94-c441-49e6-a78b-ef80e0188fee": _AI_DEVELOPER,  # Azure AI Developer
}


def is_allowed(store: Store, principal: str, scope: str, action: str, *, before: datetime) -> bool:
    """Whether a role that was assigned before then covers the action.

    The scope is the account's id, and roles on what is above it count too. The action is in full,
    such as Microsoft.CognitiveServices/accounts/OpenAI/responses/write.
    """
    return any(
        _covers(_granted(store, entry), action)
        for entry in _assignments(store, principal, scope)
        if entry.created_at <= before
    )


def effective_before(now: datetime, delay_s: float) -> datetime:
    return now - timedelta(seconds=delay_s)


def _assignments(store: Store, principal: str, scope: str) -> Iterable[Entry]:
    asked = f"{scope.lower()}/"
    for entry in store.of_type(ASSIGNMENT):
        properties = entry.body["properties"]
        own = f"{str(properties['scope']).lower().rstrip('/')}/"
        if properties["principalId"].lower() == principal.lower() and asked.startswith(own):
            yield entry


def _granted(store: Store, assignment: Entry) -> _Granted:
    guid = str(assignment.body["properties"]["roleDefinitionId"]).rpartition("/")[2].lower()
    if guid in _BUILT_IN:
        return _BUILT_IN[guid]
    custom = next((it for it in store.of_type(DEFINITION) if it.name.lower() == guid), None)
    permissions = custom.body["properties"].get("permissions") or () if custom else ()
    return [(it.get("dataActions") or (), it.get("notDataActions") or ()) for it in permissions]


def _covers(granted: _Granted, action: str) -> bool:
    """Each permission takes away only what it grants itself."""
    return any(_any(does, action) and not _any(does_not, action) for does, does_not in granted)


def _any(patterns: Iterable[str], action: str) -> bool:
    return any(_matches(pattern, action) for pattern in patterns)


def _matches(pattern: str, action: str) -> bool:
    """``*`` stands for any characters, slashes among them."""
    text = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(text, action, re.IGNORECASE) is not None
