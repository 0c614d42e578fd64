"""Who looks at a simulated camera, the page in Chromium or FFmpeg, and tells how long it took."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import av
import httpx
from av.error import FFmpegError
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator

from benchmarks.support import LostError, check_equal
from tests.support.block_digits import luma_of, read_test_card
from tests.support.console import Camera, Console
from tests.support.waiting import until_async

PICTURE_LIMIT_S = 20.0
SETTLE_S = 5.0
"""A viewer begins with what came since the key picture, and plays it faster until it is live."""

PICTURES_PER_S = 25
PROBE = {"analyzeduration": "100000"}
"""A tenth of a second is enough to know our streams by; FFmpeg's own limit is five."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A camera of a server that runs, and a client of its API that is signed in."""

    api: httpx.AsyncClient
    camera: Camera

    async def url(self, form: str) -> str:
        """Starts or joins the live session."""
        path = f"/devices/{self.camera.device_id}/channels/{self.camera.channel_id}/live"
        answer = await self.api.post(path)
        return str(answer.raise_for_status().json()["urls"][form])

    async def end_sessions(self) -> None:
        """Until the camera is invited nowhere."""

        async def left() -> int:
            sessions = (await self.api.get("/sessions")).raise_for_status().json()["items"]
            for session in sessions:
                await self.api.delete(f"/sessions/{session['session_id']}")
            return len(sessions)

        await until_async(left, lambda count: count == 0, PICTURE_LIMIT_S)


class Viewer(Protocol):
    """One way to watch. Raises `LostError` where no picture comes."""

    async def first_picture_ms(self) -> float:
        """Begin, and leave again: from the wish to watch to the first picture."""
        ...

    async def delays_ms(self, pictures: int) -> list[float]:
        """Of so many pictures one after the other, once it is live: the wall clock when one is
        there, less the clock drawn into it when it was made."""
        ...


class PageViewer:
    """The page, in the form that it chooses in this browser; `by_webrtc`: which that is to be."""

    def __init__(self, page: Console, camera: Camera, *, by_webrtc: bool) -> None:
        self._page = page
        self._camera = camera
        self._by_webrtc = by_webrtc

    async def first_picture_ms(self) -> float:
        """See `Viewer`: from the click on the camera, as the page measures it."""
        try:
            tile = await self._page.click(self._camera)
            ms = await self._page.first_frame_ms(tile)
            await self._leave(tile)
        except PlaywrightError as error:
            raise LostError(f"no picture in Chromium: {error}") from error
        return ms

    async def delays_ms(self, pictures: int) -> list[float]:
        """See `Viewer`: by Chromium's own clock, when its canvas got the picture."""
        try:
            tile = await self._page.click(self._camera)
            await self._page.first_frame_ms(tile)
            await asyncio.sleep(SETTLE_S)
            async with asyncio.timeout(PICTURE_LIMIT_S + pictures / PICTURES_PER_S):
                found: list[float] = await tile.locator("video").evaluate(
                    "(video, pictures) => observer.behind(video, pictures)", pictures
                )
            await self._leave(tile)
        except (PlaywrightError, TimeoutError) as error:
            raise LostError(f"no pictures in Chromium: {error}") from error
        return found

    async def _leave(self, tile: Locator) -> None:
        has_tracks = await tile.locator("video").evaluate("video => video.srcObject !== null")
        check_equal("played by WebRTC", has_tracks, self._by_webrtc)
        await tile.hover()
        await tile.get_by_test_id("close").click()


class FfmpegViewer:
    """FFmpeg's libraries in a thread of this process."""

    def __init__(self, stage: Stage, form: str, options: Mapping[str, str]) -> None:
        self._stage = stage
        self._form = form
        self._options = {**PROBE, **options}

    async def first_picture_ms(self) -> float:
        """See `Viewer`: from the request for the live session; what FFmpeg probes is included."""
        began_s = time.monotonic()
        url = await self._stage.url(self._form)
        first_s, _ = await asyncio.to_thread(self._watch, url, 0)
        return (first_s - began_s) * 1e3

    async def delays_ms(self, pictures: int) -> list[float]:
        """See `Viewer`: when it is decoded."""
        skipped = round(SETTLE_S * PICTURES_PER_S)
        url = await self._stage.url(self._form)
        _, delays = await asyncio.to_thread(self._watch, url, skipped + pictures)
        return delays[skipped:]

    def _watch(self, url: str, pictures: int) -> tuple[float, list[float]]:
        first_s = 0.0
        delays: list[float] = []
        try:
            with av.open(url, options=self._options, timeout=PICTURE_LIMIT_S) as container:
                # Several threads would hold back a picture each.
                container.streams.video[0].codec_context.thread_count = 1
                for frame in container.decode(video=0):
                    now_ms = time.time() * 1e3
                    first_s = first_s or time.monotonic()
                    if len(delays) >= pictures:
                        break
                    delays.append(now_ms - read_test_card(luma_of(frame)).clock_ms)
        except FFmpegError as error:
            raise LostError(f"no picture by {self._form}: {error}") from error
        if not first_s or len(delays) < pictures:
            raise LostError(f"{len(delays)} pictures by {self._form}")
        return first_s, delays
