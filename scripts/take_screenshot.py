"""Makes `docs/images/live.png`: the page before four simulated cameras, one of them H.265.

Run it from the root of the repository after `make setup-tests`:
`.venv/bin/python -m scripts.take_screenshot`
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import ViewportSize

from tests.support.chromium import open_page
from tests.support.served import Served, served
from tests.support.tools import ROOT, prepare_environment
from tests.support.town import ADMIN_PASSWORD

PICTURE = ROOT / "docs" / "images" / "live.png"
SIZE: ViewportSize = {"width": 1280, "height": 800}
NAMES = {
    "34020000001180000001": ("East gate", "h264"),
    "34020000001180000002": ("Car park", "h264"),
    "34020000001180000003": ("Lobby", "h264"),
    "34020000001180000004": ("Loading bay", "h265"),
}
LIMIT_MS = 60_000
ALL_PLAY = """
() => [...document.querySelectorAll('video')].filter(video => video.currentTime > 3).length === 4
"""


async def take(place: Served) -> None:
    """Sign in, play all four, wait until each has shown pictures for a while."""
    async with open_page() as page:
        await page.set_viewport_size(SIZE)
        await page.goto(place.url)
        await page.get_by_test_id("login-username").fill("admin")
        await page.get_by_test_id("login-password").fill(ADMIN_PASSWORD)
        await page.get_by_test_id("login-submit").click()
        for device_id in NAMES:
            row = page.get_by_test_id(f"channel-{device_id}-{channel_of(device_id)}")
            await row.click(timeout=LIMIT_MS)
        await page.wait_for_function(ALL_PLAY, timeout=LIMIT_MS)
        await page.mouse.move(SIZE["width"] / 2, 5)
        await page.screenshot(path=PICTURE)


def channel_of(device_id: str) -> str:
    """The ID of a simulated device's only channel."""
    return device_id.replace("118", "132", 1)


async def main() -> None:
    """A server and four cameras with names, for as long as the picture takes."""
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder)) as place, AsyncExitStack() as cameras:
            for device_id, (name, codec) in NAMES.items():
                camera = place.cameras("--first-id", device_id, "--codec", codec)
                await cameras.enter_async_context(camera)
                await place.until_online(device_id)
                device = f"/devices/{device_id}"
                for path in (device, f"{device}/channels/{channel_of(device_id)}"):
                    answer = await place.api.patch(path, json={"name": name})
                    answer.raise_for_status()
            await take(place)


if __name__ == "__main__":
    prepare_environment()
    asyncio.run(main())
