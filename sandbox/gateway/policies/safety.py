"""llm-content-safety: a stand-in that looks for configured words and asks nobody.

Real gateways ask Azure AI Content Safety at the policy's backend. Here that backend must exist, and
``GatewayOptions.unsafe``, ``blocklists`` and ``attacks`` say what would be found.
"""

from sandbox.arm.apim.policy_xml import Element
from sandbox.gateway.errors import GatewayError, failure
from sandbox.gateway.evaluation import attribute, content, flag, number
from sandbox.gateway.exchange import Exchange
from sandbox.gateway.usage import prompt_text


async def content_safety(exchange: Exchange, policy: Element) -> None:
    """403 where something is found; the words were seen by users of the policy.

    Streams are not looked into: a gateway stops sending their events instead.
    """
    name = await attribute(exchange, policy, "backend-id")
    if exchange.configuration.find(f"backends/{name}") is None:
        raise failure(policy.name, f"The backend '{name}' is not there.")
    await _look(exchange, policy, prompt_text(exchange.request.body))
    if await flag(exchange, policy, "enforce-on-completions"):

        async def completions() -> None:
            response = exchange.answer()
            if response.content_type == "application/json":
                text = (await response.read()).decode("utf-8", "replace")
                await _look(exchange, policy, text)

        exchange.after_backend.append(completions)


async def _look(exchange: Exchange, policy: Element, text: str) -> None:
    options = exchange.gateway.options
    lowered = text.lower()
    shields = await flag(exchange, policy, "shield-prompt")
    found = shields and any(it.lower() in lowered for it in options.attacks)
    for part in policy.elements:
        for it in part.elements:
            if part.name == "categories":
                found |= _severity(exchange, await attribute(exchange, it, "name"), lowered) >= (
                    await number(exchange, it, "threshold")
                )
            else:
                words = options.blocklists.get(await content(exchange, it), ())
                found |= any(word.lower() in lowered for word in words)
    if found:
        raise GatewayError(
            403,
            "Request failed content safety check.",
            reason="ContentSafetyCheckFailed",
            source=policy.name,
        )


def _severity(exchange: Exchange, category: str, text: str) -> float:
    """Severities below the threshold are not blocked, says the page; -1 is less than every one.

    So a threshold of 0 blocks what was found and is harmless too; what nobody looks for is not
    found here at all.
    """
    words = exchange.gateway.options.unsafe.items()
    severities = [severity for word, (of, severity) in words if of == category and word in text]
    return max(severities, default=-1)
