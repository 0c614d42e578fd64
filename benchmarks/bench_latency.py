"""How long a picture takes: the first one of a viewer, and each one from camera to viewer.

    .venv/bin/python -m benchmarks.bench_latency [--attempts 10] [--pictures 200] [--only WHEP]

`vms serve` with its workers, a simulated camera (640 by 360, 25 pictures a second, a key picture
every 2 s or when asked, sound) and Chromium, each in processes of their own on loopback. WHEP and
fMP4 are watched by the page: it chooses WHEP, and fMP4 where the browser has no WebRTC. The others
are watched by FFmpeg's libraries.

First picture: in the page from the click on the camera to the first picture in the video element,
by Chromium's clock; by FFmpeg from the request for the live session to the first picture decoded.
The stream runs (somebody else watches it), or the camera is to be invited first.

Camera to viewer: the wall clock when a picture is drawn to a canvas, or was decoded, less the wall
clock that the camera drew into it before it coded it; one machine, one clock. Viewers have caught
up by then.

Fails when a picture does not come.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import httpx

from benchmarks.latency_viewers import FfmpegViewer, PageViewer, Stage, Viewer
from benchmarks.support import Table, run_benchmark
from tests.adversity.processes import (
    DOMAIN,
    HOST,
    PASSWORD,
    SERVER_ID,
    ServerProcess,
    server_process,
)
from tests.support.chromium import open_page
from tests.support.console import GATE, Console
from tests.support.tools import ROOT, prepare_environment
from tests.support.waiting import until_async

ONLINE_LIMIT_S = 30.0
WORKERS = 2
RUNNING_AIM_MS, COLD_AIM_MS = 300, 1_000
WHEP = "WHEP"
PAGES = {WHEP: "", "fMP4 by WebSocket": "delete window.RTCPeerConnection"}
"""What runs in the browser before the page does."""

DELAY_AIMS_MS = {WHEP: 250}
PLAYERS: dict[str, tuple[str, dict[str, str]]] = {
    "FLV": ("flv", {}),
    "RTSP": ("rtsp", {"rtsp_transport": "tcp"}),
    "HLS": ("hls", {"live_start_index": "-1"}),
}
"""The URL that FFmpeg is given, and what it is told."""


@asynccontextmanager
async def simulated(server: ServerProcess) -> AsyncGenerator[None]:
    """The camera, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vms", "simulate", "--server", f"{HOST}:{server.sip_port}"),
        *("--server-id", SERVER_ID, "--domain", DOMAIN, *GATE.options),
        cwd=ROOT,
        env=os.environ | {"GB28181_PASSWORD": PASSWORD},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def running(stage: Stage) -> AsyncGenerator[None]:
    """Somebody else watches."""

    async def watch() -> None:
        url = await stage.url("flv")
        async with (
            httpx.AsyncClient(follow_redirects=True) as client,
            client.stream("GET", url) as answer,
        ):
            async for data in answer.raise_for_status().aiter_raw():
                if data:
                    has_begun.set()

    has_begun = asyncio.Event()
    watching = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(ONLINE_LIMIT_S):
            await has_begun.wait()
        yield
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def measure(
    table: Table, stage: Stage, name: str, viewer: Viewer, options: argparse.Namespace
) -> None:
    """The three rows of one form."""

    async def firsts(before: Callable[[], Awaitable[None]] | None) -> str:
        found: list[float] = []
        for _ in range(options.attempts):
            if before is not None:
                await before()
            found.append(await viewer.first_picture_ms())
        return f"{median(found):.0f} ms, at most {max(found):.0f} ms"

    times = f"{options.attempts} times"
    async with running(stage):
        # What is loaded once, the page's player for instance, is loaded by now.
        await viewer.first_picture_ms()
        aim = f"{times}; aim {RUNNING_AIM_MS} ms"
        table.row(f"{name}: first picture, stream runs", await firsts(None), "", aim)
    aim = f"{times}; aim {COLD_AIM_MS} ms"
    figure = await firsts(stage.end_sessions)
    table.row(f"{name}: first picture, camera to be invited", figure, "", aim)
    delays = sorted(await viewer.delays_ms(options.pictures))
    aim = f"; aim {DELAY_AIMS_MS[name]} ms" if name in DELAY_AIMS_MS else ""
    table.row(
        f"{name}: camera to viewer",
        f"{median(delays):.0f} ms, 95 of 100 within {delays[len(delays) * 95 // 100]:.0f} ms",
        "",
        f"{len(delays)} pictures{aim}",
    )
    await stage.end_sessions()


async def bench(options: argparse.Namespace) -> None:
    """Every form, one after the other."""
    table = Table("First picture and delay: a simulated camera, 360p25 H.264, G.711A")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = f"sqlite+aiosqlite:///{folder / 'vms.db'}"
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(
                server_process(folder, database, media__workers=str(WORKERS))
            )
            api = await stack.enter_async_context(server.client())
            await stack.enter_async_context(simulated(server))
            await until_online(api)
            stage = Stage(api, GATE)
            for form in options.only or (*PAGES, *PLAYERS):
                viewer: Viewer
                if form in PAGES:
                    page = await stack.enter_async_context(open_page())
                    await page.add_init_script(PAGES[form])
                    console = await Console.open(server, page)
                    viewer = PageViewer(console, GATE, by_webrtc=form == WHEP)
                else:
                    viewer = FfmpegViewer(stage, *PLAYERS[form])
                await measure(table, stage, form, viewer, options)


async def until_online(api: httpx.AsyncClient) -> None:
    """Until the camera has registered and told its channels."""

    async def channels() -> int:
        answer = await api.get(f"/devices/{GATE.device_id}")
        return answer.json()["channel_count"] if answer.status_code == 200 else 0

    await until_async(channels, lambda count: count > 0, ONLINE_LIMIT_S)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=10, help="first pictures of each kind")
    parser.add_argument("--pictures", type=int, default=200, help="whose delay is measured")
    parser.add_argument("--only", nargs="+", choices=(*PAGES, *PLAYERS), help="these forms")
    options = parser.parse_args()
    prepare_environment()
    run_benchmark(lambda: asyncio.run(bench(options)))


if __name__ == "__main__":
    main()
