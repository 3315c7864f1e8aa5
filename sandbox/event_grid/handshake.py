"""Endpoint validation: a webhook gets events only after it agreed to.

learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
learn.microsoft.com/azure/event-grid/end-point-validation-cloud-events-schema
"""

import asyncio
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from sandbox.event_grid.events import Schema, validation_event
from sandbox.event_grid.subscriptions import Subscription, Webhook

_ORIGIN = "eventgrid.azure.net"
_TIMEOUT = aiohttp.ClientTimeout(total=30)


class HandshakeError(Exception):
    """The destination does not want these events; ARM's error code is "Url validation".

    Wording: github.com/Azure/azure-cli/issues/21006 and github.com/Azure/logicapps/issues/449.
    """

    code = "Url validation"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One try to validate; ``accepted`` is set by a visit to ``url`` (the manual handshake)."""

    code: str
    url: str
    accepted: asyncio.Event


async def validate(
    http: aiohttp.ClientSession,
    subscription: Subscription,
    challenge: Challenge,
    *,
    manual_s: float,
) -> None:
    """Return when the destination agreed; raise ``HandshakeError`` when it did not."""
    if not isinstance(subscription.destination, Webhook):
        return
    webhook = subscription.destination
    ask = _ask_by_options if subscription.schema is Schema.CLOUD_EVENTS else _ask_by_event
    try:
        agreed = await ask(http, subscription, webhook, challenge)
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise _failed(webhook, "failed with response code Unknown") from exc
    if agreed:
        return
    try:
        await asyncio.wait_for(challenge.accepted.wait(), manual_s)
    except TimeoutError:
        raise _failed(
            webhook,
            "returned 2XX response without the validation code, and the validation URL was not "
            "visited in time",
        ) from None


async def _ask_by_event(
    http: aiohttp.ClientSession, subscription: Subscription, webhook: Webhook, challenge: Challenge
) -> bool:
    event = validation_event(
        topic=subscription.source,
        event_id=str(uuid.uuid4()),
        at=datetime.now(UTC),
        code=challenge.code,
        url=challenge.url,
    )
    sent = {
        "aeg-event-type": "SubscriptionValidation",
        "aeg-subscription-name": subscription.name.upper(),
        "aeg-delivery-count": "0",
        "aeg-data-version": event["dataVersion"],
        "aeg-metadata-version": event["metadataVersion"],
        "aeg-output-event-id": event["id"],
        **dict(webhook.headers),
    }
    async with http.post(webhook.url, json=[event], headers=sent, timeout=_TIMEOUT) as reply:
        if not 200 <= reply.status < 300:
            raise _failed(webhook, f"failed with response code {reply.status}")
        # "An HTTP 202 Accepted isn't recognized as a valid subscription validation response."
        return reply.status == 200 and _echoes(await reply.read(), challenge.code)


async def _ask_by_options(
    http: aiohttp.ClientSession, _: Subscription, webhook: Webhook, challenge: Challenge
) -> bool:
    """CloudEvents abuse protection (github.com/cloudevents/spec, http-webhook.md section 4)."""
    sent = {
        "WebHook-Request-Origin": _ORIGIN,
        "WebHook-Request-Callback": challenge.url,
        "WebHook-Request-Rate": "1",
        **dict(webhook.headers),
    }
    async with http.options(webhook.url, headers=sent, timeout=_TIMEOUT) as reply:
        if not 200 <= reply.status < 300:
            raise _failed(webhook, f"failed with response code {reply.status}", "OPTIONS")
        allowed = reply.headers.get("WebHook-Allowed-Origin", "")
        return reply.status == 200 and allowed.strip().lower() in {"*", _ORIGIN}


def _echoes(body: bytes, code: str) -> bool:
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    return isinstance(answer, dict) and str(answer.get("validationResponse")).lower() == code


def _failed(webhook: Webhook, what: str, method: str = "POST") -> HandshakeError:
    at = datetime.now(UTC).strftime("%m/%d/%Y %I:%M:%S %p")
    return HandshakeError(
        # Without the query: it holds a key.
        f"Webhook validation handshake failed for {webhook.url.partition('?')[0]}. "
        f"Http {method} request {what}. For troubleshooting, visit https://aka.ms/esvalidation. "
        f"Activity id:{uuid.uuid4()}, timestamp: {at} (UTC)."
    )
