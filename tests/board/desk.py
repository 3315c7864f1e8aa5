"""The page as the app serves it, with answers of our own behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime

from aiohttp import web

from handlers import board
from shared.core.records import DeploymentsAnswer, ErrorAnswer, ErrorBody, Record
from tests.board.making import NOW
from tests.board.worlds import World

KEY = "a-host-key_of==this/app+1"


@dataclass(slots=True)
class Desk:
    """What it says can be changed while the page is open; what it was asked can be read."""

    world: World
    key: str = KEY
    page_size: int = 500
    base: str = ""
    fault: Callable[[web.Request], web.Response | None] = lambda _: None
    wait: Mapping[str, asyncio.Event] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [it.path for it in self.asked]

    def answer(self, path: str, after: str = "") -> Record | None:
        """What the API says at *path*, which starts with a slash."""
        if path == "/deployments":
            return self._deployments(int(after or 0))
        plain: dict[str, Callable[[], Record]] = {
            "/health": lambda: self.world.health,
            "/runs": self.world.runs_answer,
            "/units": self.world.units_answer,
            "/dead-letters": self.world.letters_answer,
            "/ungoverned": self.world.ungoverned_answer,
        }
        if path in plain:
            return plain[path]()
        if path.startswith("/runs/"):
            return next((it for it in self.world.runs if path.endswith(it.id)), None)
        return self.world.stories.get(path.removeprefix("/deployments/").removesuffix("/why"))

    def _deployments(self, start: int) -> DeploymentsAnswer:
        found = self.world.deployments_answer()
        end = start + self.page_size
        more = {"next": str(end) if end < found.total else ""}
        return found.model_copy(update={"deployments": found.deployments[start:end], **more})


@asynccontextmanager
async def a_desk(world: World, prefix: str = "/api") -> AsyncIterator[Desk]:
    desk = Desk(world)

    async def show(_: web.Request) -> web.Response:
        text, headers = board.page()
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def say(request: web.Request) -> web.Response:
        desk.asked.append(request)
        if request.path in desk.wait:
            await desk.wait[request.path].wait()
        if fault := desk.fault(request):
            return fault
        if desk.key and request.headers.get("x-functions-key") != desk.key:
            return web.Response(status=401)  # the Functions host's own answer has no body
        found = desk.answer(request.path.removeprefix(prefix), request.query.get("after", ""))
        if found is None:
            return _json(_NOT_FOUND, status=404)
        unhealthy = request.path.endswith("/health") and desk.world.health.status == "unhealthy"
        return _json(found, status=503 if unhealthy else 200)

    app = web.Application()
    app.router.add_get(f"{prefix}/board", show)
    app.router.add_get(f"{prefix}/{{tail:.+}}", say)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        desk.base = f"http://127.0.0.1:{runner.addresses[0][1]}{prefix}"
        yield desk
    finally:
        await runner.cleanup()


_NOT_FOUND = ErrorAnswer(
    error=ErrorBody(code="NotFound", message="there is no such thing", action="Look at the list.")
)


def _json(record: Record, *, status: int = 200) -> web.Response:
    # The worlds stand still at NOW, and the page goes by the app's clock, not by the reader's.
    headers = {"Date": format_datetime(NOW, usegmt=True)}
    return web.json_response(record.json_body(), status=status, headers=headers)
