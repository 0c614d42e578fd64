"""A person at the web page, played by a real headless Chromium, before cameras on real sockets."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.async_api import ConsoleMessage, Locator, Page, Request

from tests.support.chromium import add_whep_player, open_page
from tests.support.served import Served, served
from tests.support.tools import ROOT
from tests.support.town import ADMIN_PASSWORD
from tests.support.waiting import until_async

OBSERVER = ROOT / "tests" / "support" / "observer.js"
PATIENCE_MS = 45_000
PAUSE_MS = 2_000
CLOCK_TOLERANCE_MS = 300
TONE_HZ = 1_000
BIN_HZ = 48_000 / 8_192
PURE_DB = 20
SOUND_LIMIT_S = 20.0

Record = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(240)


class Camera(NamedTuple):
    """A simulated device with one channel."""

    device_id: str
    channel_id: str
    codec: str
    audio: str

    @property
    def options(self) -> tuple[str, ...]:
        return (
            *("--first-id", self.device_id, "--codec", self.codec, "--audio", self.audio),
            *("--keepalive", "20"),
        )


GATE = Camera("34020000001180000001", "34020000001320000001", "h264", "g711a")
YARD = Camera("34020000001180000501", "34020000001320000501", "h265", "aac")


@dataclass
class Console:
    """The page in a browser, and what it did that it should not."""

    place: Served
    page: Page
    complaints: list[str] = field(default_factory=list[str])

    @classmethod
    async def open(cls, place: Served, page: Page) -> "Console":
        """Sign in as a person does."""
        console = cls(place, page)
        page.on("console", console._heard)
        page.on("pageerror", lambda error: console.complaints.append(f"error: {error}"))
        page.on("request", console._requested)
        await page.add_init_script(path=OBSERVER)
        await page.goto(place.url)
        await page.get_by_test_id("login-username").fill("admin")
        await page.get_by_test_id("login-password").fill(ADMIN_PASSWORD)
        await page.get_by_test_id("login-submit").click()
        await page.get_by_test_id("wall").wait_for(timeout=PATIENCE_MS)
        return console

    def _heard(self, message: ConsoleMessage) -> None:
        # A refused request is told by the page itself, and before the sign-in there is one.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _requested(self, request: Request) -> None:
        parts, ours = urlsplit(request.url), urlsplit(self.place.url)
        if parts.scheme not in {"data", "blob"} and parts[:2] != ours[:2]:
            self.complaints.append(f"request: {request.url}")

    async def click(self, camera: Camera) -> Locator:
        """Click on a channel in the tree, once it is there and online; its tile."""
        row = self.page.get_by_test_id(f"channel-{camera.device_id}-{camera.channel_id}")
        await row.and_(self.page.locator("[data-status=online]")).click(timeout=PATIENCE_MS)
        return self.page.locator(f'[data-channel-id="{camera.channel_id}"]')

    async def first_frame_ms(self, tile: Locator) -> int:
        """From the click to the first frame, as the page measured it; waits for that frame."""
        await tile.and_(self.page.locator("[data-first-frame-ms]")).wait_for(timeout=PATIENCE_MS)
        return int(await tile.get_attribute("data-first-frame-ms") or 0)

    async def loudest(self, tile: Locator) -> dict[str, float]:
        """What the tile's stream sounds of, once that is a pure tone of 1 kHz."""

        async def listen() -> dict[str, float]:
            heard: dict[str, float] = await tile.locator("video").evaluate(
                "video => observer.loudest(video.srcObject)"
            )
            return heard

        return await until_async(
            listen,
            lambda heard: abs(heard["hz"] - TONE_HZ) <= BIN_HZ and heard["above_db"] > PURE_DB,
            SOUND_LIMIT_S,
        )


@asynccontextmanager
async def console(place: Served) -> AsyncGenerator[Console]:
    """Somebody at a computer of their own. Whatever the page should not do fails the test."""
    async with open_page() as page:
        somebody = await Console.open(place, page)
        yield somebody
        assert somebody.complaints == []


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
            converted = somebody.page.get_by_test_id("transcoding")
            assert await converted.count() == 1
            assert await tiles[YARD].get_by_test_id("transcoding").is_visible()


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
