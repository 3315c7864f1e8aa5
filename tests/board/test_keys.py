"""The key: where it may be, where it may not, and what is said where it does not help."""

import asyncio
import json

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from tests.board.browser import a_page, opened
from tests.board.desk import KEY, Desk
from tests.board.worlds import troubled


async def kept(page: Page) -> object:
    return await page.evaluate("[{...sessionStorage}, {...localStorage}, document.cookie]")


async def test_a_key_in_the_fragment_leaves_the_address_bar_and_goes_as_a_header(
    page: Page, desk: Desk
) -> None:
    await opened(page, desk)

    assert page.url == f"{desk.base}/board"
    assert {it.headers["x-functions-key"] for it in desk.asked} == {KEY}
    assert not any(KEY in str(it.url) for it in desk.asked)
    assert await kept(page) == [{"model-onramp-key": KEY}, {}, ""]


async def test_a_key_that_comes_while_the_board_is_open_is_taken(page: Page, desk: Desk) -> None:
    await page.goto(f"{desk.base}/board")
    await expect(page.get_by_label("Key", exact=True)).to_be_visible()

    await page.evaluate(f"location.hash = 'key={KEY}'")

    await expect(page.get_by_text("Updated")).to_be_visible()
    assert page.url == f"{desk.base}/board"


async def test_without_a_key_one_is_asked_for_and_nothing_is_shown(page: Page, desk: Desk) -> None:
    await page.goto(f"{desk.base}/board")

    await expect(page.get_by_role("heading", level=1)).to_have_text("This board needs a key")
    await expect(page).to_have_title("Key needed · model-onramp")
    await expect(page.get_by_role("table")).to_have_count(0)
    await page.get_by_label("Key", exact=True).fill(KEY)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("8 of 9")
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("8 of 9")


@pytest.mark.parametrize("wrong", ["wrong", "schlüssel", "two words"])
async def test_a_wrong_key_leads_back_to_the_form_and_is_not_kept(
    page: Page, desk: Desk, wrong: str
) -> None:
    await page.goto(f"{desk.base}/board")
    await page.get_by_label("Key", exact=True).fill(wrong)
    await page.get_by_role("button", name="Open").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("That key was refused")
    await expect(page.get_by_label("Key", exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_role("status")).to_have_text("That key was refused")
    assert await kept(page) == [{}, {}, ""]


async def test_a_key_that_no_longer_holds_keeps_what_was_shown(page: Page, desk: Desk) -> None:
    await opened(page, desk)
    desk.key = "another"

    await page.get_by_role("button", name="Refresh").click()

    await expect(page.get_by_role("heading", name="That key was refused")).to_be_visible()
    await expect(page.get_by_role("heading", name="8 of 9")).to_be_visible()


async def test_a_forgotten_key_takes_all_that_it_showed_with_it(page: Page, desk: Desk) -> None:
    await opened(page, desk)

    await page.get_by_role("button", name="Forget key").click()

    await expect(page.get_by_label("Key", exact=True)).to_be_focused()
    await expect(page.get_by_role("table")).to_have_count(0)
    assert await kept(page) == [{}, {}, ""]


async def test_an_answer_that_comes_after_its_key_was_forgotten_is_not_shown(
    page: Page, desk: Desk
) -> None:
    late = asyncio.Event()
    desk.wait = {"/api/ungoverned": late}
    await opened(page, desk)
    await page.get_by_role("button", name="Forget key").click()

    async with page.expect_response("**/api/ungoverned") as answer:
        late.set()
    await (await answer.value).finished()
    await page.evaluate("new Promise((done) => setTimeout(done))")  # its handlers have run

    await expect(page.get_by_role("heading", level=1)).to_have_text("This board needs a key")


async def test_the_key_is_of_one_tab(page: Page, desk: Desk) -> None:
    await opened(page, desk)
    other = await page.context.new_page()

    await other.goto(f"{desk.base}/board")

    await expect(other.get_by_label("Key", exact=True)).to_be_visible()


async def test_where_people_sign_in_no_key_is_needed(page: Page, desk: Desk) -> None:
    desk.key = ""
    await page.goto(f"{desk.base}/board")

    await expect(page.get_by_role("heading", level=1)).to_contain_text("8 of 9")
    await expect(page.get_by_role("button", name="Forget key")).to_have_count(0)


ERROR = {"error": {"code": "Unavailable", "message": "the table is away", "action": "Wait."}}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 403}, "The app refuses to answer (403)"),
        ({"status": 404}, "The app does not know this request (404)"),
        ({"status": 429}, "The app is asked too much (429)"),
        ({"status": 500, "text": "<h1>Oh</h1>"}, "The app answered 500."),
        ({"status": 200, "text": "<h1>Welcome</h1>"}, "The answer can't be read"),
        ({"status": 503, "text": json.dumps(ERROR)}, "the table is away (503)"),
    ],
)
async def test_each_failure_is_told_in_words_and_the_last_data_stays_with_its_age(
    page: Page, desk: Desk, answer: dict[str, object], words: str
) -> None:
    await opened(page, desk)
    desk.fault = lambda _: web.Response(**answer)  # type: ignore[arg-type]

    await page.get_by_role("button", name="Refresh").click()

    notice = page.locator(".notice")
    await expect(notice).to_contain_text(words)
    await expect(notice).to_contain_text("Shown is what was known")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("8 of 9")
    await expect(page.get_by_role("status")).to_contain_text(words.partition(". ")[0])


async def test_an_ended_sign_in_is_told_and_not_followed_to_where_it_leads(
    page: Page, desk: Desk
) -> None:
    await opened(page, desk)
    headers = {"Location": "/api/sign-in"}  # App Service leads to Entra's page
    desk.fault = lambda _: web.Response(status=302, headers=headers)

    await page.get_by_role("button", name="Refresh").click()

    await expect(page.locator(".notice")).to_contain_text("Your sign-in has ended")
    assert "/api/sign-in" not in desk.paths()


async def test_one_part_that_fails_does_not_hide_the_others(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    desk.fault = lambda it: web.Response(status=500) if it.path.endswith("/units") else None
    await opened(page, desk)

    await expect(page.locator(".notice")).to_contain_text("Accounts: Look at its log.")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("8 of 11")
    await expect(page.get_by_role("heading", name="Held until released")).to_have_count(0)


async def test_a_board_that_never_had_an_answer_says_that_it_does_not_know(
    page: Page, desk: Desk
) -> None:
    desk.fault = lambda _: web.Response(status=503)
    await page.goto(f"{desk.base}/board")

    await expect(page.get_by_role("heading", level=1)).to_have_text("The state is not known")
    await expect(page.get_by_role("table")).to_have_count(0)


async def test_a_computer_without_a_network_is_told_apart(page: Page, desk: Desk) -> None:
    await opened(page, desk)
    await page.context.set_offline(offline=True)

    await page.get_by_role("button", name="Refresh").click()
    await expect(page.locator(".notice")).to_contain_text("This computer is offline")

    await page.context.set_offline(offline=False)
    await expect(page.locator(".notice")).to_have_count(0)


async def test_an_app_that_does_not_answer_in_time_may_be_starting(
    browser: Browser, desk: Desk
) -> None:
    async with a_page(browser) as (page, _):
        await page.add_init_script(
            "AbortSignal.timeout = () => AbortSignal.abort(new DOMException('', 'TimeoutError'))"
        )
        await page.goto(f"{desk.base}/board#key={KEY}")

        await expect(page.get_by_text("No answer within 20 s.")).to_be_visible()
