"""A person at the web page, played by a real headless Chromium, before cameras on real sockets."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Locator

from tests.support.chromium import add_whep_player, open_page
from tests.support.console import GATE, OBSERVER, PATIENCE_MS, YARD, Camera, console
from tests.support.served import served

PAUSE_MS = 2_000
CLOCK_TOLERANCE_MS = 700
"""On a machine with other tests beside, a picture may come late by so much."""

Record = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(240)


async def check_cards(videos: Locator, *cameras: Camera, record: Record) -> None:
    """The videos show these cameras' cards, and their clocks go as fast as the browser's."""
    before, after = await videos.evaluate_all(
        "(videos, pauseMs) => observer.readTwice(videos, pauseMs)", PAUSE_MS
    )
    channels = [camera.channel_id for camera in cameras]
    assert [card["identifier"] for card in before] == channels
    assert [card["identifier"] for card in after] == channels
    for camera, first, second in zip(cameras, before, after, strict=True):
        advance_ms = second["clock_ms"] - first["clock_ms"]
        elapsed_ms = second["at_ms"] - first["at_ms"]
        assert abs(elapsed_ms - PAUSE_MS) < CLOCK_TOLERANCE_MS
        assert abs(advance_ms - elapsed_ms) <= CLOCK_TOLERANCE_MS
        record(f"clock_{camera.codec}_ms", f"{advance_ms} in {elapsed_ms:.0f}")
        record(f"delay_camera_to_canvas_{camera.codec}_ms", second["behind_ms"])


async def test_two_cameras_of_both_codecs_play_side_by_side(
    tmp_path: Path, record_property: Record
) -> None:
    async with served(tmp_path) as place, AsyncExitStack() as cameras:
        for camera in (GATE, YARD):
            await cameras.enter_async_context(place.cameras(*camera.options))
        async with console(place) as somebody:
            tiles = {camera: await somebody.click(camera) for camera in (GATE, YARD)}
            for camera, tile in tiles.items():
                ms = await somebody.first_frame_ms(tile)
                record_property(f"click_to_first_frame_{camera.codec}_ms", ms)

            videos = somebody.page.locator("[data-state=playing] video")
            await check_cards(videos, GATE, YARD, record=record_property)

            for camera, tile in tiles.items():
                tone = await somebody.loudest(tile)
                record_property(f"tone_{camera.audio}_hz", f"{tone['hz']:.0f}")
            converted = somebody.page.get_by_test_id("way")
            assert await converted.count() == 1
            assert await tiles[YARD].get_by_test_id("way").is_visible()


async def test_two_people_who_watch_one_camera_make_one_invite(
    tmp_path: Path, record_property: Record
) -> None:
    async with (
        served(tmp_path) as place,
        place.cameras(*GATE.options) as summary,
        console(place) as one,
        console(place) as other,
    ):
        for name, somebody in (("one", one), ("other", other)):
            ms = await somebody.first_frame_ms(await somebody.click(GATE))
            record_property(f"click_to_first_frame_of_{name}_ms", ms)

        for somebody in (one, other):
            videos = somebody.page.locator("[data-state=playing] video")
            await check_cards(videos, GATE, record=record_property)

    assert summary["invites"] == summary["streams"] == 1


async def test_every_tile_comes_back_when_the_process_that_serves_them_is_killed(
    tmp_path: Path, record_property: Record
) -> None:
    async with (
        served(tmp_path, media__workers="1") as place,
        place.cameras(*GATE.options),
        place.cameras(*YARD.options),
        console(place) as somebody,
    ):
        for camera in (GATE, YARD):
            await somebody.first_frame_ms(await somebody.click(camera))
        [worker] = place.server.media.workers()
        assert worker.pid is not None

        os.kill(worker.pid, signal.SIGKILL)
        killed_ms = time.time_ns() // 1_000_000

        videos = somebody.page.locator("[data-channel-id] video")
        behind_ms = await videos.evaluate_all(
            "(videos, sinceMs) => observer.shownSince(videos, sinceMs)", killed_ms
        )
        record_property("killed_worker_to_fresh_pictures_ms", behind_ms)


async def test_a_camera_that_sends_nothing_is_explained_in_its_tile(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as place,
        place.cameras(*GATE.options, "--fault", "no-media"),
        console(place) as somebody,
    ):
        tile = await somebody.click(GATE)

        failure = tile.get_by_test_id("failure")
        await failure.wait_for(timeout=PATIENCE_MS)

        words = await failure.inner_text()
        assert "The device accepted the call but sends nothing." in words
        assert "firewall or NAT" in words
        assert await tile.get_attribute("data-cause") == "no_packets"


async def test_a_device_that_knocks_is_let_in_and_comes_online(tmp_path: Path) -> None:
    async with served(tmp_path, sip__admission="approve") as place, console(place) as somebody:
        page = somebody.page
        await page.get_by_test_id("nav-devices").click()
        await page.get_by_test_id("tab-waiting").click()
        async with place.cameras(*GATE.options):
            await page.get_by_test_id(f"approve-{GATE.device_id}").click(timeout=PATIENCE_MS)
            await page.get_by_test_id("approve-submit").click()

            verdict = page.get_by_test_id("register-verdict")
            await verdict.and_(page.locator("[data-verdict=ok]")).wait_for(timeout=PATIENCE_MS)

            await page.keyboard.press("Escape")
            await page.get_by_test_id("nav-live").click()
            await somebody.first_frame_ms(await somebody.click(GATE))


async def test_a_viewer_that_is_not_the_page_plays_by_whep_with_the_urls_token(
    tmp_path: Path, record_property: Record
) -> None:
    async with served(tmp_path) as place, place.cameras(*GATE.options), open_page() as page:
        await place.until_online(GATE.device_id)
        url = await place.whep_url(GATE.device_id, GATE.channel_id)
        await page.add_init_script(path=OBSERVER)
        await add_whep_player(page, place.url, url)

        await page.evaluate("play('a')")

        await check_cards(page.locator("video"), GATE, record=record_property)
        assert [await page.evaluate("leave()") for _ in range(2)] == [204, 404]
