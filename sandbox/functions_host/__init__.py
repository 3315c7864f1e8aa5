"""A local Azure Functions host for Python apps of the v2 programming model.

It plays Azure/azure-functions-host: it reads host.json, listens (HTTP, Event Grid, Storage Queues,
timers) and writes output bindings. The app itself is indexed and invoked by Microsoft's own
``azure-functions-runtime``, so conversions are the official ones.

``process.functions_host`` starts it from Python, ``python -m sandbox.functions_host`` by hand.
"""
