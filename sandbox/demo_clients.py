"""Calls models through the gateway with their makers' own SDKs; a process of ``make demo``.

Reads one line of JSON, ``{"gateway", "key"}``, and writes one for each of `CALLS`.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import anthropic
import openai

from sandbox.demo_calls import CALLS, Call, Outcome

_API_VERSION = "2024-10-21"  # the latest that is no preview


def main() -> None:
    line = sys.stdin.readline()
    if not line:  # whoever started this is gone
        return
    given = json.loads(line)
    for call in CALLS:
        outcome = _made(call, given["gateway"], given["key"])
        print(json.dumps(asdict(outcome)), flush=True)


def _made(call: Call, gateway: str, key: str) -> Outcome:
    ask = _CLIENTS[call.client]
    base = f"{gateway}/{call.account}"
    prompt = " ".join(["hello"] * call.words)
    answered, said = 0, ""
    for _ in range(call.times):
        try:
            said = ask(base, key, call.deployment, prompt)
        except (openai.APIStatusError, anthropic.APIStatusError) as exc:
            return Outcome(answered, exc.status_code, _message(exc.body) or exc.message)
        except (openai.APIError, anthropic.APIError) as exc:
            return Outcome(answered, 0, f"{type(exc).__name__}: {exc.message}")
        answered += 1
    return Outcome(answered, 200, said)


def _message(body: object) -> str:
    """What the gateway says: openai's client has unwrapped ``error`` already."""
    inner: Any = body
    if isinstance(inner, Mapping):
        inner = inner.get("error") or inner
    return str(inner.get("message") or "") if isinstance(inner, Mapping) else ""


def _azure_openai(base: str, key: str, deployment: str, prompt: str) -> str:
    with openai.AzureOpenAI(
        azure_endpoint=base, api_key=key, api_version=_API_VERSION, max_retries=0
    ) as client:
        return _chat(client, deployment, prompt)


def _openai(base: str, key: str, deployment: str, prompt: str) -> str:
    with openai.OpenAI(base_url=f"{base}/openai/v1", api_key=key, max_retries=0) as client:
        return _chat(client, deployment, prompt)


def _chat(client: openai.OpenAI, deployment: str, prompt: str) -> str:
    answer = client.chat.completions.create(
        model=deployment, messages=[{"role": "user", "content": prompt}]
    )
    return answer.choices[0].message.content or ""


def _foundry(base: str, key: str, deployment: str, prompt: str) -> str:
    with anthropic.AnthropicFoundry(
        base_url=f"{base}/anthropic", api_key=key, max_retries=0
    ) as client:
        answer = client.messages.create(
            model=deployment, max_tokens=64, messages=[{"role": "user", "content": prompt}]
        )
    return "".join(block.text for block in answer.content if block.type == "text")


_CLIENTS: Mapping[str, Callable[[str, str, str, str], str]] = {
    "AzureOpenAI": _azure_openai,
    "OpenAI": _openai,
    "AnthropicFoundry": _foundry,
}

if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the SDKs' threads are nobody's concern
