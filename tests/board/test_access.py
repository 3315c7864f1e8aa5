"""The board without a mouse, without eyes, on a phone, by night."""

from collections.abc import Callable

import pytest
from playwright.async_api import Page, expect

from tests.board.browser import opened
from tests.board.desk import Desk
from tests.board.worlds import WORLDS, World, hostile, troubled

# WCAG 2.2, 1.4.3: the contrast of text with what is behind it (w3.org/TR/WCAG22/#contrast-minimum).
LOW_CONTRAST = """least => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((it) => it / 255)
    .map((it) => it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4)
    .reduce((sum, it, at) => sum + it * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let it = element; it; it = it.parentElement) {
      const found = channels(getComputedStyle(it).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const bad = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, .sr, .skip, .stack thead")) continue;
    const style = getComputedStyle(element);
    const ink = channels(element.closest("svg") ? style.fill : style.color);
    const [one, other] = [light(ink), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < least) bad.add(`${texts.currentNode.data.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return [...bad];
}"""
# What does not fit: the page itself, or what a card with hidden overflow cuts off.
CUT_OFF = """() => {
  const width = document.documentElement.clientWidth;
  const isOut = (it) => it.getBoundingClientRect().right > width + 1
    && it.checkVisibility() && !it.closest("[role=region], .sr, .skip, thead");
  const cut = [...document.querySelectorAll("body *")].filter(isOut).map(it => it.textContent);
  return document.documentElement.scrollWidth > width ? ["the page", ...cut] : cut;
}"""


@pytest.mark.parametrize("world", [*WORLDS, "key"])
async def test_all_text_can_be_told_from_what_is_behind_it(
    page: Page, desk: Desk, world: str
) -> None:
    if world == "key":
        await page.goto(f"{desk.base}/board")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
    else:
        desk.world = WORLDS[world]()
        await opened(page, desk)
        await open_everything(page)

    low = {}
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        low[scheme] = await page.evaluate(LOW_CONTRAST, 4.5)

    assert low == {"light": [], "dark": []}


async def test_the_two_schemes_differ(page: Page, desk: Desk) -> None:
    await opened(page, desk)
    back = "getComputedStyle(document.body).backgroundColor"

    await page.emulate_media(color_scheme="light")
    light = await page.evaluate(back)
    await page.emulate_media(color_scheme="dark")

    assert await page.evaluate(back) != light


@pytest.mark.parametrize("world", [troubled, hostile])
async def test_no_width_makes_the_page_scroll_sideways(
    page: Page, desk: Desk, world: Callable[[], World]
) -> None:
    desk.world = world()
    await opened(page, desk)
    await open_everything(page)

    cut = {}
    for width in (320, 360, 700, 1000):
        await page.set_viewport_size({"width": width, "height": 780})
        cut[width] = await page.evaluate(CUT_OFF)

    assert cut == {320: [], 360: [], 700: [], 1000: []}


async def test_on_a_phone_a_row_is_a_card_and_each_value_says_what_it_is(
    page: Page, desk: Desk
) -> None:
    await page.set_viewport_size({"width": 360, "height": 780})
    await opened(page, desk)

    row = page.get_by_role("row", name="claude")
    lefts = "all => new Set(all.slice(0, 5).map(it => it.getBoundingClientRect().left)).size"
    assert await row.get_by_role("cell").evaluate_all(lefts) == 1
    cell = row.get_by_role("cell", name="40,000")
    label = await cell.evaluate("it => getComputedStyle(it, '::before').content")
    assert label == '"Tokens / min"'


async def test_a_state_is_a_word_and_a_shape_and_not_only_a_colour(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)

    found = await page.eval_on_selector_all(
        "table.deployments .state",
        "all => all.map(it => [it.textContent, it.querySelector('path').getAttribute('d')])",
    )
    shapes = dict(found)
    assert set(shapes) == {"verified", "quarantined", "retiring"}
    assert len(set(shapes.values())) == 3


async def test_all_of_it_can_be_reached_and_used_by_keyboard(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the state of things")).to_be_focused()

    reached = await walk(page)

    for name in (
        "Pause",
        "Refresh",
        "Forget key",
        "Filter",
        "Why: contoso/novelty",
        "Show the run",
    ):
        assert any(name in it for it in reached), name
    assert any("Changes of the run of fabrikam, reimport" in it for it in reached)
    assert "As a table" in reached


async def test_a_story_opens_by_enter_closes_by_escape_and_gives_focus_back(
    page: Page, desk: Desk
) -> None:
    desk.world = troubled()
    await opened(page, desk)
    button = page.get_by_role("button", name="Why: fabrikam/voice")
    await button.focus()

    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Close")).to_be_focused()
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()


async def test_the_skip_link_leads_past_the_controls(page: Page, desk: Desk) -> None:
    await opened(page, desk)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("main")).to_be_focused()


async def test_a_screen_reader_finds_landmarks_headings_and_tables(page: Page, desk: Desk) -> None:
    desk.world = troubled()
    await opened(page, desk)

    await expect(page.locator("body")).to_match_aria_snapshot("""
      - banner:
        - button "Pause"
        - button "Refresh"
        - button "Forget key"
      - main:
        - region "8 of 11 deployments verified; 3 quarantined":
          - heading "8 of 11 deployments verified; 3 quarantined" [level=1]
        - region "Needs attention":
          - heading "Needs attention" [level=2]
        - region "Deployments by account":
          - group "State":
            - radio "All 12" [checked]
          - searchbox "Filter by name, model, surface or reason"
        - region "Last runs":
          - table "Last runs, the newest first"
        - region "How fast, and at what cost":
          - figure /From event to verified/
      - contentinfo
      - status: /8 of 11 deployments verified/
    """)


async def test_tables_stay_tables_on_a_phone(page: Page, desk: Desk) -> None:
    await page.set_viewport_size({"width": 360, "height": 780})
    await opened(page, desk)

    table = page.get_by_role("table", name="Deployments of contoso")
    await expect(table).to_match_aria_snapshot("""
      - table "Deployments of contoso":
        - rowgroup:
          - row:
            - columnheader "Deployment"
            - columnheader "State"
        - rowgroup:
          - row:
            - rowheader /claude/
            - cell /verified/
            - cell /40,000/
    """)


async def test_nothing_moves_for_those_who_asked_for_that(page: Page, desk: Desk) -> None:
    await opened(page, desk)
    turning = "getComputedStyle(document.querySelector('.turning')).animationName"

    await page.emulate_media(reduced_motion="reduce")
    assert await page.evaluate(turning) == "none"
    await page.emulate_media(reduced_motion="no-preference")
    assert await page.evaluate(turning) == "turn"


async def test_with_forced_colours_plots_can_be_seen(page: Page, desk: Desk) -> None:
    await page.emulate_media(forced_colors="active", color_scheme="dark")
    await opened(page, desk)

    fills = "all => all.map(it => getComputedStyle(it).fill)"
    ink = await page.evaluate("getComputedStyle(document.body).color")
    assert set(await page.eval_on_selector_all(".plot .dot", fills)) == {ink}


async def open_everything(page: Page) -> None:
    for name in ("Changes of the run of contoso, sweep", "Changes of the run"):
        button = page.get_by_role("button", name=name).first
        if await button.count():
            await button.click()
    await page.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")


async def walk(page: Page) -> list[str]:
    """Tab through the page; the names of all that was focused, each with a visible mark."""
    look = """() => {
      const it = document.activeElement;
      if (it === document.body) return null;
      const marked = it.type === 'radio' ? it.nextElementSibling : it;
      const name = it.getAttribute('aria-label') || it.labels?.[0]?.textContent || it.textContent;
      return [name.trim(), getComputedStyle(marked).outlineStyle];
    }"""
    reached: list[str] = []
    for _ in range(120):
        await page.keyboard.press("Tab")
        found = await page.evaluate(look)
        if found is None:
            break
        name, outline = found
        assert outline == "solid", name
        reached.append(name)
    return reached
