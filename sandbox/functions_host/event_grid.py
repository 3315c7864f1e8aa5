"""The Event Grid webhook, ``/runtime/webhooks/EventGrid?functionName=NAME&code=KEY``.

Azure/azure-sdk-for-net, sdk/eventgrid/Microsoft.Azure.WebJobs.Extensions.EventGrid:
HttpRequestProcessor.cs and EventGridExtensionConfigProvider.cs.

    request                                   answer
    functionName missing, unknown             404 cannot find function (names are case-sensitive)
    OPTIONS                                   200, Webhook-Allowed-Origin
    aeg-event-type: SubscriptionValidation    200 {"validationResponse": ...}
    aeg-event-type: Notification              202, or 500 when one of the events failed
    aeg-event-type: Unsubscribe               202
    anything else                             400

Both schemas are notifications; CloudEvents come as ``application/cloudevents-batch+json`` or
``application/cloudevents+json`` with the same header.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from sandbox.functions_host.functions import EVENT_GRID_TRIGGER, Function
from sandbox.functions_host.invocations import Invoker, Trigger
from sandbox.functions_host.newtonsoft import indented
from sandbox.functions_host.runtime import Datum

_ORIGIN = "eventgrid.azure.net"
_ORIGINS = frozenset(
    (
        *(_ORIGIN, "eventgrid.azure.us", "eventgrid.azure.eaglex.ic.gov"),
        *("eventgrid.azure.microsoft.scloud", "eventgrid.azure.cn"),
    )
)


class EventGridWebhook:
    """Delivers events to the app's Event Grid functions."""

    def __init__(self, functions: Sequence[Function], invoker: Invoker) -> None:
        self._functions = {
            function.name: function
            for function in functions
            if function.trigger.type == EVENT_GRID_TRIGGER and not function.disabled
        }
        self._invoker = invoker

    @property
    def registered(self) -> bool:
        """Extensions that no function uses are not loaded, and have no webhook."""
        return bool(self._functions)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request whose key has been checked."""
        name = request.query.get("functionName", "")
        function = self._functions.get(name)
        if function is None:
            return web.Response(status=404, text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            origin = request.headers.get("WebHook-Request-Origin", _ORIGIN)
            allowed = origin if origin in _ORIGINS else _ORIGIN
            return web.Response(headers={"Webhook-Allowed-Origin": allowed})
        match request.headers.get("aeg-event-type", "").casefold():
            case "subscriptionvalidation":
                return _validated(await request.read())
            case "notification":
                return await self._notified(function, await request.read())
            case "unsubscribe":
                return web.Response(status=202)
        return web.Response(status=400)

    async def _notified(self, function: Function, body: bytes) -> web.Response:
        try:
            parsed = json.loads(body)
        except ValueError:
            return web.Response(status=500)  # an unhandled exception in the extension
        if not isinstance(parsed, dict | list):
            return web.Response(status=500)
        events = parsed if isinstance(parsed, list) else [parsed]
        outcomes = await asyncio.gather(
            *(self._invoker.invoke(function, event_trigger(event)) for event in events)
        )
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        if errors:
            return web.Response(
                status=500, text=f"Exception while executing function: Functions.{function.name}"
            )
        return web.Response(status=202)


def event_trigger(event: Any) -> Trigger:
    """One event as a trigger; the extension hands JSON on indented."""
    return Trigger(
        value=Datum(indented(event), "json"),
        reason="EventGrid trigger fired",
        data=event if isinstance(event, Mapping) else {},
    )


def _validated(body: bytes) -> web.Response:
    """Echo the validation code of an Event Grid array, or of one CloudEvent (data is a string)."""
    try:
        parsed = json.loads(body)
        data = parsed[0]["data"] if isinstance(parsed, list) else parsed["data"]
        code = (json.loads(data) if isinstance(data, str) else data)["validationCode"]
    except (ValueError, LookupError, TypeError):
        return web.Response(status=500)
    # StringContent: the body is JSON, the content type is text/plain.
    return web.Response(text=json.dumps({"validationResponse": str(code)}))
