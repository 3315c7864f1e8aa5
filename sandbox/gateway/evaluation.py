"""Attributes and texts of policies: named values put in, expressions evaluated."""

from typing import Any

from sandbox.arm.apim.policy_xml import Element, is_expression
from sandbox.gateway.context import context_of
from sandbox.gateway.csharp.errors import CSharpError, ExpressionRefused
from sandbox.gateway.csharp.evaluator import evaluate
from sandbox.gateway.csharp.values import text_of
from sandbox.gateway.errors import failure
from sandbox.gateway.exchange import Exchange


async def value_of(exchange: Exchange, text: str, policy: str) -> Any:
    """A text as it stands, or what its expression yields.

    Raises:
        GatewayError: the expression is refused or throws
            (ExpressionValueEvaluationFailure, api-management-error-handling-policies).
    """
    filled = exchange.configuration.filled(text)
    if not is_expression(filled):
        return filled
    if exchange.response is not None and "Response.Body" in filled:
        await exchange.response.read()
    try:
        return evaluate(filled, context_of(exchange))
    except (ExpressionRefused, CSharpError) as exc:
        raise failure(
            policy,
            f"Expression evaluation failed. {exc} In {filled.strip()}",
            reason="ExpressionValueEvaluationFailure",
        ) from None


async def attribute(exchange: Exchange, policy: Element, name: str, default: str = "") -> str:
    text = policy.attributes.get(name)
    return default if text is None else text_of(await value_of(exchange, text, policy.name))


async def flag(exchange: Exchange, policy: Element, name: str, *, default: bool = False) -> bool:
    return (await attribute(exchange, policy, name, str(default))).strip().lower() == "true"


async def number(exchange: Exchange, policy: Element, name: str, default: float = 0) -> float:
    text = await attribute(exchange, policy, name, str(default))
    try:
        return float(text)
    except ValueError:
        raise failure(policy.name, f"'{text}' of '{name}' is no number.") from None


async def condition(exchange: Exchange, policy: Element, name: str = "condition") -> bool:
    """An expression that must be a bool; a literal may be ``true`` or ``false``."""
    found = await value_of(exchange, policy.attributes[name], policy.name)
    if isinstance(found, str) and found.strip().lower() in ("true", "false"):
        return found.strip().lower() == "true"
    if not isinstance(found, bool):
        raise failure(policy.name, f"'{name}' is no bool: {policy.attributes[name]}")
    return found


async def content(exchange: Exchange, element: Element) -> str:
    return text_of(await value_of(exchange, element.text, element.name))
