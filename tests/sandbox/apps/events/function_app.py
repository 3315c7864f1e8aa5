"""Event Grid functions; ``/api/seen?count=N`` answers once N events have come."""

import asyncio
import json
from typing import Any

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
events: list[Any] = []
came = asyncio.Condition()


@app.route()
async def seen(req: func.HttpRequest) -> func.HttpResponse:
    wanted = int(req.params.get("count", "0"))
    async with came:
        await came.wait_for(lambda: len(events) >= wanted)
    return func.HttpResponse(json.dumps(events), mimetype="application/json")


async def note(event: Any) -> None:
    async with came:
        events.append(event)
        came.notify_all()


@app.event_grid_trigger(arg_name="event")
async def on_text(event: str) -> None:
    await note(json.loads(event))


@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.EventGridEvent) -> None:
    kind = type(event).__name__
    at = getattr(event, "event_time", None)
    await note({"kind": kind, "id": event.id, "at": None if at is None else at.isoformat()})


@app.event_grid_trigger(arg_name="event")
async def on_trouble(event: str) -> None:
    body = json.loads(event)
    await note(body)
    if body["id"] == "bad":
        raise RuntimeError("no")
