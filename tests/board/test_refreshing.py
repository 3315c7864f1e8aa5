"""The board refreshes itself, and the reader notices only what has changed."""

import asyncio

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from tests.board.browser import Seen, opened
from tests.board.desk import Desk
from tests.board.making import NOW
from tests.board.worlds import troubled, with_verified


@pytest.fixture
async def clocked(page: Page, seen: Seen, desk: Desk) -> Page:
    """A board that has all it asked for, and whose time a test can let pass at once."""
    await page.clock.install(time=NOW)
    await opened(page, desk)
    await seen.answered()
    return page


async def test_it_asks_again_every_15_seconds(clocked: Page, desk: Desk) -> None:
    desk.world = with_verified(desk.world, "gpt-4.1")

    await clocked.clock.run_for(15_500)

    heading = clocked.get_by_role("heading", level=1)
    await expect(heading).to_have_text("All 9 deployments are verified")
    await expect(clocked.get_by_role("status")).to_contain_text("All 9 deployments are verified.")


async def test_what_costs_the_app_much_is_asked_for_less_often(
    clocked: Page, seen: Seen, desk: Desk
) -> None:
    desk.asked.clear()

    async with clocked.expect_response("**/api/units"):
        await clocked.clock.run_for(15_500)
    await seen.answered()

    assert "/api/health" in desk.paths()
    assert "/api/ungoverned" not in desk.paths()


async def test_what_takes_long_is_not_waited_for(page: Page, desk: Desk) -> None:
    slow = asyncio.Event()
    desk.world = troubled()
    desk.wait = {"/api/ungoverned": slow}
    await opened(page, desk)
    group = page.get_by_role("heading", name="Ungoverned")

    await expect(group).to_have_count(0)
    slow.set()
    await expect(group).to_be_visible()


async def test_a_refresh_keeps_focus_selection_filter_scrolling_and_what_is_open(
    clocked: Page, desk: Desk
) -> None:
    await clocked.locator("details.account", has_text="northwind").locator("summary").click()
    await clocked.get_by_role("button", name="Changes of the run of contoso, sweep").first.click()
    await expect(clocked.locator("tr.more")).to_be_visible()
    await clocked.get_by_role("searchbox").fill("gpt")
    await clocked.get_by_role("searchbox").evaluate("it => it.setSelectionRange(1, 2)")
    await clocked.evaluate("scrollTo(0, 200)")
    look = """() => [document.activeElement.id, document.activeElement.selectionStart,
        document.querySelectorAll('tr.more').length,
        [...document.querySelectorAll('details.account')].map(it => it.open), scrollY]"""
    before = await clocked.evaluate(look)
    desk.world = with_verified(desk.world, "gpt-4.1")

    await clocked.clock.run_for(15_500)
    await expect(clocked.get_by_role("heading", level=1)).to_contain_text("All 9")

    assert await clocked.evaluate(look) == before
    assert before == ["filter", 1, 1, [True, True, False], 200]


async def test_focus_stays_on_a_row_that_moves_down(clocked: Page, desk: Desk) -> None:
    button = clocked.get_by_role("button", name="Changes of the run of fabrikam, gpt-4.1 written")
    await button.focus()
    id_ = await button.get_attribute("data-id")
    desk.world = with_verified(desk.world, "gpt-4.1")

    await clocked.clock.run_for(15_500)
    await expect(clocked.get_by_role("heading", level=1)).to_contain_text("All 9")

    assert await clocked.evaluate("document.activeElement.dataset.id") == id_


async def test_an_open_story_stays_open(clocked: Page, desk: Desk) -> None:
    await clocked.get_by_role("button", name="Why: contoso/gpt-4o").click()
    dialog = clocked.get_by_role("dialog")
    await dialog.get_by_text("What was read").click()
    desk.world = with_verified(desk.world, "gpt-4.1")

    await clocked.clock.run_for(15_500)
    await expect(clocked.locator("h1")).to_contain_text("All 9")

    await expect(dialog.get_by_text("Succeeded")).to_be_visible()


async def test_a_paused_board_asks_nothing_until_it_goes_on(clocked: Page, desk: Desk) -> None:
    await clocked.get_by_role("button", name="Pause").click()
    await expect(clocked.get_by_role("button", name="Pause", pressed=True)).to_be_visible()
    desk.asked.clear()

    await clocked.clock.run_for(120_000)
    assert desk.asked == []

    async with clocked.expect_response("**/api/units"):
        await clocked.get_by_role("button", name="Pause").click()


async def test_a_hidden_tab_asks_nothing_until_it_is_seen_again(clocked: Page, desk: Desk) -> None:
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange')); }"""
    await clocked.evaluate(hide, arg=True)
    desk.asked.clear()

    await clocked.clock.run_for(120_000)
    assert desk.asked == []

    async with clocked.expect_response("**/api/units"):
        await clocked.evaluate(hide, arg=False)


async def test_an_app_that_fails_is_asked_less_and_less_often(
    clocked: Page, seen: Seen, desk: Desk
) -> None:
    desk.fault = lambda _: web.Response(status=500)
    for _ in range(4):
        async with clocked.expect_response("**/api/units"):
            await clocked.get_by_role("button", name="Refresh").click()
        await expect(clocked.get_by_text("Updated")).to_be_visible()
    await seen.answered()
    desk.asked.clear()

    await clocked.clock.run_for(60_000)

    assert desk.asked == []


async def test_times_go_on_between_two_refreshes(clocked: Page) -> None:
    await clocked.get_by_role("button", name="Pause").click()

    await clocked.clock.run_for(61_000)

    await expect(clocked.get_by_text("Paused, as of 1 min ago")).to_be_visible()


async def test_nothing_is_announced_when_nothing_has_changed(clocked: Page) -> None:
    await clocked.evaluate("""() => { window.said = 0;
        new MutationObserver(() => window.said++).observe(document.querySelector('#status'),
            {childList: true, characterData: true, subtree: true}); }""")

    async with clocked.expect_response("**/api/units"):
        await clocked.clock.run_for(15_500)
    await expect(clocked.get_by_text("Updated just now")).to_be_visible()

    assert await clocked.evaluate("window.said") == 0
