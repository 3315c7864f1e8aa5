"""What models were asked, as it arrived: so that a test can say "the key never came here"."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from sandbox.contracts import Json

_SECRET = {"authorization", "api-key", "x-api-key", "ocp-apim-subscription-key", "cookie"}
_SECRET_QUERY = {"api-key", "subscription-key"}
_KEEP = 10_000


@dataclass(frozen=True, slots=True)
class Called:
    """One call.

    Attributes:
        account: Its name; empty where the host leads to none.
        deployment: As the call named it; empty where it named none.
        status: 0 where the connection was cut.
        principal: Object id of who called; empty for a key, and where nobody was let in.
        headers: Names in lower case. A secret is its ``digest``.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body_sha256: str
    body_bytes: int
    account: str = ""
    deployment: str = ""
    status: int = 0
    principal: str = ""
    audience: str = ""


def digest(secret: str) -> str:
    """What stands for a secret, so that it can be recognised but not read."""
    return f"sha256:{hashlib.sha256(secret.encode(errors='surrogateescape')).hexdigest()[:16]}"


def hidden(values: Mapping[str, str], *, query: bool = False) -> dict[str, str]:
    """The values with digests for secrets; of ``Bearer x`` only x is one."""
    secret = _SECRET_QUERY if query else _SECRET
    return {
        name.lower(): _digest_of(value) if name.lower() in secret else value
        for name, value in values.items()
    }


def _digest_of(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {digest(rest)}" if rest and scheme.lower() == "bearer" else digest(value)


@dataclass(slots=True)
class Journal:
    log: list[Called] = field(default_factory=list)

    def note(self, called: Called) -> None:
        if len(self.log) >= _KEEP:
            del self.log[: _KEEP // 2]
        self.log.append(called)

    def clear(self) -> None:
        self.log.clear()

    def of(self, account: str, deployment: str = "") -> list[Called]:
        """The calls of an account, or of one of its deployments."""
        return [
            it
            for it in self.log
            if it.account.lower() == account.lower()
            and deployment.lower() in ("", it.deployment.lower())
        ]

    def render(self, calls: Iterable[Called] | None = None) -> list[Json]:
        return [asdict(it) for it in (self.log if calls is None else calls)]
