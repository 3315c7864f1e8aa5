"""Tokens and requests per minute of a deployment.

As requests come in, the estimate of what each may take is added to a count that starts anew each
minute; once the count has reached the limit, further requests get 429 until then. The estimate is
the prompt plus max_tokens (learn.microsoft.com/azure/ai-foundry/openai/how-to/quota, "Understanding
rate limits"). A token is a word here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.models.errors import Refusal
from sandbox.models.estate import Account, Deployment
from sandbox.models.options import ModelOptions
from sandbox.models.routes import Route

_PERIOD_S = 60


@dataclass(slots=True)
class _Window:
    ends: float
    used: dict[str, int] = field(default_factory=lambda: {"token": 0, "request": 0})


@dataclass(slots=True)
class Limits:
    options: ModelOptions
    _windows: dict[str, _Window] = field(default_factory=dict)

    def take(  # noqa: PLR0913  # the text of a refusal names them all
        self,
        account: Account,
        deployment: Deployment,
        route: Route,
        tokens: int,
        *,
        version: str,
        now: datetime,
    ) -> Mapping[str, str]:
        """Count a call; the headers that tell what is left.

        Raises:
            Refusal: 429, with the seconds until the next minute.
        """
        window = self._window(f"{account.id}/{deployment.name}".lower(), now.timestamp())
        for key, is_on in self._kinds():
            limit = deployment.per_minute.get(key)
            if is_on and limit is not None and window.used[key] >= limit:
                wait = max(1, round(window.ends - now.timestamp()))
                left = _left(deployment, window)
                raise used_up(account, route, key, wait, version=version, headers=left)
        window.used["token"] += tokens
        window.used["request"] += 1
        return _left(deployment, window)

    def _kinds(self) -> tuple[tuple[str, bool], ...]:
        return (("token", self.options.limits_tokens), ("request", self.options.limits_requests))

    def _window(self, key: str, now: float) -> _Window:
        window = self._windows.get(key)
        if window is None or now >= window.ends:
            window = self._windows[key] = _Window(now + _PERIOD_S)
        return window


def _left(deployment: Deployment, window: _Window) -> dict[str, str]:
    """learn.microsoft.com/azure/ai-foundry/openai/how-to/quota; the limit as users see it."""
    found: dict[str, str] = {}
    for key, limit in deployment.per_minute.items():
        found[f"x-ratelimit-limit-{key}s"] = str(limit)
        found[f"x-ratelimit-remaining-{key}s"] = str(max(0, limit - window.used.get(key, 0)))
    return found


def used_up(  # noqa: PLR0913  # the text names them all
    account: Account,
    route: Route,
    key: str,
    wait: int,
    *,
    version: str,
    headers: Mapping[str, str] | None = None,
) -> Refusal:
    """As users quote it, LiteLLM's among them; UNVERIFIED for partner models and v1."""
    return Refusal(
        429,
        "429",
        f"Requests to the {route.operation} Operation under Azure OpenAI API version "
        f"{version or 'v1'} have exceeded {'token' if key == 'token' else 'call'} rate limit of "
        f"your current {account.kind} S0 pricing tier. Please retry after {wait} seconds. Please "
        "go here: https://aka.ms/oai/quotaincrease if you would like to further increase the "
        "default rate limit.",
        platform=False,
        headers={
            **(headers or {}),
            "Retry-After": str(wait),
            "retry-after-ms": str(wait * 1000),
            f"x-ratelimit-reset-{key}s": str(wait),
        },
    )
