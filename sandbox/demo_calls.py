"""What people call the models with at the end of ``make demo``, and what must come of it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_PATIENCE_S = 120.0
_MOST_SAID = 400
# What people may have set for these clients, and would lead the demo's elsewhere.
_THEIRS = ("openai_", "azure_", "anthropic_", "http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True, slots=True)
class Call:
    """One client's call of a deployment.

    Attributes:
        status: Of the last answer.
        says: What is in the words of the last answer.
        times: How often it is made, at most: until it is refused.
        words: Length of the prompt; one word is one token of the local models.
    """

    client: str
    account: str
    deployment: str
    status: int
    says: str
    times: int = 1
    words: int = 1


CALLS: Sequence[Call] = (
    Call("AzureOpenAI", "contoso", "gpt-4o", 200, "contoso/gpt-4o heard: hello"),
    Call("OpenAI", "contoso", "deepseek", 200, "contoso/deepseek heard: hello"),
    Call("AnthropicFoundry", "contoso", "claude", 200, "contoso/claude heard: hello"),
    Call(
        *("OpenAI", "contoso", "novelty", 404),
        says="No deployment of this name is onboarded on this API. "
        "Onboarded: deepseek, gpt-4o, image, vectors.",
    ),
    Call("AzureOpenAI", "northwind", "trial", 410, "The deployment trial was deleted."),
    # 500 tokens per minute for each subscription: the third call of 300 comes too late.
    Call(
        *("OpenAI", "northwind", "gpt-4o-mini", 429, "Token limit is exceeded."),
        times=5,
        words=150,
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: how often it was answered, and the last answer."""

    answered: int
    status: int
    said: str

    def told(self) -> str:
        before = f"answered {self.answered} times, then " if self.answered > 1 else ""
        if self.status == 200:
            return f'"{self.said}"'
        return f"{before}{self.status} {self.said}"


def problems(outcomes: Sequence[Outcome]) -> list[str]:
    """Which calls did not end as they should; one that was not made is one of them."""
    missing = [Outcome(0, 0, "was not made")] * (len(CALLS) - len(outcomes))
    return [
        f"{call.client} {call.account}/{call.deployment}: expected {call.status} {call.says!r}, "
        f"found {it.told()}"
        for call, it in zip(CALLS, [*outcomes, *missing], strict=True)
        if not _is_fine(call, it)
    ]


def _is_fine(call: Call, outcome: Outcome) -> bool:
    # A limit that refuses the first call would be none.
    served = call.status != 429 or outcome.answered > 1
    return served and outcome.status == call.status and call.says in outcome.said


class ClientsFailedError(Exception):
    """The clients' process did not do what it is for."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The SDKs, in a process of their own: they take seconds to import, warn and set up logging.

    Started early, it is ready by the time it is told where to call.
    """

    process: asyncio.subprocess.Process

    async def call(self, gateway: str, key: str) -> AsyncIterator[tuple[Call, Outcome]]:
        """Make all of `CALLS`; *key* goes through a pipe, where no list of processes shows it."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise ClientsFailedError("the clients' process has no pipes")
        stdin.write(json.dumps({"gateway": gateway, "key": key}).encode() + b"\n")
        for call in CALLS:
            try:
                line = await asyncio.wait_for(stdout.readline(), _PATIENCE_S)
            except TimeoutError:
                who = f"{call.client} and {call.account}/{call.deployment}"
                raise ClientsFailedError(f"waited {_PATIENCE_S:.0f} s for {who}") from None
            if not line:
                raise ClientsFailedError(f"the clients ended: {await self._last_words()}")
            yield call, Outcome(**json.loads(line))

    async def _last_words(self) -> str:
        if self.process.stderr is None:
            return ""
        text = (await self.process.stderr.read()).decode("utf-8", "replace").strip()
        return (text.splitlines() or ["without a word"])[-1][:_MOST_SAID]


@asynccontextmanager
async def clients() -> AsyncIterator[Clients]:
    """Have the clients get ready; they end with the block, or with this process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "sandbox.demo_clients"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=_ROOT,
        env={name: it for name, it in os.environ.items() if not _is_theirs(name)},
        start_new_session=True,  # Ctrl-C is for us, who end it
    )
    try:
        yield Clients(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _is_theirs(name: str) -> bool:
    return name.lower().startswith(_THEIRS)
