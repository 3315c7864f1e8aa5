"""People at work: on their accounts and deployments, and by hand in the gateway."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from sandbox.arm.errors import ArmError
from sandbox.contracts import Json
from tests.simulation import truth
from tests.simulation.azure import ACCOUNTS, GATEWAY, GROUP, Azure
from tests.simulation.journal import Journal

NAMES = ("contoso", "fabrikam")
_DEPLOYMENTS = ("gpt-4o", "embed", "Llama", "audio")
_MODELS = {
    "gpt-4o": {"format": "OpenAI", "name": "gpt-4o"},
    "embed": {"format": "OpenAI", "name": "text-embedding-3-small"},
    "Llama": {"format": "Meta", "name": "Llama-3.2-11B-Vision-Instruct"},
    "audio": {"format": "OpenAI", "name": "whisper"},
}
_OF_THEIR_OWN = {"fabrikam": {"audio": {"format": "Anthropic", "name": "claude-sonnet-4-6"}}}


@dataclass(slots=True)
class Users:
    azure: Azure
    rng: Random
    journal: Journal
    excuse: Callable[[str], None]  # an account whose change raises no event
    deployments: int = 4
    meddling: float = 1.0

    def begin(self) -> None:
        """What is there before the app is: accounts, and an API of somebody else's."""
        for name in NAMES[: self.rng.randint(1, 2)]:
            self.create_account(name)
        self._try("PUT", f"{GATEWAY}/apis/echo", _api("echo", "echo"))

    def act(self, left: int, gap_s: float) -> None:
        """Do something at random, *left* times; what Azure refuses is not done."""
        weights = [*_AT_WORK.values(), *(it * self.meddling for it in _MEDDLING.values())]
        (action,) = self.rng.choices([*_AT_WORK, *_MEDDLING], weights)
        action(self, self.rng.choice((NAMES[0], *NAMES)))
        if left > 1:
            wait = self.rng.uniform(0, gap_s)
            self.journal.loop.call_later(wait, self.act, left - 1, gap_s)

    def create_account(self, name: str) -> None:
        kind = self.rng.choice(("AIServices", "AIServices", "OpenAI", "SpeechServices"))
        body: Json = {
            "location": "swedencentral",
            "kind": "AIServices" if name == NAMES[0] else kind,
            "sku": {"name": "S0"},
            "properties": {"customSubDomainName": name},
        }
        if self.azure.get(f"{ACCOUNTS}/{name}") is None:
            self._purge(name)
            self._try("PUT", f"{ACCOUNTS}/{name}", body)

    def delete_account(self, name: str) -> None:
        self._try("DELETE", f"{ACCOUNTS}/{name}")

    def _purge(self, name: str) -> None:
        """Until then a deleted account keeps its name."""
        subscription = GROUP.partition("/resourceGroups")[0]
        place = f"{subscription}/providers/Microsoft.CognitiveServices/locations/swedencentral"
        grave = f"{place}/resourceGroups/rg-ai/deletedAccounts/{name}"
        if self.azure.get(grave):
            self._try("DELETE", grave)

    def deploy(self, account: str) -> None:
        name = self.rng.choice(_DEPLOYMENTS[: self.deployments])
        body = {
            "sku": {"name": "GlobalStandard", "capacity": self.rng.randint(1, 20)},
            "properties": {"model": (_MODELS | _OF_THEIR_OWN.get(account, {}))[name]},
        }
        self._try("PUT", f"{ACCOUNTS}/{account}/deployments/{name}", body)

    def undeploy(self, account: str) -> None:
        name = self.rng.choice(_DEPLOYMENTS[: self.deployments])
        if self.azure.get(f"{ACCOUNTS}/{account}/deployments/{name}"):
            self._try("DELETE", f"{ACCOUNTS}/{account}/deployments/{name}")

    def clear_out(self, account: str) -> None:
        """All of its deployments, as a script that went wrong would."""
        for name in _DEPLOYMENTS[: self.deployments]:
            if self.azure.get(f"{ACCOUNTS}/{account}/deployments/{name}"):
                self._try("DELETE", f"{ACCOUNTS}/{account}/deployments/{name}")

    def tag(self, account: str, mode: str | None) -> None:
        """Say how far the app may go with the account; None takes that back."""
        path = f"{ACCOUNTS}/{account}"
        if self.azure.get(path) and self.mode_of(account) != mode:
            self._try("PATCH", path, {"tags": {"onramp:mode": mode}})

    def is_gone(self, account: str) -> bool:
        return self.azure.get(f"{ACCOUNTS}/{account}") is None

    def mode_of(self, account: str) -> str | None:
        entry = self.azure.get(f"{ACCOUNTS}/{account}")
        return (entry.body.get("tags") or {}).get("onramp:mode") if entry else None

    def edit_by_hand(self, account: str) -> None:
        """Change or remove one of the app's own resources."""
        api, backend = truth.own_ids(account, f"/{self.rng.choice(list(truth.SUFFIX_OF.values()))}")
        self.excuse(account)
        match self.rng.randrange(5):
            case 0:
                body = {"properties": {"serviceUrl": "https://example.com"}}
                self._if_there("PATCH", f"{GATEWAY}/apis/{api}", body)
            case 1:
                self._if_there("DELETE", f"{GATEWAY}/apis/{api}/policies/policy")
            case 2:
                self._if_there("DELETE", f"{GATEWAY}/apis/{api}")
            case 3:
                body = {"properties": {"url": "https://elsewhere.openai.azure.com/openai"}}
                self._if_there("PATCH", f"{GATEWAY}/backends/{backend}", body)
            case _:
                operation = f"{GATEWAY}/apis/{api}/operations/chat-completions-create"
                self._if_there("DELETE", operation)

    def squat(self, account: str) -> None:
        """Put something foreign where the app's things belong."""
        suffix = self.rng.choice(list(truth.SUFFIX_OF.values()))
        api, backend = truth.own_ids(account, f"/{suffix}")
        self.excuse(account)
        match self.rng.randrange(3):
            case 0:
                self._if_free(f"{GATEWAY}/apis/{api}", _api("mine", f"my-{account}/{suffix}"))
            case 1:
                self._if_free(f"{GATEWAY}/apis/squatter", _api("squatter", f"{account}/{suffix}"))
            case _:
                body = {"properties": {"url": "https://example.com", "protocol": "http"}}
                self._if_free(f"{GATEWAY}/backends/{backend}", body)

    def leave(self, account: str) -> None:
        """Take the foreign things away again."""
        self.excuse(account)
        for api in ("squatter", *truth.own_ids(account)):
            for path in (f"{GATEWAY}/apis/{api}", f"{GATEWAY}/backends/{api}"):
                entry = self.azure.get(path)
                if entry is not None and not truth.is_ours(entry):
                    self._try("DELETE", path)

    def _if_there(self, method: str, path: str, body: Json | None = None) -> None:
        if self.azure.get(path):
            self._try(method, path, body)

    def _if_free(self, path: str, body: Json) -> None:
        if self.azure.get(path) is None:
            self._try("PUT", path, body)

    def _try(self, method: str, path: str, body: Json | None = None, *, patience: int = 4) -> None:
        what = f"{method} {path.rpartition('/providers/')[2]}"
        try:
            reply = self.azure.do(method, path, body)
        except ArmError as error:
            self.journal.note(f"{what} -> {error.status} {error.code}", who="users")
            if error.status == 409 and patience:  # one write at a time per account: wait for it
                wait = self.rng.uniform(0, 10)
                again = partial(self._try, method, path, body, patience=patience - 1)
                self.journal.loop.call_later(wait, again)
        else:
            self.journal.note(f"{what} -> {reply.status}", who="users")


def _api(name: str, path: str) -> Json:
    return {"properties": {"displayName": name, "path": path, "protocols": ["https"]}}


type _Action = Callable[[Users, str], None]
_AT_WORK: dict[_Action, float] = {
    Users.deploy: 10,
    Users.undeploy: 7,
    Users.create_account: 1,
    Users.delete_account: 0.3,
}
_MEDDLING: dict[_Action, float] = {Users.edit_by_hand: 0.7, Users.squat: 0.5, Users.leave: 0.5}
