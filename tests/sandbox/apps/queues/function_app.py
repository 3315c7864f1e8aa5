"""Queue functions and outputs; ``/api/seen?count=N`` answers once N messages have come."""

import asyncio
import json
from typing import Any, List  # noqa: UP035

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
messages: list[Any] = []
came = asyncio.Condition()


@app.route()
async def seen(req: func.HttpRequest) -> func.HttpResponse:
    queue, wanted = req.params["queue"], int(req.params["count"])

    def of_queue() -> list[Any]:
        return [message for message in messages if message["queue"] == queue]

    async with came:
        await came.wait_for(lambda: len(of_queue()) >= wanted)
    return func.HttpResponse(json.dumps(of_queue()), mimetype="application/json")


async def note(message: Any) -> None:
    async with came:
        messages.append(message)
        came.notify_all()


@app.queue_trigger(arg_name="msg", queue_name="%IN_QUEUE%", connection="AzureWebJobsStorage")
async def on_message(msg: func.QueueMessage) -> None:
    await note(
        {
            "queue": "plain",
            "body": msg.get_body().decode(),
            "id": msg.id,
            "receipt": bool(msg.pop_receipt),
            "count": msg.dequeue_count,
            "inserted": str(msg.insertion_time),
            "expires": str(msg.expiration_time),
            "visible": str(msg.time_next_visible),
        }
    )


@app.queue_trigger(arg_name="msg", queue_name="%FAILING_QUEUE%", connection="")
async def on_failing(msg: func.QueueMessage) -> None:
    await note({"queue": "failing", "count": msg.dequeue_count})
    raise RuntimeError("no")


@app.queue_trigger(arg_name="msg", queue_name="%GATED_QUEUE%", connection="Storage")
async def on_gated(msg: func.QueueMessage) -> None:
    await note({"queue": "gated", "count": msg.dequeue_count})
    await asyncio.sleep(float(msg.get_body()))
    await note({"queue": "gated-done", "count": msg.dequeue_count})


@app.route(route="out/{name}")
@app.queue_output(arg_name="one", queue_name="out-{name}", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="many", queue_name="out-many", connection="AzureWebJobsStorage")
@app.table_output(
    arg_name="rows",
    table_name="Rows",
    connection="AzureWebJobsStorage",
    partition_key="{name}",
    row_key="{rand-guid}",
)
async def out(
    req: func.HttpRequest,
    one: func.Out[str],
    many: func.Out[List[str]],  # noqa: UP006 - the worker knows typing.List only
    rows: func.Out[str],
) -> func.HttpResponse:
    body = req.get_json()
    if "one" in body:
        one.set(body["one"])
    if "many" in body:
        many.set(body["many"])
    if "rows" in body:
        rows.set(json.dumps(body["rows"]))
    return func.HttpResponse("done")


@app.queue_trigger(arg_name="msg", queue_name="relay", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="$return", queue_name="relayed", connection="AzureWebJobsStorage")
def relay(msg: func.QueueMessage) -> str:
    return f"relayed {msg.get_body().decode()}"
