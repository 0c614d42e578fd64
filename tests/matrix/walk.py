"""The stage of the matrix: a server with workers, a camera of each kind, and who looks."""

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from playwright.async_api import Page

from tests.matrix.cells import CODECS, SOUNDS, Cell, Proof
from tests.matrix.viewers import (
    CHROMIUM_VIEWER,
    ProofError,
    chromium_proof,
    ffmpeg,
    ffmpeg_proof,
    pyav,
    web_socket,
)
from tests.support.chromium import open_page
from tests.support.console import OBSERVER, Camera
from tests.support.served import Served, served

WORKERS = 2
BRIEF = ("-analyzeduration", "500000")
"""Half a second is enough to know a stream by; ffmpeg's own limit is five."""


def cameras() -> dict[tuple[str, str], Camera]:
    """A device with one channel for each codec and sound."""
    return {
        (codec, sound): Camera(
            f"340200000011800{number:02d}001", f"340200000013200{number:02d}001", codec, sound
        )
        for number, (codec, sound) in enumerate(product(CODECS, SOUNDS), start=1)
    }


@dataclass(frozen=True, slots=True)
class Walk:
    """A server that runs, its cameras, and a page of its host."""

    place: Served
    cameras: dict[tuple[str, str], Camera]
    page: Page

    async def prove(self, cell: Cell) -> Proof:
        """A session of its own for this cell, from the request to the picture; `ProofError`."""
        camera = self.cameras[cell.codec, cell.sound]
        has_sound = cell.sound != "none"
        clicked_s = time.monotonic()
        try:
            url = await self._url(camera, cell)
            if cell.form == "whep" or (cell.form, cell.codec) == ("fmp4", "h264"):
                proof = await chromium_proof(
                    self.page, cell.form, url, camera.channel_id, clicked_s, has_sound=has_sound
                )
            else:
                by_pyav = (cell.form, cell.codec) == ("flv", "h265")
                proof = await ffmpeg_proof(
                    partial(pyav, url) if by_pyav else partial(ffmpeg, _source(cell.form, url)),
                    camera.channel_id,
                    clicked_s,
                    peer="PyAV" if by_pyav else "ffmpeg",
                    codec=cell.codec,
                    has_sound=has_sound,
                    feed=web_socket(url) if cell.form == "fmp4" else None,
                )
            await self._check_transport(camera, cell)
        finally:
            await self.place.end_sessions()
        return proof

    async def _url(self, camera: Camera, cell: Cell) -> str:
        path = f"/devices/{camera.device_id}/channels/{camera.channel_id}/live"
        answer = await self.place.api.post(path, params={"transport": cell.transport})
        if answer.status_code != 201:
            raise ProofError(answer.text)
        return str(answer.json()["urls"][cell.form])

    async def _check_transport(self, camera: Camera, cell: Cell) -> None:
        """It came as it was asked for, in the coding that the camera was told to use."""
        sessions = (await self.place.api.get("/sessions")).json()["items"]
        [session] = [each for each in sessions if each["channel_id"] == camera.channel_id]
        came = session["transport"], session["codec"]
        if came != (cell.transport, cell.codec):
            raise ProofError(f"it came as {came}")


def _source(form: str, url: str) -> list[str]:
    """What ffmpeg is told about its input."""
    match form:
        case "rtsp":
            return [*BRIEF, "-rtsp_transport", "tcp", "-i", url]
        case "fmp4":
            return [*BRIEF, "-f", "mp4", "-i", "pipe:0"]
        case "hls":
            return [*BRIEF, "-live_start_index", "-1", "-i", url]
        case _:
            return [*BRIEF, "-i", url]


@asynccontextmanager
async def walking(folder: Path) -> AsyncGenerator[Walk]:
    """Everything up and every camera online."""
    ours = cameras()
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(
            served(folder, media__workers=str(WORKERS), media__idle_s="30")
        )
        for camera in ours.values():
            await stack.enter_async_context(place.cameras(*camera.options))
        for camera in ours.values():
            await place.until_online(camera.device_id)
        page = await stack.enter_async_context(open_page())
        await page.goto(place.url)
        await page.evaluate(OBSERVER.read_text(encoding="utf-8"))
        await page.evaluate(CHROMIUM_VIEWER)
        yield Walk(place, ours, page)
