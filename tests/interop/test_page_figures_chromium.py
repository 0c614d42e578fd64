"""A person who wants to know why a figure is what it is, in a real headless Chromium."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from tests.support.console import PATIENCE_MS, console
from tests.support.past import Lived, live
from tests.support.served import served
from tests.support.town import settings_for
from vms.gb28181.ids import ChannelId, DeviceId

SITE = ZoneInfo("Asia/Shanghai")
NORTH, SOUTH = "340202", "340207"
GATE = (DeviceId("34020000001180000001"), ChannelId("34020000001320000001"))
YARD = (DeviceId("34020000001180000002"), ChannelId("34020000001320000002"))

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def city(folder: Path) -> AsyncGenerator[Page]:
    """Two cameras; yesterday the one in the north was away from 12:00 to 18:00."""
    today = datetime.combine(datetime.now(SITE).date(), time(), SITE)
    yesterday = today - timedelta(days=1)
    away = (yesterday + timedelta(hours=12), yesterday + timedelta(hours=18))
    cameras = [
        Lived(*GATE, name="North gate", division=NORTH, away=[away]),
        Lived(*YARD, name="South yard", division=SOUTH),
    ]
    await live(settings_for(folder), today - timedelta(days=3), cameras)
    async with served(folder) as place, console(place) as somebody:
        yield somebody.page


async def test_a_rate_leads_to_its_camera_and_to_the_interval_that_it_is_made_of(
    tmp_path: Path,
) -> None:
    async with city(tmp_path) as page:
        # when somebody looks at yesterday
        await page.get_by_test_id("nav-figures").click()
        await page.get_by_test_id("period-yesterday").click()

        # then 6 of 48 camera hours are missing, all of them in the north: 87.5 % and 75 %
        total = page.get_by_test_id("rate-total")
        await expect(total).to_contain_text("87.50 %", timeout=PATIENCE_MS)
        await expect(total).to_contain_text("Target missed")
        ranking = page.get_by_test_id("ranking")
        await expect(ranking.get_by_test_id(f"rate-of-{NORTH}")).to_have_text("75.00 %")
        await expect(ranking.get_by_test_id(f"rate-of-{SOUTH}")).to_have_text("100.00 %")

        # and the address says what is shown
        assert page.url.endswith("/figures?period=yesterday")
        await page.reload()
        await expect(page.get_by_test_id("rate-total")).to_contain_text(
            "87.50 %", timeout=PATIENCE_MS
        )

        # and the region leads to its camera, the camera to its intervals, these to the device
        await page.get_by_test_id(f"rate-{NORTH}").click()
        behind = page.get_by_test_id("channels-behind")
        await behind.get_by_test_id("rate-{}/{}".format(*GATE)).click(timeout=PATIENCE_MS)
        missing = page.get_by_test_id("ledger").locator("tr", has_text="Fell silent")
        await expect(missing).to_contain_text("12:00:00", timeout=PATIENCE_MS)
        await expect(missing).to_contain_text("18:00:00")
        await expect(missing).to_contain_text("06:00:00")
        await page.get_by_test_id("ledger-diagnosis").click()
        await page.wait_for_url(f"**/devices/{GATE[0]}?tab=diagnosis")


async def test_hours_worst_list_and_crossing_are_tables_that_can_be_clicked(
    tmp_path: Path,
) -> None:
    async with city(tmp_path) as page:
        await page.get_by_test_id("nav-figures").click()
        await page.get_by_test_id("period-yesterday").click()
        await page.get_by_test_id("tab-heat").click()
        await page.get_by_test_id("heat-day").click()
        noon = page.get_by_test_id("heat").get_by_role("button", name=" 12:00 50.00 %")
        await noon.click(timeout=PATIENCE_MS)
        behind = page.get_by_test_id("channels-behind")
        await expect(behind).to_contain_text("North gate", timeout=PATIENCE_MS)
        await page.keyboard.press("Escape")

        await page.get_by_test_id("tab-worst").click()
        await expect(page.get_by_test_id("worst").locator("tbody tr")).to_have_count(
            1, timeout=PATIENCE_MS
        )

        await page.get_by_test_id("tab-line").click()
        under = page.get_by_test_id("under-the-line")
        await expect(under.locator("tbody tr")).to_have_count(1, timeout=PATIENCE_MS)
        await expect(under).to_contain_text("75.00 %")


async def test_the_big_screen_fits_its_wall_and_says_when_the_sign_in_ran_out(
    tmp_path: Path,
) -> None:
    async with city(tmp_path) as page:
        await page.get_by_test_id("nav-figures").click()
        await page.get_by_test_id("figures-screen").click()
        for width, height in ((1920, 1080), (3840, 2160)):
            await page.set_viewport_size({"width": width, "height": height})
            await expect(page.get_by_test_id("screen-rate")).to_have_text(
                "0.00 %", timeout=PATIENCE_MS
            )
            await page.locator("canvas").wait_for()
            wanted = await page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            )
            assert wanted == [width, height]

        await page.context.clear_cookies()

        await page.get_by_test_id("screen-ran-out").wait_for(timeout=PATIENCE_MS)
        assert page.url.endswith("/figures/screen")
