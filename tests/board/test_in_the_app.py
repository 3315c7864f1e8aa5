"""The board of the app itself, in a local Azure: somebody deploys a model and sees it verified."""

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from handlers.board import page as the_page
from tests.board.browser import a_page
from tests.stage import Stage


async def test_a_deployment_shows_up_and_is_verified_while_somebody_looks(
    stage: Stage, browser: Browser
) -> None:
    key, base = stage.azure.host.ready.host_key, stage.azure.endpoints.functions
    async with a_page(browser) as (page, seen):
        await page.goto(f"{base}/api/board#key={key}")
        await expect(page.get_by_text("Updated")).to_be_visible()

        account = await stage.account(prefix="board")
        await stage.deploy(account, "seen-on-the-board")
        await stage.quiet()
        await page.get_by_role("button", name="Refresh").click()

        row = page.get_by_role("row", name="seen-on-the-board").first
        await expect(row.get_by_text("verified", exact=True)).to_be_visible()
        account_name = account.rpartition("/")[2]
        await page.get_by_role("button", name=f"Why: {account_name}/seen-on-the-board").click()
        await expect(page.locator(".story > li").first).to_contain_text("verified")
        await page.keyboard.press("Escape")
        runs = page.get_by_role("button", name=f"Changes of the run of {account_name}")
        for run in await runs.all():
            await run.click()
        await expect(page.locator("tr.more").filter(has_text="apis/").first).to_be_visible()
        await expect(page.locator("main .notice")).to_have_count(0)
        assert seen.complaints == []
        assert len(seen.origins()) == 1


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_the_page_is_for_anybody_and_comes_with_its_headers(stage: Stage, key: str) -> None:
    url = f"{stage.azure.endpoints.functions}/api/board"
    text, headers = the_page()
    async with (
        aiohttp.ClientSession(headers={"x-functions-key": key}) as session,
        session.get(url) as response,
    ):
        assert response.status == 200
        assert response.content_type == "text/html"
        assert headers.items() <= dict(response.headers).items()
        assert await response.text() == text
