"""One Chromium for all tests of a process; each test has a page and a server of its own."""

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from tests.board.browser import CHROMIUM, Seen, a_browser, a_page
from tests.board.desk import Desk, a_desk
from tests.board.worlds import busy


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if not CHROMIUM:
        reason = "no chromium on PATH, and CHROMIUM names none"
        if os.environ.get("CI"):
            pytest.fail(reason)  # nobody would see there that these were skipped
        pytest.skip(reason)
    async with a_browser() as found:
        yield found


@pytest.fixture
async def opening(browser: Browser) -> AsyncIterator[tuple[Page, Seen]]:
    """A page, and what it asks for and complains of.

    Whatever a test does, nothing may break the policy or fail in the script, and no request may
    leave the app.
    """
    async with a_page(browser) as (page, seen):
        yield page, seen
        assert seen.complaints == []
        assert len(seen.origins()) <= 1


@pytest.fixture
def page(opening: tuple[Page, Seen]) -> Page:
    return opening[0]


@pytest.fixture
def seen(opening: tuple[Page, Seen]) -> Seen:
    return opening[1]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with a_desk(busy()) as found:
        yield found
