"""Composes the handlers into one function app; no logic."""

import logging

import azure.functions as func

from handlers import deployment_events, reconcile_queue, reimport, status, sweep
from shared import wiring

wiring.check()  # bad settings or rules stop the app here, with one message that lists them all
logging.getLogger("azure").setLevel(logging.WARNING)  # else one line per request to storage

app = func.FunctionApp()
for handler in (deployment_events, reconcile_queue, sweep, reimport, status):
    app.register_functions(handler.bp)
