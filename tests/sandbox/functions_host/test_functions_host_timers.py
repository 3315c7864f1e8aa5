"""Timer triggers; the shortest schedule is a second, so these tests wait for whole ones."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.functions_host.hosts import APPS, Host, hosted


@pytest.fixture(scope="module")
async def host() -> AsyncIterator[Host]:
    async with hosted(APPS / "timers", {"SCHEDULE": "* * * * * *"}) as running:
        yield running


async def test_run_on_startup_runs_at_once_with_a_schedule_status(host: Host) -> None:
    run, *_ = await host.json("/api/seen?name=at_start&count=1")

    assert run["past_due"] is False
    assert run["status"]["Last"].startswith("0001-01-01T00:00:00")
    assert run["status"]["Next"].endswith("-01-01T00:00:00+00:00")


async def test_runs_follow_the_schedule_and_never_overlap(host: Host) -> None:
    ended = await host.json("/api/seen?name=often-ended&count=2")
    started = await host.json("/api/seen?name=often&count=3")

    pairs = zip(ended, started[1:], strict=False)
    assert all(end["at"] < next_start["at"] for end, next_start in pairs)
    assert started[0]["status"] == {}  # more often than once a minute: not monitored


async def test_a_timer_is_retried_by_its_policy(host: Host) -> None:
    assert len(await host.json("/api/seen?name=unlucky&count=3")) == 3


async def test_admin_runs_a_timer(host: Host) -> None:
    options = {"json": {}, "headers": host.admin()}
    await host.json("/api/seen?name=at_start&count=1")  # its own run, at the start

    status, _, _ = await host.request("POST", "/admin/functions/at_start", **options)

    runs = await host.json("/api/seen?name=at_start&count=2")
    assert (status, runs[1]["status"]) == (202, {})
