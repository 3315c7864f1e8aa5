"""What the board says in each state of the world."""

import pytest
from playwright.async_api import Page, expect

from shared.core.records import RunAnswer, RunState
from tests.board.browser import Seen, opened
from tests.board.desk import Desk, a_desk
from tests.board.making import a_run, healthy
from tests.board.worlds import WORLDS, World, busy, empty, hostile, troubled


@pytest.mark.parametrize(
    ("world", "title", "headline"),
    [
        ("empty", "No deployments yet · model-onramp", "No deployments yet"),
        (
            "busy",
            "8 of 9 deployments verified; 1 on the way · model-onramp",
            "8 of 9 deployments verified; 1 on the way",
        ),
        (
            "troubled",
            "(12) 8 of 11 deployments verified; 3 quarantined · model-onramp",
            "8 of 11 deployments verified; 3 quarantined",
        ),
    ],
)
async def test_the_headline_and_the_title_say_the_state(
    page: Page, desk: Desk, world: str, title: str, headline: str
) -> None:
    desk.world = WORLDS[world]()
    await opened(page, desk)

    await expect(page.get_by_role("heading", level=1)).to_have_text(headline)
    await expect(page).to_have_title(title)


async def test_all_verified_is_said_in_words(page: Page, desk: Desk) -> None:
    sound = tuple(it for it in busy().deployments if it.state == "verified")
    desk.world = World(healthy(), deployments=sound)
    await opened(page, desk)

    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "All 8 deployments are verified"
    )
    await expect(page.get_by_text("Nothing at the moment.")).to_be_visible()


async def test_an_empty_board_says_what_to_do_next(page: Page, desk: Desk) -> None:
    desk.world = empty()
    await opened(page, desk)

    await expect(page.get_by_text("az cognitiveservices account deployment create")).to_be_visible()
    await expect(page.get_by_text("ONRAMP_SUBSCRIPTIONS")).to_be_visible()
    await expect(page.get_by_role("table")).to_have_count(0)


NEEDS = (
    ("The app is unhealthy", "The last sweep was 74 minutes ago: does the timer run?"),
    ("The last run failed", "ARM answered 403 AuthorizationFailed"),
    ("Held until released", "would take off 6 of the 8 deployments served"),
    ("Held until released", "POST /api/units/"),
    ("Quarantined deployments", "no enabled surface serves Fabrikam novelty-1"),
    ("Refused by API Management", "policies/policy"),
    ("Given up, not replayed", "MaxDeliveryAttemptsExceeded, 30 attempts"),
    ("Given up, not replayed", "POST /api/dead-letters/8f1d0a2b3c4-00000000000000a2/replay"),
    ("Ungoverned", "legacy-openai: reaches what is not onboarded"),
    ("Drift, put right", "apis/contoso-azure-openai-83e5d6f649e0/policies/policy"),
)


async def test_what_needs_somebody_comes_first_with_its_reason(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)

    for group, words in NEEDS:
        section = page.locator("section.group", has=page.get_by_role("heading", name=group))
        await expect(section).to_contain_text(words)
    order = await page.get_by_role("heading", level=2).all_inner_texts()
    assert order.index("Needs attention") < order.index("Deployments by account")


async def test_what_is_told_in_its_own_group_is_not_told_twice(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)

    await expect(page.get_by_text("GET /api/units")).to_have_count(0)


async def test_a_deployment_tells_its_model_limit_surfaces_and_time(page: Page, desk: Desk) -> None:
    await opened(page, desk)

    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="claude"))
    for words in ("claude-sonnet-4-5", "verified", "40,000", "anthropic", "4.8 s", "4 days ago"):
        await expect(row).to_contain_text(words)
    await expect(row.locator("time")).to_have_attribute("title", "2026-11-19 05:00:04 UTC")


async def test_within_an_account_the_most_urgent_comes_first(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)

    names = page.get_by_role("table", name="Deployments of contoso").get_by_role("rowheader")
    assert [it.split("\n")[0] for it in await names.all_inner_texts()] == [
        "novelty", "claude", "deepseek", "gpt-4o", "vectors",
    ]  # fmt: skip


FILTERS: tuple[tuple[str, str, list[str]], ...] = (
    ("", "quarantined", ["novelty", "gpt-4.1", "summaries"]),
    ("embedding", "", ["vectors"]),
    ("CONTOSO openai-v1", "", ["deepseek", "gpt-4o", "vectors"]),
    ("not allowed", "", ["gpt-4.1"]),
    ("gpt", "retiring", []),
)


async def test_the_filter_and_the_states_narrow_the_list(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)
    shown = page.locator("table.deployments").get_by_role("rowheader").locator("b")

    for typed, state, names in FILTERS:
        await page.get_by_role("searchbox").fill(typed)
        await page.get_by_role("radio", name=state or "All").check()
        await expect(shown).to_have_text(names)

    await page.get_by_role("button", name="Show all").click()
    await expect(shown).to_have_count(12)


async def test_removed_deployments_are_shown_when_asked_for(page: Page, desk: Desk) -> None:
    gone = busy().deployments[0].model_copy(update={"state": "removed"})
    desk.world = World(healthy(), deployments=(gone, *busy().deployments[1:]))
    await opened(page, desk)

    await expect(page.get_by_role("rowheader", name="gpt-4o gpt")).to_have_count(0)
    await page.get_by_role("radio", name="removed").check()
    await expect(page.get_by_role("rowheader", name="gpt-4o gpt")).to_be_visible()


async def test_why_shows_the_story_of_a_deployment(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)

    await page.get_by_role("button", name="Why: contoso/novelty").first.click()

    dialog = page.get_by_role("dialog", name="contoso/novelty")
    await expect(dialog).to_contain_text("Enable a surface that serves it in onramp.yaml")
    await expect(dialog.locator(".story > li")).to_have_count(2)
    await dialog.get_by_text("What was read").first.click()
    await expect(dialog).to_contain_text("Fabrikam novelty-1 1")


async def test_a_story_that_cannot_be_had_says_why(page: Page, desk: Desk) -> None:
    await opened(page, desk)

    await page.get_by_role("button", name="Why: contoso/vectors").click()

    await expect(page.get_by_role("dialog")).to_contain_text("there is no such thing (404)")


def over_many(*runs: RunAnswer) -> RunAnswer:
    """One run of all their accounts."""
    units = tuple(unit for run in runs for unit in run.units)
    return runs[0].model_copy(update={"units": units})


async def test_a_run_over_many_accounts_names_a_few_and_how_many_failed(
    page: Page, desk: Desk
) -> None:
    bad = [a_run(f"bad-{it}", "reimport", minutes=1, error="no right") for it in range(3)]
    good = [a_run(f"good-{it}", "reimport", minutes=1) for it in range(397)]
    desk.world = World(healthy(), runs=(over_many(*good, *bad),))
    await opened(page, desk)

    row = page.get_by_role("table", name="Last runs").get_by_role("row").nth(1)
    for words in ("bad-0, bad-1 and 398 more", "no right, and 2 other accounts have errors"):
        await expect(row).to_contain_text(words)


@pytest.mark.parametrize(("status", "failing"), [("succeeded", 0), ("running", 1)])
async def test_what_failed_is_over_once_a_run_over_many_accounts_went_well(
    page: Page, desk: Desk, status: RunState, failing: int
) -> None:
    before = a_run("zeta", "event", minutes=9, error="no right")
    names = [*(f"acct-{it}" for it in range(30)), "zeta"]
    later = over_many(*(a_run(it, "reimport", minutes=1, status=status) for it in names))
    desk.world = World(healthy(), runs=(later, before))
    await opened(page, desk)

    await expect(page.get_by_role("heading", name="The last run failed")).to_have_count(failing)


async def test_a_run_shows_its_changes_when_it_is_opened(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)

    await page.get_by_role("button", name="Changes of the run of fabrikam, gpt-4.1").click()

    await expect(page.locator("tr.more")).to_contain_text("'llm-token-limit' is not allowed here")
    await page.get_by_role("button", name="Show the run of contoso").click()
    diff = page.get_by_role("region", name="What differs in")
    await expect(diff).to_contain_text('-  <llm-token-limit tokens-per-minute="999999" />')


async def test_an_unfinished_run_is_asked_for_again(page: Page, desk: Desk) -> None:
    await opened(page, desk)
    running = desk.world.runs[0]
    await page.get_by_role("button", name="Changes of the run of fabrikam, gpt-4.1").click()
    await expect(page.locator("tr.more")).to_contain_text("apis/fabrikam")

    desk.asked.clear()
    await page.get_by_role("button", name="Refresh").click()
    await expect(page.get_by_text("Updated")).to_be_visible()

    assert f"/api/runs/{running.id}" in desk.paths()


async def test_plots_have_words_and_a_table_for_those_who_do_not_see_them(
    page: Page, desk: Desk
) -> None:
    await opened(page, desk)

    waits = page.get_by_role("img", name="8 deployments; half within 2.8 s, 95 percent within 38 s")
    await expect(waits.locator("circle")).to_have_count(8)
    await expect(page.get_by_role("img", name="31 runs; at most 41 ARM calls")).to_be_visible()
    figure = page.locator("figure").first
    await figure.get_by_text("As a table").click()
    rows = figure.get_by_role("table").get_by_role("rowheader")
    assert "fabrikam/voice" in await rows.all_inner_texts()


async def test_names_from_outside_stay_text(page: Page, seen: Seen, desk: Desk) -> None:
    desk.world = hostile()
    await opened(page, desk)
    await page.get_by_role("button", name="Changes of the run").click()
    await expect(page.locator("tr.more pre")).to_contain_text("<img src=x onerror=")
    await page.get_by_role("button", name="Why: contoso/<img").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("<script>window.hacked=1</script>")

    assert await page.evaluate("window.hacked") is None
    assert await page.locator("img, body script:not([type=module])").count() == 0
    assert seen.complaints == []


async def test_an_app_with_another_route_prefix_has_its_board_there(page: Page) -> None:
    async with a_desk(busy(), prefix="/on/ramp") as desk:
        await opened(page, desk)

        assert "/on/ramp/units" in desk.paths()


async def test_deployments_on_further_pages_are_shown_too(page: Page, desk: Desk) -> None:
    desk.page_size = 4
    await opened(page, desk)

    await expect(page.locator("table.deployments tbody tr")).to_have_count(11)
