"""Timers; ``/api/seen?count=N`` answers once N runs have started."""

import asyncio
import json
import time
from typing import Any

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
runs: list[Any] = []
came = asyncio.Condition()
tries = 0


@app.route()
async def seen(req: func.HttpRequest) -> func.HttpResponse:
    name, wanted = req.params["name"], int(req.params["count"])

    def of_name() -> list[Any]:
        return [run for run in runs if run["name"] == name]

    async with came:
        await came.wait_for(lambda: len(of_name()) >= wanted)
    return func.HttpResponse(json.dumps(of_name()), mimetype="application/json")


async def note(run: Any) -> None:
    async with came:
        runs.append({"at": time.monotonic(), **run})
        came.notify_all()


def status_of(timer: func.TimerRequest) -> Any:
    return timer.schedule_status  # type: ignore[attr-defined]


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
async def at_start(timer: func.TimerRequest) -> None:
    await note({"name": "at_start", "past_due": timer.past_due, "status": status_of(timer)})


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
async def often(timer: func.TimerRequest) -> None:
    await note({"name": "often", "status": status_of(timer)})
    await asyncio.sleep(1.2)
    await note({"name": "often-ended"})


@app.timer_trigger(arg_name="timer", schedule="01:00:00", run_on_startup=True)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
async def unlucky(timer: func.TimerRequest) -> None:
    global tries  # noqa: PLW0603
    tries += 1
    await note({"name": "unlucky", "past_due": timer.past_due})
    if tries < 3:
        raise RuntimeError("again")
