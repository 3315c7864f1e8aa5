"""Chromium as tests use it: what goes wrong in the page is written down."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from playwright.async_api import Browser, Page, Request, async_playwright, expect
from yarl import URL

from tests.board.desk import KEY, Desk

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
_PATIENCE_MS = 120_000  # it only bounds a hang: what is waited for comes
expect.set_options(timeout=_PATIENCE_MS)
_ARGS = (
    "--no-sandbox",  # a container's root can't have one
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)


@dataclass(slots=True)
class Seen:
    """What a page asked for, and what it complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    under_way: set[Request] = field(default_factory=set)

    def origins(self) -> set[URL]:
        return {URL(url).origin() for url in self.requests}

    async def answered(self) -> None:
        """All that was asked for has its answer: also what the board itself does not wait for."""
        async with asyncio.timeout(_PATIENCE_MS / 1000):
            while self.under_way:  # noqa: ASYNC110 - told by callbacks
                await asyncio.sleep(0.01)


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(_ARGS), timeout=_PATIENCE_MS
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def a_page(browser: Browser, **options: Any) -> AsyncIterator[tuple[Page, Seen]]:
    defaults = {
        "viewport": {"width": 1280, "height": 900},
        "timezone_id": "UTC",
        "locale": "en-GB",
        "reduced_motion": "reduce",
    }
    context = await browser.new_context(**(defaults | options))
    try:
        page = await context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        seen = Seen()
        page.on("request", lambda it: _note(seen, it))
        page.on("requestfinished", lambda it: _over(seen, it))
        page.on("requestfailed", lambda it: _over(seen, it))
        page.on("pageerror", lambda it: seen.complaints.append(f"error: {it}"))
        page.on("console", lambda it: _complain(seen, it.type, it.text))
        yield page, seen
    finally:
        await context.close()


async def opened(page: Page, desk: Desk, key: str = KEY) -> Page:
    """The board with its data."""
    await page.goto(f"{desk.base}/board#key={quote(key, safe='')}")
    await page.get_by_text("Updated").wait_for()
    return page


def _note(seen: Seen, request: Request) -> None:
    if not request.url.startswith("data:"):
        seen.requests.append(request.url)
        seen.under_way.add(request)


def _over(seen: Seen, request: Request) -> None:
    seen.under_way.discard(request)


def _complain(seen: Seen, kind: str, text: str) -> None:
    """Chromium itself says of every answer above 399 that it failed to load; that is no fault."""
    if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
        seen.complaints.append(f"{kind}: {text}")
