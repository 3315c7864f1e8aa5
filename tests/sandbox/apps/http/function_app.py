"""HTTP functions, one for each rule of the HTTP trigger."""

import asyncio
import json
import logging
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="items/{id:int?}", methods=["GET", "POST"])
async def items(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.route_params),
        "query": dict(req.params),
        "header": req.headers.get("X-Probe"),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", status_code=201)


@app.route(route="files/{*rest}")
def files(req: func.HttpRequest) -> str:
    return f"files:{req.route_params.get('rest', '')}"


@app.route(auth_level=func.AuthLevel.FUNCTION)
def guarded(req: func.HttpRequest) -> str:
    return str(req.method)


@app.route(auth_level=func.AuthLevel.ADMIN)
def managed(req: func.HttpRequest) -> str:
    return str(req.method)


@app.route()
def raises(req: func.HttpRequest) -> str:
    raise ValueError(req.method)


@app.route()
def full(req: func.HttpRequest) -> func.HttpResponse:
    headers = {"X-Out": "1", "Set-Cookie": "a=b; Path=/"}
    return func.HttpResponse(req.get_body(), status_code=418, headers=headers, mimetype="image/png")


@app.route()
def described(req: func.HttpRequest) -> str:
    return json.dumps({"body": req.method, "statusCode": 202, "headers": {"x-made": "yes"}})


@app.route()
def as_json(req: func.HttpRequest) -> str:
    return json.dumps({"method": req.method})


@app.route()
async def slow(req: func.HttpRequest) -> str:
    await asyncio.sleep(float(req.params.get("seconds", "60")))
    return "slept"


@app.route()
def stuck(req: func.HttpRequest) -> str:
    time.sleep(float(req.params.get("seconds", "60")))
    return "slept"


@app.route()
async def speaks(req: func.HttpRequest, context: func.Context) -> str:
    logging.getLogger("my.module").info("said in async %s", req.method)
    logging.debug("never shown")  # noqa: LOG015
    print("printed")  # noqa: T201 - print() of an app is a log line
    return str(context.invocation_id)


@app.route()
def speaks_in_thread(req: func.HttpRequest) -> str:
    logging.getLogger("my.module").warning("said in a thread %s", req.method)
    return "ok"
