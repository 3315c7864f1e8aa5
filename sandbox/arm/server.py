"""The local ARM as an aiohttp application, and its listeners."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ssl import SSLContext

from aiohttp import web

from sandbox.arm.front_door import MAX_BODY, FrontDoor, Options, base_url_of
from sandbox.arm.metadata import endpoints
from sandbox.arm.provider import Context, Provider

FRONT_DOOR = web.AppKey("front_door", FrontDoor)


def create_app(
    context: Context, providers: Sequence[Provider], options: Options | None = None
) -> web.Application:
    """The local ARM as an aiohttp application; its ``FRONT_DOOR`` is there for tests."""
    door = FrontDoor(context, providers, options or Options())
    app = web.Application(client_max_size=MAX_BODY)
    app[FRONT_DOOR] = door
    app.router.add_get("/metadata/endpoints", _metadata)
    app.router.add_get("/_sandbox/requests", _requests)
    app.router.add_delete("/_sandbox/requests", _forget)
    app.router.add_route("*", "/{path:.*}", door.answer)
    app.on_shutdown.append(_shut)
    app.on_cleanup.append(_clean_up)
    return app


__all__ = ["FRONT_DOOR", "FrontDoor", "Options", "Serving", "create_app", "serve"]


@dataclass(frozen=True, slots=True)
class Serving:
    door: FrontDoor
    base_url: str
    tls_url: str | None = None


@asynccontextmanager
async def serve(
    app: web.Application,
    *,
    port: int = 0,
    tls: SSLContext | None = None,
    tls_port: int = 0,
) -> AsyncIterator[Serving]:
    """Listen on 127.0.0.1, on a free port by default, and on a second one with TLS if asked."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        base_url = f"http://127.0.0.1:{await _listen(runner, port, None)}"
        tls_url = f"https://localhost:{await _listen(runner, tls_port, tls)}" if tls else None
        yield Serving(app[FRONT_DOOR], base_url, tls_url)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int, tls: SSLContext | None) -> int:
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    await site.start()
    return int(runner.addresses[-1][1])


async def _metadata(http: web.Request) -> web.StreamResponse:
    door = http.app[FRONT_DOOR]
    reply = endpoints(http.query.get("api-version", ""), base_url_of(http), door.options.authority)
    return web.json_response(reply.body, status=reply.status)


async def _requests(http: web.Request) -> web.StreamResponse:
    door = http.app[FRONT_DOOR]
    return web.json_response(
        {**door.journal.render(), "throttled": dict(door.options.throttle.overruns)}
    )


async def _forget(http: web.Request) -> web.StreamResponse:
    http.app[FRONT_DOOR].journal.clear()
    return web.Response(status=204)


async def _shut(app: web.Application) -> None:
    app[FRONT_DOOR].closing.set()


async def _clean_up(app: web.Application) -> None:
    door = app[FRONT_DOOR]
    door.operations.close()
    if door.options.recorder is not None:
        door.options.recorder.close()
