"""``python -m tests.board`` makes the pictures in docs/images anew, of the worlds of the tests."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, ViewportSize

from tests.board.browser import a_browser, a_page, opened
from tests.board.desk import a_desk
from tests.board.worlds import WORLDS

_IMAGES = Path(__file__).parents[2] / "docs" / "images"


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    world: str
    width: int = 1200
    height: int = 1000
    scheme: str = "light"
    density: float = 1
    why: str = ""  # whose story is open
    part: str = ""  # of the page, or all that is in view


_PICTURES = (
    Picture("board-empty", "empty", height=560),
    Picture("board-busy", "busy"),
    Picture("board-troubled", "troubled", height=960),
    Picture("board-dark", "troubled", scheme="dark", height=860),
    Picture("board-why", "troubled", why="contoso/novelty", part="dialog", scheme="dark"),
    Picture("board-plots", "busy", part=".plots"),
    Picture("board-phone", "troubled", width=390, height=844, density=1.5),
)


async def draw(browser: Browser, it: Picture) -> None:
    size = ViewportSize(width=it.width, height=it.height)
    options = {"viewport": size, "color_scheme": it.scheme, "device_scale_factor": it.density}
    async with a_desk(WORLDS[it.world]()) as desk, a_page(browser, **options) as (page, _):
        await opened(page, desk)
        if it.why:
            await page.get_by_role("button", name=f"Why: {it.why}").first.click()
            await page.locator(".story").wait_for()
        path = _IMAGES / f"{it.name}.png"
        await (page.locator(it.part) if it.part else page).screenshot(path=path)


async def main() -> None:
    async with a_browser() as browser:
        for it in _PICTURES:
            await draw(browser, it)


if __name__ == "__main__":
    asyncio.run(main())
