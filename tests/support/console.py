"""A person at the web page: signs in, clicks, looks; what the page should not do fails the test."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Locator, Page, Request

from tests.support.chromium import open_page
from tests.support.tools import ROOT
from tests.support.town import ADMIN_PASSWORD
from tests.support.waiting import until_async

OBSERVER = ROOT / "tests" / "support" / "observer.js"
PATIENCE_MS = 45_000
TONE_HZ = 1_000
BIN_HZ = 48_000 / 8_192
PURE_DB = 20
SOUND_LIMIT_S = 20.0


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


class Place(Protocol):
    """A server that answers at `url`."""

    @property
    def url(self) -> str:
        """Without a slash behind it."""
        ...


@dataclass
class Console:
    """The page in a browser, and what it did that it should not."""

    place: Place
    page: Page
    complaints: list[str] = field(default_factory=list[str])

    @classmethod
    async def open(cls, place: Place, page: Page) -> "Console":
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
async def console(place: Place) -> AsyncGenerator[Console]:
    """Somebody at a computer of their own. Whatever the page should not do fails the test."""
    async with open_page() as page:
        somebody = await Console.open(place, page)
        yield somebody
        assert somebody.complaints == []
