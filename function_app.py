"""Composes the handlers into one function app; no logic."""

import logging

import azure.functions as func

from handlers import (
    api_document,
    board,
    dead_letters,
    deployment_events,
    deployments,
    health,
    reconcile_queue,
    reimport,
    runs,
    sweep,
    ungoverned,
    units,
)
from shared import wiring

wiring.set_up_telemetry()
wiring.check()  # bad settings or rules stop the app here, with one message that lists them all
logging.getLogger("azure").setLevel(logging.WARNING)  # else one line per request to storage

app = func.FunctionApp()
for handler in (
    *(deployment_events, reconcile_queue, sweep, dead_letters),
    *(reimport, runs, deployments, units, ungoverned, health),
    *(board, api_document),
):
    app.register_functions(handler.bp)
